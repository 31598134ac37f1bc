#include "retrieval/generators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

namespace upnext::retrieval {
namespace {

constexpr int64_t kDayMs = 24LL * 60 * 60 * 1000;

std::vector<Candidate> Ranked(std::span<const uint64_t> counts) {
  std::vector<Candidate> ranked;
  for (uint32_t item = 0; item < counts.size(); ++item) {
    if (counts[item] > 0) ranked.push_back({item, static_cast<float>(counts[item])});
  }
  std::sort(ranked.begin(), ranked.end(), BetterProposal);
  return ranked;
}

Status SaveProposals(base::SectionWriter& writer, const std::string& name,
                     std::span<const Candidate> proposals) {
  std::vector<uint32_t> items;
  std::vector<float> scores;
  items.reserve(proposals.size());
  scores.reserve(proposals.size());
  for (const Candidate& proposal : proposals) {
    items.push_back(proposal.item);
    scores.push_back(proposal.score);
  }
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>(name + ".items", items));
  return writer.Add<float>(name + ".scores", scores);
}

Result<std::vector<Candidate>> LoadProposals(const base::SectionFile& file, const std::string& name,
                                             size_t items_bound) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> items, file.Get<uint32_t>(name + ".items"));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> scores,
                          file.Get<float>(name + ".scores", items.size()));
  std::vector<Candidate> proposals(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i] >= items_bound || !std::isfinite(scores[i])) {
      return DataLoss("{}: section {} holds item {} with score {}, but there are {} items",
                      file.path().string(), name, items[i], scores[i], items_bound);
    }
    proposals[i] = {items[i], scores[i]};
  }
  return proposals;
}

}  // namespace

PopularItems PopularItems::Learn(const examples::ReplaySource& source, int recent_days) {
  PopularItems popular;
  popular.counts_.assign(source.log.items(), 0);
  int64_t last_ms = std::numeric_limits<int64_t>::min();
  ForTrainingWatches(source, [&](uint32_t, const examples::WatchExample& example) {
    ++popular.counts_[example.item];
    last_ms = std::max(last_ms, example.time_ms);
  });
  popular.overall_ = Ranked(popular.counts_);
  if (popular.overall_.empty()) return popular;
  const int64_t since_ms = last_ms - recent_days * kDayMs;
  std::vector<uint64_t> recent(source.log.items(), 0);
  ForTrainingWatches(source, [&](uint32_t, const examples::WatchExample& example) {
    if (example.time_ms > since_ms) ++recent[example.item];
  });
  popular.trending_ = Ranked(recent);
  return popular;
}

Status PopularItems::Save(base::SectionWriter& writer) const {
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("popular.counts", counts_));
  UPNEXT_RETURN_IF_ERROR(SaveProposals(writer, "popular.overall", overall_));
  return SaveProposals(writer, "popular.trending", trending_);
}

Result<PopularItems> PopularItems::Load(const base::SectionFile& file) {
  PopularItems popular;
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> counts, file.Get<uint64_t>("popular.counts"));
  popular.counts_.assign(counts.begin(), counts.end());
  UPNEXT_ASSIGN_OR_RETURN(popular.overall_, LoadProposals(file, "popular.overall", counts.size()));
  UPNEXT_ASSIGN_OR_RETURN(popular.trending_,
                          LoadProposals(file, "popular.trending", counts.size()));
  return popular;
}

NextItems NextItems::Learn(const examples::ReplaySource& source) {
  // A pair is two ids in one number, so that equal pairs lie together after sorting.
  std::vector<uint64_t> pairs;
  uint32_t last_user = UINT32_MAX, last_item = 0;
  ForTrainingWatches(source, [&](uint32_t user, const examples::WatchExample& example) {
    if (user == last_user) pairs.push_back(uint64_t{last_item} << 32 | example.item);
    last_user = user;
    last_item = example.item;
  });
  std::sort(pairs.begin(), pairs.end());
  NextItems next;
  next.offsets_.assign(source.log.items() + 1, 0);
  for (size_t i = 0; i < pairs.size();) {
    size_t end = i;
    while (end < pairs.size() && pairs[end] == pairs[i]) ++end;
    next.next_.emplace_back(static_cast<uint32_t>(pairs[i]), static_cast<uint32_t>(end - i));
    ++next.offsets_[(pairs[i] >> 32) + 1];
    i = end;
  }
  std::partial_sum(next.offsets_.begin(), next.offsets_.end(), next.offsets_.begin());
  return next;
}

std::span<const std::pair<uint32_t, uint32_t>> NextItems::After(uint32_t item) const {
  if (size_t{item} + 1 >= offsets_.size()) return {};
  return std::span(next_).subspan(offsets_[item], offsets_[item + 1] - offsets_[item]);
}

}  // namespace upnext::retrieval
