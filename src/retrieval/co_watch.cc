#include "retrieval/co_watch.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "retrieval/generator.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kBlockItems = 1 << 12;  // items: 3 MB of lists of a hundred

constexpr char kOffsets[] = "co_watch.offsets", kProposals[] = "co_watch.proposals";

// A section of numbers holds a proposal as one: the item in the lower half, the score's bits in the
// upper. Section files are little-endian, so in memory that is a ScoredItem.
static_assert(sizeof(ScoredItem) == sizeof(uint64_t) && alignof(ScoredItem) <= alignof(uint64_t));
static_assert(offsetof(ScoredItem, item) == 0 && std::endian::native == std::endian::little);

}  // namespace

CoWatchOptions CoWatchOptions::FromConfig(const base::ConfigTable& generator) {
  CoWatchOptions options;
  const auto count = [&](std::string_view key, uint32_t fallback) {
    return static_cast<uint32_t>(generator.Int(key, fallback, {.min = 1, .max = 100'000}));
  };
  options.neighbours = count("neighbours", options.neighbours);
  options.max_history = count("max_history", options.max_history);
  return options;
}

Result<CoWatch> CoWatch::Load(const base::SectionFile& file) {
  CoWatch result;
  UPNEXT_ASSIGN_OR_RETURN(result.offsets_, file.Get<uint64_t>(kOffsets));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const uint64_t> packed, file.Get<uint64_t>(kProposals));
  result.similar_ = {reinterpret_cast<const ScoredItem*>(packed.data()), packed.size()};
  const std::span<const uint64_t> offsets = result.offsets_;
  const bool fits = offsets.empty() ? packed.empty()
                                    : std::ranges::is_sorted(offsets) && offsets.front() == 0 &&
                                          offsets.back() == packed.size();
  if (!fits) {
    return DataLoss("{}: {} does not fit the {} proposals it should divide", file.path().string(),
                    kOffsets, packed.size());
  }
  for (const ScoredItem& proposal : result.similar_) {
    if (proposal.item < result.items() && std::isfinite(proposal.score)) continue;
    return DataLoss("{}: section {} holds item {} with score {}, but there are {} items",
                    file.path().string(), kProposals, proposal.item, proposal.score,
                    result.items());
  }
  file.Release(packed);
  return result;
}

std::span<const ScoredItem> CoWatch::Similar(uint32_t item) const {
  if (size_t{item} + 1 >= offsets_.size()) return {};
  return similar_.subspan(offsets_[item], offsets_[item + 1] - offsets_[item]);
}

std::vector<CoWatched> CoWatch::For(const features::UserState& state, uint32_t current) const {
  struct Sum {
    float score = 0, best = -std::numeric_limits<float>::infinity();
    uint32_t from = schema::kNone;
  };
  std::unordered_map<uint32_t, Sum> sums;
  const auto add = [&](uint32_t watched) {
    for (const ScoredItem& similar : Similar(watched)) {
      Sum& sum = sums[similar.item];
      sum.score += similar.score;
      if (similar.score > sum.best) sum = {sum.score, similar.score, watched};
    }
  };
  ForNewestWatches(state, kCoWatchItems, add);
  if (current != schema::kNone) {
    add(current);
    for (const ScoredItem& similar : Similar(current)) sums[similar.item].from = current;
  }
  std::vector<CoWatched> all;
  all.reserve(sums.size());
  for (const auto& [item, sum] : sums) all.push_back({item, sum.score, sum.from});
  std::ranges::sort(all, [](const CoWatched& a, const CoWatched& b) {
    return BetterScore({a.item, a.score}, {b.item, b.score});
  });
  return all;
}

CoWatchLearner::CoWatchLearner(const examples::ReplaySource& source, const CoWatchOptions& options,
                               base::ThreadPool& pool)
    : options_(options),
      pool_(pool),
      by_user_(HistoriesByUser(source, options.max_history)),
      by_item_(Transposed(by_user_, source.log.items())) {}

// The newest `max_history` different items of every user's history in training, ascending.
CoWatchLearner::Grouped CoWatchLearner::HistoriesByUser(const examples::ReplaySource& source,
                                                        uint32_t max_history) {
  Grouped histories;
  histories.offsets.assign(size_t{source.log.users()} + 1, 0);
  std::vector<uint32_t> sequence;  // of `of_user`, in time order
  std::vector<uint32_t> last_user(source.log.items(), UINT32_MAX);
  uint32_t of_user = 0;
  const auto finish = [&] {
    const size_t begin = histories.values.size();
    for (size_t i = sequence.size(); i-- > 0;) {
      if (histories.values.size() - begin == max_history) break;
      if (std::exchange(last_user[sequence[i]], of_user) != of_user) {
        histories.values.push_back(sequence[i]);
      }
    }
    std::sort(histories.values.begin() + static_cast<std::ptrdiff_t>(begin),
              histories.values.end());
    histories.offsets[of_user + 1] = histories.values.size() - begin;
    sequence.clear();
  };
  ForTrainingHistory(
      source, [&](uint32_t user, const schema::Event& event, bool interest, bool /*positive*/) {
        if (!interest) return;
        if (user != of_user) finish();
        of_user = user;
        sequence.push_back(event.item);
      });
  if (!sequence.empty()) finish();
  std::partial_sum(histories.offsets.begin(), histories.offsets.end(), histories.offsets.begin());
  return histories;
}

CoWatchLearner::Grouped CoWatchLearner::Transposed(const Grouped& by_user, uint32_t items) {
  Grouped by_item;
  by_item.offsets.assign(size_t{items} + 1, 0);
  for (const uint32_t item : by_user.values) ++by_item.offsets[item + 1];
  std::partial_sum(by_item.offsets.begin(), by_item.offsets.end(), by_item.offsets.begin());
  by_item.values.resize(by_user.values.size());
  std::vector<uint64_t> next(by_item.offsets.begin(), by_item.offsets.end() - 1);
  for (uint32_t user = 0; user + 1 < by_user.offsets.size(); ++user) {
    for (const uint32_t item : by_user.of(user)) by_item.values[next[item]++] = user;
  }
  return by_item;
}

size_t CoWatchLearner::MostNeighbours(uint32_t item) const {
  size_t most = 0;
  for (const uint32_t user : by_item_.of(item)) {
    most += by_user_.of(user).size() - 1;
    if (most >= options_.neighbours) return options_.neighbours;
  }
  return most;
}

// Writes the item's list to `best`, where MostNeighbours(item) have place, and returns its length.
size_t CoWatchLearner::LearnList(uint32_t item, Counters* counters, ScoredItem* best) const {
  auto& [together, met, list] = *counters;
  met.clear();
  list.clear();
  for (const uint32_t user : by_item_.of(item)) {
    for (const uint32_t other : by_user_.of(user)) {
      if (together[other]++ == 0) met.push_back(other);
    }
  }
  const double watchers = static_cast<double>(by_item_.of(item).size());
  for (const uint32_t other : met) {
    const double both = std::exchange(together[other], 0);
    const double others = static_cast<double>(by_item_.of(other).size());
    const double cosine = both / std::sqrt(watchers * others);
    if (other != item) list.push_back({other, static_cast<float>(cosine)});
  }
  const size_t keep = std::min<size_t>(options_.neighbours, list.size());
  const auto end = list.begin() + static_cast<std::ptrdiff_t>(keep);
  std::partial_sort(list.begin(), end, list.end(), BetterScore);
  std::copy(list.begin(), end, best);
  return keep;
}

// Appends the lists of items [begin, end) to `proposals`, and where each ends to `offsets`.
void CoWatchLearner::LearnBlock(uint32_t begin, uint32_t end, std::span<const uint8_t> wanted,
                                std::vector<Counters>* counters, std::vector<ScoredItem>* proposals,
                                std::vector<uint64_t>* offsets) const {
  // Each list is learned at a place that the item's watchers bound, and moved up afterwards.
  std::vector<size_t> place{proposals->size()}, length(end - begin);
  for (uint32_t item = begin; item < end; ++item) {
    const bool skip = !wanted.empty() && wanted[item] == 0;
    place.push_back(place.back() + (skip ? 0 : MostNeighbours(item)));
  }
  proposals->resize(place.back());
  // Every thread takes each n-th item: counters for every item are kept by thread.
  const auto threads = static_cast<uint32_t>(counters->size());
  pool_.ParallelFor(threads, 1, [&](size_t first, size_t last) {
    for (size_t thread = first; thread < last; ++thread) {
      (*counters)[thread].together.resize(items());
      for (size_t i = thread; i < length.size(); i += threads) {
        if (place[i + 1] == place[i]) continue;
        length[i] = LearnList(begin + static_cast<uint32_t>(i), &(*counters)[thread],
                              proposals->data() + place[i]);
      }
    }
  });
  auto out = proposals->begin() + static_cast<std::ptrdiff_t>(place[0]);
  for (size_t i = 0; i < length.size(); ++i) {
    const auto list = proposals->begin() + static_cast<std::ptrdiff_t>(place[i]);
    const auto list_end = list + static_cast<std::ptrdiff_t>(length[i]);
    out = out == list ? list_end : std::move(list, list_end, out);
    offsets->push_back(offsets->back() + length[i]);
  }
  proposals->erase(out, proposals->end());
}

CoWatch CoWatchLearner::Learn(std::span<const uint8_t> wanted) const {
  std::vector<Counters> counters(static_cast<size_t>(pool_.threads()));
  CoWatch result;
  result.learned_offsets_.reserve(size_t{items()} + 1);
  result.learned_offsets_.push_back(0);
  size_t most = 0;  // so that growing never holds the lists twice
  for (uint32_t item = 0; item < items(); ++item) {
    if (wanted.empty() || wanted[item] != 0) most += MostNeighbours(item);
  }
  result.learned_.reserve(most);
  for (uint32_t begin = 0; begin < items(); begin += std::min(kBlockItems, items() - begin)) {
    LearnBlock(begin, begin + std::min(kBlockItems, items() - begin), wanted, &counters,
               &result.learned_, &result.learned_offsets_);
  }
  result.offsets_ = result.learned_offsets_;
  result.similar_ = result.learned_;
  return result;
}

Status CoWatchLearner::Write(base::SectionWriter& writer) const {
  std::vector<Counters> counters(static_cast<size_t>(pool_.threads()));
  std::vector<uint64_t> offsets{0};
  offsets.reserve(size_t{items()} + 1);
  std::vector<ScoredItem> block;
  UPNEXT_RETURN_IF_ERROR(writer.Begin(kProposals, base::ElementType::kU64));
  for (uint32_t begin = 0; begin < items(); begin += std::min(kBlockItems, items() - begin)) {
    block.clear();
    LearnBlock(begin, begin + std::min(kBlockItems, items() - begin), {}, &counters, &block,
               &offsets);
    UPNEXT_RETURN_IF_ERROR(writer.Append(std::as_bytes(std::span(block))));
  }
  UPNEXT_RETURN_IF_ERROR(writer.End());
  return writer.Add<uint64_t>(kOffsets, offsets);
}

}  // namespace upnext::retrieval
