#include "retrieval/generators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

namespace upnext::retrieval {
namespace {

constexpr int64_t kDayMs = 24LL * 60 * 60 * 1000;

// Calls visit(user, example) for every complete watch of the training part, users in order, each
// in time order.
template <typename Visit>
void ForTrainingWatches(const examples::ReplaySource& source, const Visit& visit) {
  for (uint32_t user = 0; user < source.log.users(); ++user) {
    examples::ReplayWatches(
        source, user,
        [&](const features::UserState&, const examples::WatchExample& example) {
          if (example.part == examples::Part::kTrain) visit(user, example);
        },
        features::UserState::Parts::kBags);
  }
}

bool BetterProposal(const Proposal& a, const Proposal& b) {
  return a.score > b.score || (a.score == b.score && a.item < b.item);
}

std::vector<Proposal> Ranked(std::span<const uint64_t> counts) {
  std::vector<Proposal> ranked;
  for (uint32_t item = 0; item < counts.size(); ++item) {
    if (counts[item] > 0) ranked.push_back({item, static_cast<float>(counts[item])});
  }
  std::sort(ranked.begin(), ranked.end(), BetterProposal);
  return ranked;
}

// Lists in compressed rows: list r is values[offsets[r] .. offsets[r + 1]).
struct Grouped {
  std::vector<uint64_t> offsets;
  std::vector<uint32_t> values;
  std::span<const uint32_t> of(uint32_t row) const {
    return std::span(values).subspan(offsets[row], offsets[row + 1] - offsets[row]);
  }
};

// The newest `max_history` different items of every user's training watches, ascending.
Grouped HistoriesByUser(const examples::ReplaySource& source, uint32_t max_history) {
  std::vector<std::vector<uint32_t>> sequences(source.log.users());
  ForTrainingWatches(source, [&](uint32_t user, const examples::WatchExample& example) {
    sequences[user].push_back(example.item);
  });
  Grouped histories;
  histories.offsets.push_back(0);
  std::vector<uint32_t> last_user(source.log.items(), UINT32_MAX);
  for (uint32_t user = 0; user < sequences.size(); ++user) {
    const size_t begin = histories.values.size();
    for (size_t i = sequences[user].size(); i-- > 0;) {
      const uint32_t item = sequences[user][i];
      if (histories.values.size() - begin == max_history) break;
      if (std::exchange(last_user[item], user) != user) histories.values.push_back(item);
    }
    std::sort(histories.values.begin() + static_cast<std::ptrdiff_t>(begin),
              histories.values.end());
    histories.offsets.push_back(histories.values.size());
  }
  return histories;
}

Grouped Transposed(const Grouped& by_user, uint32_t items) {
  Grouped by_item;
  by_item.offsets.assign(items + 1, 0);
  for (const uint32_t item : by_user.values) ++by_item.offsets[item + 1];
  std::partial_sum(by_item.offsets.begin(), by_item.offsets.end(), by_item.offsets.begin());
  by_item.values.resize(by_user.values.size());
  std::vector<uint64_t> next(by_item.offsets.begin(), by_item.offsets.end() - 1);
  for (uint32_t user = 0; user + 1 < by_user.offsets.size(); ++user) {
    for (const uint32_t item : by_user.of(user)) by_item.values[next[item]++] = user;
  }
  return by_item;
}

Status SaveProposals(base::SectionWriter& writer, const std::string& name,
                     std::span<const Proposal> proposals) {
  std::vector<uint32_t> items;
  std::vector<float> scores;
  for (const Proposal& proposal : proposals) {
    items.push_back(proposal.item);
    scores.push_back(proposal.score);
  }
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>(name + ".items", items));
  return writer.Add<float>(name + ".scores", scores);
}

Result<std::vector<Proposal>> LoadProposals(const base::SectionFile& file, const std::string& name,
                                            size_t items_bound) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> items, file.Get<uint32_t>(name + ".items"));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> scores,
                          file.Get<float>(name + ".scores", items.size()));
  std::vector<Proposal> proposals(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i] >= items_bound) {
      return DataLoss("{}: section {}.items holds item {}, but there are {} items",
                      file.path().string(), name, items[i], items_bound);
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

CoWatch CoWatch::Learn(const examples::ReplaySource& source, const CoWatchOptions& options,
                       base::ThreadPool& pool) {
  const uint32_t items = source.log.items();
  const Grouped by_user = HistoriesByUser(source, options.max_history);
  const Grouped by_item = Transposed(by_user, items);
  // Chunks are few, since each needs a counter an item. What a chunk found stays together, so that
  // it can be given back as soon as it was copied: a list of its own for each of a million items
  // would hold all of them twice.
  const size_t grain = std::max<size_t>(256, items / 64);
  std::vector<std::vector<Proposal>> found((items + grain - 1) / grain);
  std::vector<uint32_t> lengths(items);
  pool.ParallelFor(items, grain, [&](size_t begin, size_t end) {
    std::vector<uint32_t> together(items, 0), met;
    std::vector<Proposal>& of_chunk = found[begin / grain];
    std::vector<Proposal> list;
    for (size_t i = begin; i < end; ++i) {
      const uint32_t item = static_cast<uint32_t>(i);
      met.clear();
      for (const uint32_t user : by_item.of(item)) {
        for (const uint32_t other : by_user.of(user)) {
          if (together[other]++ == 0) met.push_back(other);
        }
      }
      list.clear();
      const double watchers = static_cast<double>(by_item.of(item).size());
      for (const uint32_t other : met) {
        const double both = std::exchange(together[other], 0);
        const double others = static_cast<double>(by_item.of(other).size());
        const double cosine = both / std::sqrt(watchers * others);
        if (other != item) list.push_back({other, static_cast<float>(cosine)});
      }
      const size_t keep = std::min<size_t>(options.neighbours, list.size());
      std::partial_sort(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(keep), list.end(),
                        BetterProposal);
      of_chunk.insert(of_chunk.end(), list.begin(),
                      list.begin() + static_cast<std::ptrdiff_t>(keep));
      lengths[i] = static_cast<uint32_t>(keep);
    }
  });
  CoWatch result;
  result.offsets_.reserve(size_t{items} + 1);
  result.offsets_.push_back(0);
  for (const uint32_t length : lengths) {
    result.offsets_.push_back(result.offsets_.back() + length);
  }
  result.similar_.reserve(result.offsets_.back());
  for (std::vector<Proposal>& part : found) {
    result.similar_.insert(result.similar_.end(), part.begin(), part.end());
    std::vector<Proposal>().swap(part);
  }
  return result;
}

std::span<const Proposal> CoWatch::Similar(uint32_t item) const {
  if (size_t{item} + 1 >= offsets_.size()) return {};
  return std::span(similar_).subspan(offsets_[item], offsets_[item + 1] - offsets_[item]);
}

Status CoWatch::Save(base::SectionWriter& writer) const {
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("co_watch.offsets", offsets_));
  return SaveProposals(writer, "co_watch", similar_);
}

Result<CoWatch> CoWatch::Load(const base::SectionFile& file) {
  CoWatch result;
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> offsets,
                          file.Get<uint64_t>("co_watch.offsets"));
  const size_t items = offsets.empty() ? 0 : offsets.size() - 1;
  UPNEXT_ASSIGN_OR_RETURN(result.similar_, LoadProposals(file, "co_watch", items));
  const bool fits = offsets.empty()
                        ? result.similar_.empty()
                        : std::is_sorted(offsets.begin(), offsets.end()) && offsets.front() == 0 &&
                              offsets.back() == result.similar_.size();
  if (!fits) {
    return DataLoss("{}: co_watch.offsets does not fit the {} proposals it should divide",
                    file.path().string(), result.similar_.size());
  }
  result.offsets_.assign(offsets.begin(), offsets.end());
  return result;
}

}  // namespace upnext::retrieval
