#include "retrieval/series_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "catalogue/catalogue.h"
#include "examples/replay.h"
#include "retrieval/next_items.h"
#include "schema/attribute.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr char kSeriesLists[] = "next";
constexpr size_t kSeriesWatches = 10;     // newest ones that are continued
constexpr int kSeriesSteps = 100;         // along a series, past what the user may not be shown
constexpr double kSeriesShare = 0.5;      // of the watches after an item
constexpr uint32_t kSeriesSightings = 5;  // at least

using Following = std::vector<std::optional<ScoredItem>>;  // by item

// False unless both attributes are declared.
bool FollowByEpisode(const catalogue::Catalogue& catalogue, Following* next) {
  using enum schema::Kind;
  const schema::Schema& schema = catalogue.schema();
  const auto find = [&](const char* name) {
    return schema.FindAttribute(schema::Entity::kItem, name);
  };
  const std::optional<uint32_t> series = find("series"), episode = find("episode");
  if (!series || !episode) return false;
  const auto attributes = schema.attributes(schema::Entity::kItem);
  const schema::Kind order = attributes[*episode].kind;
  if (attributes[*series].kind != kCategory || (order != kNumber && order != kTime)) return false;
  std::vector<std::tuple<uint32_t, double, uint32_t>> episodes;  // series, episode, item
  for (uint32_t item = 0; item < next->size(); ++item) {
    const uint32_t of = catalogue.Value(schema::Entity::kItem, *series, item).category;
    const schema::AttributeValue at = catalogue.Value(schema::Entity::kItem, *episode, item);
    const bool known = order == kTime ? at.time_ms != schema::kNoTime : !std::isnan(at.number);
    if (of == schema::kNone || !known || catalogue.item(item).removed) continue;
    episodes.emplace_back(
        of, order == kTime ? static_cast<double>(at.time_ms) : static_cast<double>(at.number),
        item);
  }
  std::ranges::sort(episodes);
  for (size_t i = 0; i + 1 < episodes.size(); ++i) {
    if (std::get<0>(episodes[i]) != std::get<0>(episodes[i + 1])) continue;
    (*next)[std::get<2>(episodes[i])] = ScoredItem{std::get<2>(episodes[i + 1]), 1};
  }
  return true;
}

void FollowByWatches(const examples::ReplaySource& source, Following* next) {
  const NextItems after = NextItems::Learn(source);
  for (uint32_t item = 0; item < next->size(); ++item) {
    uint64_t all = 0;
    std::pair<uint32_t, uint32_t> most{schema::kNone, 0};  // and how often
    for (const auto& [other, count] : after.After(item)) {
      if (other == item) continue;
      all += count;
      if (count > most.second) most = {other, count};
    }
    const double share = all == 0 ? 0 : static_cast<double>(most.second) / static_cast<double>(all);
    if (most.second < kSeriesSightings || share < kSeriesShare) continue;
    (*next)[item] = ScoredItem{most.first, static_cast<float>(share)};
  }
}

}  // namespace

GeneratorLearner SeriesGenerator::Learner(const base::ConfigTable&) {
  return [](const LearnInput& input, base::SectionWriter& writer) {
    Following next(input.source.log.items());
    if (!FollowByEpisode(input.source.catalogue, &next)) FollowByWatches(input.source, &next);
    LearnedLists lists;
    for (const std::optional<ScoredItem>& one : next) {
      lists.Append(one ? std::span(&*one, 1) : std::span<const ScoredItem>());
    }
    return SaveScoredLists(writer, kSeriesLists, lists);
  };
}

Result<std::unique_ptr<const Generator>> SeriesGenerator::Load(LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists next,
                          ScoredLists::Load(*input.part, kSeriesLists, input.items));
  return std::unique_ptr<const Generator>(new SeriesGenerator(*std::move(input.part), next));
}

Status SeriesGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                std::vector<Candidate>* out) const {
  const size_t begin = out->size();
  float score = 0;
  const auto is_proposed = [&](uint32_t item) {
    const auto proposed = std::span(*out).subspan(begin);
    return std::ranges::find(proposed, item, &Candidate::item) != proposed.end();
  };
  const auto follow = [&](uint32_t watched) {
    uint32_t item = watched;
    for (int step = 0; step < kSeriesSteps && out->size() - begin < n; ++step) {
      const std::span<const ScoredItem> next = next_.Of(item);
      if (next.empty() || next.front().item == watched) return;
      item = next.front().item;
      if (is_proposed(item)) return;  // the series is continued after a newer watch
      if (!filter.Admits(item)) continue;
      out->push_back({item, score--, watched});
      return;
    }
  };
  if (request.context.current_item != schema::kNone) follow(request.context.current_item);
  ForNewestWatches(request.state, kSeriesWatches, follow);
  return Ok();
}

std::string SeriesGenerator::Reason(const ProposeRequest& request,
                                    const Candidate& candidate) const {
  return fmt::format("next after {}", TitleOf(request.catalogue, candidate.from));
}

}  // namespace upnext::retrieval
