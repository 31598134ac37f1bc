#include "retrieval/user_vectors.h"

#include <algorithm>
#include <utility>

#include "features/feature_extractor.h"
#include "features/user_state.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

// A network of others has activations for each of them.
constexpr uint32_t kUsersAtOnce = 256;

}  // namespace

Result<std::vector<float>> SampleUserVectors(const examples::ReplaySource& source,
                                             const features::FeatureStatistics& tables,
                                             const UserItemModel& model, uint32_t max_users,
                                             base::ThreadPool& pool) {
  const uint32_t users = source.log.users(), sample = std::min(users, max_users);
  const features::FeatureExtractor extractor(tables, source.catalogue, features::Model::kRetrieval);
  const auto append = [&](uint32_t i, features::FeatureBlock* batch) {
    const auto user = static_cast<uint32_t>(uint64_t{i} * users / sample);
    const uint64_t end_row = source.split.train_end(user);
    features::Context context;
    if (end_row > source.log.begin(user)) {
      const schema::Event last = source.log.event(end_row - 1);
      context = {.time_ms = last.time_ms, .device = last.device, .region = last.region};
    }
    extractor.AppendQuery(examples::StateAt(source, user, end_row, tables.plan.retrieval_state()),
                          user, context, batch);
  };
  UserItemModel::Scratch scratch;
  std::vector<float> vectors;
  // Adds users [begin, end).
  const auto encode = [&](uint32_t begin, uint32_t end) {
    features::FeatureBlock batch;
    for (uint32_t i = begin; i < end; ++i) append(i, &batch);
    const size_t before = vectors.size();
    vectors.resize(before + batch.rows * model.dim());
    Status encoded = model.EncodeUsers(batch, vectors.data() + before, scratch, {.pool = &pool});
    if (!encoded) vectors.resize(before);
    return encoded;
  };
  for (uint32_t begin = 0; begin < sample; begin += kUsersAtOnce) {
    const uint32_t end = std::min(sample, begin + kUsersAtOnce);
    if (encode(begin, end)) continue;
    Status last = Ok();
    for (uint32_t i = begin; i < end; ++i) {
      if (Status one = encode(i, i + 1); !one) last = std::move(one);
    }
    if (vectors.empty()) return std::unexpected(last.error());
  }
  return vectors;
}

}  // namespace upnext::retrieval
