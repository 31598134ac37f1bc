#include "retrieval/topic_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <queue>
#include <unordered_set>

#include "base/clock.h"
#include "examples/replay.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr size_t kTopicWatches = 10;     // newest ones whose topics count
constexpr size_t kItemsPerTopic = 1000;  // the best are kept
constexpr char kTopicOffsets[] = "topic.offsets", kTopicLists[] = "topic.lists";

// Watches by item, each worth 2^-(age / half-life) at the time of the newest of all.
std::vector<ScoredItem> DecayedCounts(const examples::ReplaySource& source, double half_life_ms) {
  struct Sum {
    double value = 0;  // at the time `at_ms`
    int64_t at_ms = 0;
  };
  const auto decay = [&](int64_t ms) { return std::exp2(-static_cast<double>(ms) / half_life_ms); };
  std::vector<Sum> sums(source.log.items());
  int64_t newest_ms = 0;
  ForTrainingWatches(source, [&](uint32_t, const examples::WatchExample& watch) {
    Sum& sum = sums[watch.item];
    if (watch.time_ms >= sum.at_ms) {
      sum = {sum.value * decay(watch.time_ms - sum.at_ms) + 1, watch.time_ms};
    } else {
      sum.value += decay(sum.at_ms - watch.time_ms);
    }
    newest_ms = std::max(newest_ms, watch.time_ms);
  });
  std::vector<ScoredItem> counts;
  for (uint32_t item = 0; item < sums.size(); ++item) {
    const double value = sums[item].value * decay(newest_ms - sums[item].at_ms);
    if (value > 0) counts.push_back({item, static_cast<float>(value)});
  }
  std::ranges::sort(counts, BetterScore);
  return counts;
}

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
  const double days = options.Real("half_life_days", 7, {.min = 0.01, .max = 36'500});
  return [half_life_ms = days * static_cast<double>(base::kDayMs)](
             const LearnInput& input, base::SectionWriter& writer) -> Status {
    std::vector<std::vector<ScoredItem>> lists(
        input.source.log.dictionary(schema::IdSpace::kTopic).size());
    for (const ScoredItem& one : DecayedCounts(input.source, half_life_ms)) {
      for (const uint32_t topic : input.source.catalogue.item(one.item).topics) {
        if (lists[topic].size() < kItemsPerTopic) lists[topic].push_back(one);
      }
    }
    std::vector<uint64_t> offsets{0};
    std::vector<ScoredItem> items;
    for (const std::vector<ScoredItem>& list : lists) {
      items.insert(items.end(), list.begin(), list.end());
      offsets.push_back(items.size());
    }
    UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>(kTopicOffsets, offsets));
    return SaveScoredItems(writer, kTopicLists, items);
  };
}

Result<std::unique_ptr<const Generator>> TopicGenerator::Load(LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const uint64_t> offsets,
                          input.part->Get<uint64_t>(kTopicOffsets));
  UPNEXT_ASSIGN_OR_RETURN(std::vector<ScoredItem> items,
                          LoadScoredItems(*input.part, kTopicLists, input.items));
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != items.size() ||
      !std::ranges::is_sorted(offsets)) {
    return DataLoss("{}: {} does not fit the {} items it should divide; train again",
                    input.part->path().string(), kTopicOffsets, items.size());
  }
  return std::unique_ptr<const Generator>(
      new TopicGenerator({offsets.begin(), offsets.end()}, std::move(items)));
}

std::span<const ScoredItem> TopicGenerator::ItemsOf(uint32_t topic) const {
  if (size_t{topic} + 1 >= offsets_.size()) return {};
  return std::span(items_).subspan(offsets_[topic], offsets_[topic + 1] - offsets_[topic]);
}

void TopicGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                             std::vector<Candidate>* out) const {
  std::priority_queue<TopicCursor, std::vector<TopicCursor>, LaterCursor> lists;
  std::unordered_set<uint32_t> topics;
  const auto add = [&](uint32_t watched) {
    for (const uint32_t topic : request.catalogue.item(watched).topics) {
      if (!topics.insert(topic).second || ItemsOf(topic).empty()) continue;
      lists.push({ItemsOf(topic), watched, topics.size()});
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

}  // namespace upnext::retrieval
