#include "retrieval/ensemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/rng.h"

namespace upnext::retrieval {
namespace {

struct JoinedScratch : EncoderScratch {
  std::vector<CandidateModel::Scratch> members;
  std::vector<float> users;  // of one member
};

}  // namespace

JoinedEncoder::JoinedEncoder(std::vector<CandidateModel> members)
    : UserEncoder({}), members_(std::move(members)) {}

nn::EmbeddingTable JoinedEncoder::ItemVectors() const {
  base::Rng rng(0);
  nn::EmbeddingTable items({.rows = members_[0].shape().items, .dim = width(), .scale = 0.0f}, rng);
  std::vector<float> row(items.dim());
  for (uint32_t r = 1; r < items.rows(); ++r) {
    float* at = row.data();
    for (const CandidateModel& member : members_) {
      at = std::ranges::copy(member.item_vectors().Row(r), at).out;
    }
    items.SetRow(r, row);
  }
  return items;
}

size_t JoinedEncoder::width() const {
  size_t width = 0;
  for (const CandidateModel& member : members_) width += member.dim();
  return width;
}

void JoinedEncoder::Encode(const features::FeatureBlock& batch, float* out,
                           std::unique_ptr<EncoderScratch>& scratch,
                           const nn::Compute& compute) const {
  JoinedScratch& work = ScratchOf<JoinedScratch>(scratch);
  work.members.resize(members_.size());
  const size_t stride = width();
  for (size_t m = 0; m < members_.size(); ++m) {
    const size_t dim = members_[m].dim();
    work.users.resize(batch.rows * dim);
    members_[m].UserVectors(batch, work.users.data(), work.members[m], compute);
    for (size_t row = 0; row < batch.rows; ++row) {
      std::copy_n(work.users.data() + row * dim, dim, out + row * stride);
    }
    out += dim;
  }
}

nn::Graph::Value JoinedEncoder::AppendTo(nn::Graph& graph, const std::vector<nn::BagInput>& bags,
                                         const nn::Graph::Value& numbers) const {
  std::vector<nn::Graph::Value> users;
  for (const CandidateModel& member : members_) {
    users.push_back(member.encoder().AppendTo(graph, bags, numbers));
  }
  return graph.Concat(users);
}

void JoinedEncoder::AppendParameters(std::vector<nn::Parameter>& parameters) {
  for (size_t m = 0; m < members_.size(); ++m) {
    for (nn::Parameter& parameter : members_[m].Parameters()) {
      parameter.name = fmt::format("{}.{}", m, parameter.name);
      parameters.push_back(std::move(parameter));
    }
  }
}

size_t JoinedEncoder::multiplications() const {
  size_t sum = 0;
  for (const CandidateModel& member : members_) sum += member.encoder().multiplications();
  return sum;
}

std::unique_ptr<EncoderTraining> JoinedEncoder::MakeTraining(const EncoderDropout&,
                                                             base::ThreadPool&) {
  return nullptr;
}

}  // namespace upnext::retrieval
