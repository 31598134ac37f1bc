// That a server has of a user what a replay of the whole log has, to the byte: the state, and the
// features of the next request.
//
//   ExpectParity(service, source, "u7", /*events=*/12, next);
#ifndef UPNEXT_TESTS_PARITY_H_
#define UPNEXT_TESTS_PARITY_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "examples/replay.h"
#include "features/feature_extractor.h"
#include "serving/request_context.h"
#include "serving/service.h"

namespace upnext {

// All features of a user and a request, computed as in the engine: of every item, in turn from every
// source and from none.
struct Features {
  features::FeatureBlock candidate, query, impressions;

  Features(const features::FeatureStatistics& tables, const catalogue::Catalogue& catalogue,
           const features::UserState& state, uint32_t user, const features::Context& context) {
    features::FeatureExtractor(tables, catalogue, features::Model::kRetrieval)
        .AppendQuery(state, user, context, &candidate);
    const features::FeatureExtractor ranking(tables, catalogue, features::Model::kRanking);
    ranking.AppendQuery(state, user, context, &query);
    const uint32_t sources = catalogue.size(schema::IdSpace::kSource);
    for (uint32_t i = 0; i < catalogue.size(schema::IdSpace::kItem); ++i) {
      const uint32_t source = i % (sources + 1);
      ranking.AppendImpression(state, user, context,
                               {.item = i,
                                .source = source < sources ? source : schema::kNone,
                                .source_score = static_cast<float>(i % 7) - 1},
                               &impressions);
    }
  }
};

template <typename T>
bool SameBytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

inline void ExpectSame(const features::FeatureBlock& a, const features::FeatureBlock& b) {
  EXPECT_EQ(features::Digest(a), features::Digest(b));
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.categorical, b.categorical);
  EXPECT_TRUE(SameBytes(a.raw, b.raw));
  EXPECT_TRUE(SameBytes(a.dense, b.dense));
  EXPECT_TRUE(SameBytes(a.duration_s, b.duration_s));
}

inline void ExpectSame(const Features& a, const Features& b) {
  ExpectSame(a.candidate, b.candidate);
  ExpectSame(a.query, b.query);
  ExpectSame(a.impressions, b.impressions);
}

// After `events` events of the user: `next` is the following one (or the last, when there is none),
// which the server is asked with, and which the log has. Both number all names alike.
inline void ExpectParity(const serving::Service& service, const examples::ReplaySource& replay,
                         const std::string& user, size_t events, const schema::RawEvent& next) {
  const auto generation = service.generation();
  const features::FeatureStatistics& tables = generation->bundle().tables();
  const uint32_t id = replay.catalogue.Find(schema::IdSpace::kUser, user);
  ASSERT_NE(id, schema::kNone);
  const uint64_t begin = replay.log.begin(id);
  const features::UserState replayed =
      examples::StateAt(replay, id, begin + events, tables.plan.state());
  const auto served = service.State(user);
  ASSERT_TRUE(served) << served.error().message;
  EXPECT_EQ(served->Serialize(), replayed.Serialize());
  const serving::Request request = {.user = user,
                                    .device = next.device,
                                    .region = next.region,
                                    .current_item = next.current_item,
                                    .attributes = next.attributes,
                                    .time_ms = next.time_ms};
  const serving::RequestContext asked(generation->catalogue(), *served, request);
  const uint64_t row = std::min(begin + events, replay.log.end(id) - 1);
  ExpectSame(Features(tables, generation->catalogue(), *served, asked.user, asked.context),
             Features(tables, replay.catalogue, replayed, id,
                      features::ContextOf(replay.log, row, replay.log.event(row))));
}

}  // namespace upnext

#endif  // UPNEXT_TESTS_PARITY_H_
