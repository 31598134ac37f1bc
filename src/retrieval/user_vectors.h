// Vectors of a sample of users, as queries for measuring an index.
#ifndef UPNEXT_RETRIEVAL_USER_VECTORS_H_
#define UPNEXT_RETRIEVAL_USER_VECTORS_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "retrieval/user_item_model.h"

namespace upnext::retrieval {

// [at most max_users, model.dim()]: users spread evenly over the log, each with the state and
// context of the user's last event in training. Empty when the log has no users. Users for whom a network
// of others fails are left out; fails as it does when it fails for all of the first.
Result<std::vector<float>> SampleUserVectors(const examples::ReplaySource& source,
                                             const features::FeatureStatistics& tables,
                                             const UserItemModel& model, uint32_t max_users,
                                             base::ThreadPool& pool);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_USER_VECTORS_H_
