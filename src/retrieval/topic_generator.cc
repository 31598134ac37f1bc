#include "retrieval/topic_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <unordered_set>

#include "base/clock.h"
#include "examples/replay.h"
#include "retrieval/category_lists.h"
#include "retrieval/decayed_counts.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

// A list of one topic, on its way into the merge of several.
struct TopicCursor {
  std::span<const ScoredItem> rest;
  uint32_t from;
  size_t order;  // of two with the same item, the one of the newer watch comes first
};
struct LaterCursor {
  bool operator()(const TopicCursor& a, const TopicCursor& b) const {
    const ScoredItem &first = a.rest.front(), &second = b.rest.front();
    return first == second ? a.order > b.order : BetterScore(second, first);
  }
};

}  // namespace

GeneratorLearner TopicGenerator::Learner(const base::ConfigTable& options) {
  const double days = options.Real("half_life_days", kHalfLifeDays, {.min = 0.01, .max = 36'500});
  return [half_life_ms = days * static_cast<double>(base::kDayMs)](
             const LearnInput& input, base::SectionWriter& writer) -> Status {
    const std::vector<ScoredItem> counts = DecayedCounts(input.source, half_life_ms);
    UPNEXT_RETURN_IF_ERROR(SaveScoredLists(
        writer, "topic", ListsByTopic(input.source.catalogue, counts, kItemsPerTopic)));
    return SaveScoredLists(writer, "channel",
                           ListsByChannel(input.source.catalogue, counts, kItemsPerTopic));
  };
}

Result<std::unique_ptr<const Generator>> TopicGenerator::Load(LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists topics,
                          ScoredLists::Load(*input.part, "topic", input.items));
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists channels,
                          ScoredLists::Load(*input.part, "channel", input.items));
  return std::unique_ptr<const Generator>(
      new TopicGenerator(*std::move(input.part), topics, channels));
}

void TopicGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                             std::vector<Candidate>* out) const {
  std::priority_queue<TopicCursor, std::vector<TopicCursor>, LaterCursor> lists;
  std::unordered_set<uint32_t> topics;
  const auto add = [&](uint32_t watched) {
    for (const uint32_t topic : request.catalogue.item(watched).topics) {
      if (!topics.insert(topic).second || topics_.Of(topic).empty()) continue;
      lists.push({topics_.Of(topic), watched, topics.size()});
    }
  };
  if (request.context.current_item != schema::kNone) add(request.context.current_item);
  ForNewestWatches(request.state, kTopicWatches, add);
  // An item has one score, so it comes up in all of its lists one after the other.
  uint32_t last = schema::kNone;
  for (const size_t end = out->size() + n; out->size() < end && !lists.empty();) {
    TopicCursor cursor = lists.top();
    lists.pop();
    const ScoredItem best = cursor.rest.front();
    if (best.item != last && filter.Admits(best.item)) {
      out->push_back({best.item, best.score, cursor.from});
    }
    last = best.item;
    cursor.rest = cursor.rest.subspan(1);
    if (!cursor.rest.empty()) lists.push(cursor);
  }
}

std::string TopicGenerator::Reason(const ProposeRequest& request,
                                   const Candidate& candidate) const {
  return fmt::format("on a topic of {}", TitleOf(request.catalogue, candidate.from));
}

std::vector<ItemsLike> TopicGenerator::Like(const LikeRequest& request) const {
  std::vector<ItemsLike> lists;
  const schema::Item item = request.catalogue.item(request.item);
  for (const uint32_t topic : item.topics) {
    lists.push_back({ItemsLike::By::kCategory, topics_.Of(topic), "popular on the same topic"});
  }
  if (item.channel != schema::kNone) {
    lists.push_back(
        {ItemsLike::By::kCategory, channels_.Of(item.channel), "popular on the same channel"});
  }
  return lists;
}

}  // namespace upnext::retrieval
