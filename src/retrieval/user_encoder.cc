#include "retrieval/user_encoder.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "retrieval/user_encoders.h"

namespace upnext::retrieval {
namespace {

struct EncoderEntry {
  std::string_view name;
  UserEncoderMaker* make;
  UserEncoderCheck* check;
  UserEncoderWeights* weights;
};

// The first is the default.
constexpr std::array kEncoders{
    EncoderEntry{"bag", MakeBagEncoder, CheckBagEncoder, WeightsOfBagEncoder},
    EncoderEntry{"attention", MakeAttentionEncoder, CheckAttentionEncoder,
                 WeightsOfAttentionEncoder},
};

const EncoderEntry& EncoderOf(const CandidateModelOptions& options) {
  return *std::ranges::find(kEncoders, options.encoder, &EncoderEntry::name);
}

}  // namespace

std::vector<std::string> EncoderNames() {
  std::vector<std::string> names;
  for (const EncoderEntry& entry : kEncoders) names.emplace_back(entry.name);
  return names;
}

std::unique_ptr<UserEncoder> MakeUserEncoder(const CandidateModelOptions& options,
                                             const CandidateShape& shape,
                                             std::vector<nn::EmbeddingTable> tables,
                                             base::Rng& rng) {
  return EncoderOf(options).make(options, shape, std::move(tables), rng);
}

Status CheckEncoder(const CandidateModelOptions& options, const CandidateShape& shape) {
  return EncoderOf(options).check(options, shape);
}

double WeightsOf(const CandidateModelOptions& options, const CandidateShape& shape) {
  return EncoderOf(options).weights(options, shape);
}

}  // namespace upnext::retrieval
