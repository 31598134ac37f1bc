#include "retrieval/user_vectors.h"

#include <algorithm>

#include "features/feature_extractor.h"
#include "features/user_state.h"
#include "schema/event.h"

namespace upnext::retrieval {

Result<std::vector<float>> SampleUserVectors(const examples::ReplaySource& source,
                                             const features::FeatureStatistics& tables,
                                             const UserItemModel& model, uint32_t max_users,
                                             base::ThreadPool& pool) {
  const uint32_t users = source.log.users(), sample = std::min(users, max_users);
  const features::FeatureExtractor extractor(tables, source.catalogue, features::Model::kRetrieval);
  features::FeatureBlock batch;
  for (uint32_t i = 0; i < sample; ++i) {
    const auto user = static_cast<uint32_t>(uint64_t{i} * users / sample);
    const uint64_t end_row = source.split.train_end(user);
    features::Context context;
    if (end_row > source.log.begin(user)) {
      const schema::Event last = source.log.event(end_row - 1);
      context = {.time_ms = last.time_ms, .device = last.device, .region = last.region};
    }
    extractor.AppendQuery(examples::StateAt(source, user, end_row, tables.plan.retrieval_state()),
                          user, context, &batch);
  }
  std::vector<float> vectors(batch.rows * model.dim());
  UserItemModel::Scratch scratch;
  UPNEXT_RETURN_IF_ERROR(model.EncodeUsers(batch, vectors.data(), scratch, {.pool = &pool}));
  return vectors;
}

}  // namespace upnext::retrieval
