#include "retrieval/category_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <unordered_set>

#include "base/clock.h"
#include "catalogue/catalogue.h"
#include "examples/replay.h"
#include "retrieval/category_lists.h"
#include "retrieval/decayed_counts.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

// A list of one category, on its way into the merge of several.
struct CategoryCursor {
  std::span<const ScoredItem> rest;
  uint32_t from;
  size_t order;  // of two with the same item, the one of the newer watch comes first
};
struct LaterCursor {
  bool operator()(const CategoryCursor& a, const CategoryCursor& b) const {
    const ScoredItem &first = a.rest.front(), &second = b.rest.front();
    return first == second ? a.order > b.order : BetterScore(second, first);
  }
};

constexpr char kCategoryLists[] = "category";

}  // namespace

template <typename Visit>
void CategoryGenerator::ForEachCategory(const catalogue::Catalogue& catalogue, uint32_t item,
                                        const Visit& visit) const {
  const schema::Item attributes = catalogue.item(item);
  if (of_ == Of::kTopic) {
    for (const uint32_t topic : attributes.topics) visit(topic);
  } else if (attributes.channel != schema::kNone) {
    visit(attributes.channel);
  }
}

GeneratorLearner CategoryGenerator::MakeLearner(Of of, const base::ConfigTable& options) {
  const double days = options.Real("half_life_days", kHalfLifeDays, {.min = 0.01, .max = 36'500});
  return [of, half_life_ms = days * static_cast<double>(base::kDayMs)](
             const LearnInput& input, base::SectionWriter& writer) {
    const std::vector<ScoredItem> counts = DecayedCounts(input.source, half_life_ms);
    const auto lists = of == Of::kTopic ? ListsByTopic : ListsByChannel;
    return SaveScoredLists(writer, kCategoryLists,
                           lists(input.source.catalogue, counts, kItemsPerCategory));
  };
}

Result<std::unique_ptr<const Generator>> CategoryGenerator::LoadLists(Of of, LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists lists,
                          ScoredLists::Load(*input.part, kCategoryLists, input.items));
  return std::unique_ptr<const Generator>(new CategoryGenerator(of, *std::move(input.part), lists));
}

Status CategoryGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                  std::vector<Candidate>* out) const {
  std::priority_queue<CategoryCursor, std::vector<CategoryCursor>, LaterCursor> lists;
  std::unordered_set<uint32_t> categories;
  const auto add = [&](uint32_t watched) {
    ForEachCategory(request.catalogue, watched, [&](uint32_t category) {
      if (!categories.insert(category).second || lists_.Of(category).empty()) return;
      lists.push({lists_.Of(category), watched, categories.size()});
    });
  };
  if (request.context.current_item != schema::kNone) add(request.context.current_item);
  ForNewestWatches(request.state, kCategoryWatches, add);
  // An item has one score, so it comes up in all of its lists one after the other.
  uint32_t last = schema::kNone;
  for (const size_t end = out->size() + n; out->size() < end && !lists.empty();) {
    CategoryCursor cursor = lists.top();
    lists.pop();
    const ScoredItem best = cursor.rest.front();
    if (best.item != last && filter.Admits(best.item)) {
      out->push_back({best.item, best.score, cursor.from});
    }
    last = best.item;
    cursor.rest = cursor.rest.subspan(1);
    if (!cursor.rest.empty()) lists.push(cursor);
  }
  return Ok();
}

std::string CategoryGenerator::Reason(const ProposeRequest& request,
                                      const Candidate& candidate) const {
  return fmt::format("{} {}", of_ == Of::kTopic ? "on a topic of" : "of the channel of",
                     TitleOf(request.catalogue, candidate.from));
}

std::vector<ItemsLike> CategoryGenerator::Like(const LikeRequest& request) const {
  std::vector<ItemsLike> lists;
  ForEachCategory(request.catalogue, request.item, [&](uint32_t category) {
    lists.push_back(
        {ItemsLike::By::kCategory, lists_.Of(category),
         of_ == Of::kTopic ? "popular on the same topic" : "popular on the same channel"});
  });
  return lists;
}

}  // namespace upnext::retrieval
