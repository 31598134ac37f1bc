#include "retrieval/new_items_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <unordered_set>

#include "examples/replay.h"
#include "retrieval/category_lists.h"
#include "retrieval/new_item_lists.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr size_t kNewItemsWatches = 10;  // newest ones whose topics and channels count
constexpr size_t kNewItemsKept = 200;    // by topic and by channel, and of all

// The items without a watch, newest first, of equally new ones the one that was named last.
std::vector<ScoredItem> Unwatched(const examples::ReplaySource& source) {
  const std::vector<uint64_t> watches = CountWatches(source);
  std::vector<ScoredItem> items;
  for (uint32_t item = 0; item < watches.size(); ++item) {
    const schema::Item attributes = source.catalogue.item(item);
    if (watches[item] > 0 || attributes.removed) continue;
    items.push_back({item, NewItemScore(attributes)});
  }
  std::ranges::sort(items, NewestFirst());
  return items;
}

// A list on its way into the turns.
struct NewItemsCursor {
  std::span<const ScoredItem> rest;
  uint32_t from;
};

// The lists of a request: those of the bundle, and what was posted since, which is newer and therefore
// before them.
class NewItemsTurns {
 public:
  explicit NewItemsTurns(const NewItemLists* posted) : posted_(posted) {}
  // `newer(lists)`: of what was posted.
  template <typename Newer>
  void Add(std::span<const ScoredItem> list, uint32_t from, const Newer& newer) {
    if (posted_ != nullptr) {
      owned_.push_back(newer(*posted_));
      cursors_.push_back({owned_.back(), from});
    }
    cursors_.push_back({list, from});
  }
  std::vector<NewItemsCursor>& cursors() { return cursors_; }

 private:
  const NewItemLists* const posted_;
  std::deque<std::vector<ScoredItem>> owned_;
  std::vector<NewItemsCursor> cursors_;
};

}  // namespace

GeneratorLearner NewItemsGenerator::Learner(const base::ConfigTable&) {
  return [](const LearnInput& input, base::SectionWriter& writer) -> Status {
    const std::vector<ScoredItem> items = Unwatched(input.source);
    UPNEXT_RETURN_IF_ERROR(SaveScoredLists(
        writer, "topic", ListsByTopic(input.source.catalogue, items, kNewItemsKept)));
    UPNEXT_RETURN_IF_ERROR(SaveScoredLists(
        writer, "channel", ListsByChannel(input.source.catalogue, items, kNewItemsKept)));
    LearnedLists all;
    all.Append(std::span(items).first(std::min(items.size(), kNewItemsKept)));
    return SaveScoredLists(writer, "all", all);
  };
}

Result<std::unique_ptr<const Generator>> NewItemsGenerator::Load(LoadInput input) {
  const auto load = [&](const char* name) {
    return ScoredLists::Load(*input.part, name, input.items);
  };
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists topics, load("topic"));
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists channels, load("channel"));
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists all, load("all"));
  return std::unique_ptr<const Generator>(
      new NewItemsGenerator(*std::move(input.part), topics, channels, all));
}

Status NewItemsGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                  std::vector<Candidate>* out) const {
  auto exists = [&](uint32_t item) {
    return request.catalogue.item(item).created_ms <= request.context.time_ms &&
           filter.Admits(item);
  };
  const bool of_nobody =
      request.state.watches().empty() && request.context.current_item == schema::kNone;
  if (of_nobody) {
    if (request.posted == nullptr) {
      ProposeList(all_.Of(0), n, ItemFilter(exists), out);
      return Ok();
    }
    const std::vector<ScoredItem> newer = request.posted->OfAll(kNewItemsKept);
    std::vector<ScoredItem> all;
    std::ranges::merge(newer, all_.Of(0), std::back_inserter(all), NewestFirst());
    std::unordered_set<uint32_t> asked;  // an item may be in both
    auto once = [&](uint32_t item) { return asked.insert(item).second && exists(item); };
    ProposeList(all, n, ItemFilter(once), out);
    return Ok();
  }
  NewItemsTurns turns(request.posted);
  std::unordered_set<uint32_t> topics, channels, taken;
  const auto add = [&](uint32_t watched) {
    const schema::Item item = request.catalogue.item(watched);
    for (const uint32_t topic : item.topics) {
      if (!topics.insert(topic).second) continue;
      turns.Add(topics_.Of(topic), watched,
                [&](const NewItemLists& posted) { return posted.OfTopic(topic, kNewItemsKept); });
    }
    if (item.channel != schema::kNone && channels.insert(item.channel).second) {
      turns.Add(channels_.Of(item.channel), watched, [&](const NewItemLists& posted) {
        return posted.OfChannel(item.channel, kNewItemsKept);
      });
    }
  };
  if (request.context.current_item != schema::kNone) add(request.context.current_item);
  ForNewestWatches(request.state, kNewItemsWatches, add);
  const size_t end = out->size() + n;
  for (bool any = true; any && out->size() < end;) {
    any = false;
    for (NewItemsCursor& list : turns.cursors()) {
      while (!list.rest.empty() && out->size() < end) {
        const ScoredItem one = list.rest.front();
        list.rest = list.rest.subspan(1);
        if (!taken.insert(one.item).second || !exists(one.item)) continue;
        out->push_back({one.item, one.score, list.from});
        any = true;
        break;
      }
    }
  }
  return Ok();
}

std::string NewItemsGenerator::Reason(const ProposeRequest& request,
                                      const Candidate& candidate) const {
  if (candidate.from == schema::kNone) return "new";
  return fmt::format("new, on a topic or of the channel of {}",
                     TitleOf(request.catalogue, candidate.from));
}

std::vector<ItemsLike> NewItemsGenerator::Like(const LikeRequest& request) const {
  std::vector<ItemsLike> lists;
  const schema::Item item = request.catalogue.item(request.item);
  for (const uint32_t topic : item.topics) {
    lists.push_back({ItemsLike::By::kCategory, topics_.Of(topic), "new on the same topic"});
  }
  if (item.channel != schema::kNone) {
    lists.push_back(
        {ItemsLike::By::kCategory, channels_.Of(item.channel), "new of the same channel"});
  }
  lists.push_back({ItemsLike::By::kEverything, all_.Of(0), "new"});
  return lists;
}

}  // namespace upnext::retrieval
