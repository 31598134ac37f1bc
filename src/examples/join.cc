#include "examples/join.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "examples/watch_loop.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

// An impression while its interactions are being found.
struct Pending {
  Impression impression;
  uint32_t page;
  uint64_t first_row;  // of the impression and what joined it
};

// The impressions of one request, or one impression without a request.
struct Page {
  uint64_t request;
  uint32_t first;      // its first impression, into pending_
  uint32_t size = 0;   // impressions
  uint32_t begin = 0;  // into by_page_
  uint64_t state_row = UINT64_MAX;
};

struct Interaction {
  uint64_t row;
  schema::Event event;
};

class Joiner {
 public:
  Joiner(const ReplaySource& source, uint32_t user, uint64_t end_row)
      : source_(source), user_(user), end_row_(end_row) {}

  void Run(JoinedImpressions* joined) {
    Collect();
    if (!pending_.empty() && !interactions_.empty()) {
      IndexPages();
      for (const Interaction& interaction : interactions_) {
        if (Pending* pending = Find(interaction)) AddLabel(interaction, pending);
      }
    }
    Group(joined);
  }

 private:
  void Collect() {
    using enum schema::EventType;
    const log::EventLog& log = source_.log;
    const uint64_t end = std::min(log.end(user_), end_row_);
    for (uint64_t row = log.begin(user_); row < end; ++row) {
      const schema::EventType type = log.type(row);
      if (type == kSearch) continue;
      const schema::Event event = log.event(row);
      if (type != kImpression) {
        interactions_.push_back({row, event});
        continue;
      }
      pending_.push_back({.impression = {.row = row,
                                         .item = event.item,
                                         .time_ms = event.time_ms,
                                         .position = event.position,
                                         .source = event.source,
                                         .source_score = event.source_score,
                                         .propensity = event.propensity,
                                         .labels = {},
                                         .part = source_.split.part(user_, row)},
                          .page = PageOf(event.request),
                          .first_row = row});
    }
  }

  // The page of the next impression. Those of one page mostly follow each other.
  uint32_t PageOf(uint64_t request) {
    auto page = static_cast<uint32_t>(pages_.size());
    if (request != 0) {
      if (!pages_.empty() && pages_.back().request == request) {
        page = static_cast<uint32_t>(pages_.size() - 1);
      } else {
        page = page_of_.try_emplace(request, page).first->second;
      }
    }
    if (page == pages_.size()) {
      pages_.push_back({.request = request, .first = static_cast<uint32_t>(pending_.size())});
    }
    ++pages_[page].size;
    return page;
  }

  uint64_t ByItem(uint32_t i) const { return (uint64_t{pending_[i].impression.item} << 32) | i; }

  // pending_ is in row order, so impressions of one item stay in time order.
  void IndexPages() {
    uint32_t begin = 0;
    for (Page& page : pages_) begin = (page.begin = begin) + page.size;
    by_page_.resize(pending_.size());
    for (uint32_t i = 0; i < pending_.size(); ++i) {
      by_page_[pages_[pending_[i].page].begin++] = ByItem(i);
    }
    for (Page& page : pages_) {
      page.begin -= page.size;
      std::ranges::sort(OfPage(page));
    }
  }
  std::span<uint64_t> OfPage(const Page& page) {
    return std::span(by_page_).subspan(page.begin, page.size);
  }
  // Needed only for interactions that are of no known page.
  std::span<uint64_t> OfUser() {
    if (by_item_.empty()) {
      by_item_ = by_page_;
      std::ranges::sort(by_item_);
    }
    return by_item_;
  }

  // The item's impressions in a sorted list, in time order.
  static std::span<uint64_t> OfItem(std::span<uint64_t> sorted, uint32_t item) {
    const auto of_item = std::ranges::equal_range(
        sorted, item, {}, [](uint64_t entry) { return static_cast<uint32_t>(entry >> 32); });
    return {of_item.begin(), of_item.end()};
  }

  // Of an item's impressions: the last that is not after `time_ms`, or null.
  Pending* NearestBefore(std::span<const uint64_t> of_item, int64_t time_ms) {
    const auto after = std::ranges::upper_bound(
        of_item, time_ms, {}, [&](uint64_t entry) { return At(entry).impression.time_ms; });
    return after == of_item.begin() ? nullptr : &At(*std::prev(after));
  }
  Pending& At(uint64_t entry) { return pending_[static_cast<uint32_t>(entry)]; }

  Pending* Find(const Interaction& interaction) {
    const schema::Event& event = interaction.event;
    Pending* found = nullptr;
    const auto page = event.request != 0 ? page_of_.find(event.request) : page_of_.end();
    if (page != page_of_.end()) {
      const std::span<uint64_t> shown = OfItem(OfPage(pages_[page->second]), event.item);
      if (!shown.empty()) {
        found = NearestBefore(shown, event.time_ms);
        // A clock that runs behind may date the click before its impression; the request knows
        // better.
        if (found == nullptr) found = &At(shown.front());
      }
    }
    if (found == nullptr) {
      found = NearestBefore(OfItem(OfUser(), event.item), event.time_ms);
      if (found == nullptr || event.time_ms - found->impression.time_ms > kJoinWindowMs) {
        return nullptr;
      }
    }
    return source_.split.part(user_, interaction.row) == found->impression.part ? found : nullptr;
  }

  void AddLabel(const Interaction& interaction, Pending* pending) const {
    using enum schema::EventType;
    const schema::Event& event = interaction.event;
    Labels& labels = pending->impression.labels;
    labels.happened.Add(event.type);
    if (event.type == kWatch && !std::isnan(event.value)) labels.watch_s += event.value;
    if (event.type == kRating) labels.rating = event.value;
    if (event.type == kWatch && source_.rule.IsPositive(event, source_.log.item(event.item))) {
      labels.happened.Add(kComplete);
    }
    pending->first_row = std::min(pending->first_row, interaction.row);
  }

  void Group(JoinedImpressions* joined) {
    for (const Pending& pending : pending_) {
      uint64_t& state_row = pages_[pending.page].state_row;
      state_row = std::min(state_row, pending.first_row);
    }
    std::vector<uint32_t> order(pages_.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](uint32_t page) {
      return std::pair(pages_[page].state_row, pages_[page].first);
    });
    joined->groups.clear();
    uint32_t begin = 0;
    for (const uint32_t of : order) {
      Page& page = pages_[of];
      const uint64_t row = pending_[page.first].impression.row;
      const schema::Event event = source_.log.event(row);
      joined->groups.push_back({.request = page.request,
                                .state_row = page.state_row,
                                .context = features::ContextOf(source_.log, row, event),
                                .begin = begin,
                                .end = begin + page.size});
      page.begin = begin;
      begin += page.size;
    }
    joined->impressions.resize(pending_.size());
    for (const Pending& pending : pending_) {
      joined->impressions[pages_[pending.page].begin++] = pending.impression;
    }
  }

  const ReplaySource& source_;
  const uint32_t user_;
  const uint64_t end_row_;
  std::vector<Pending> pending_;
  std::vector<Interaction> interactions_;
  std::vector<Page> pages_;                                // in the order of their first rows
  boost::unordered_flat_map<uint64_t, uint32_t> page_of_;  // by request
  // Item and index into pending_, in one number: page by page, and of all pages; sorted.
  std::vector<uint64_t> by_page_, by_item_;
};

}  // namespace

void JoinImpressions(const ReplaySource& source, uint32_t user, uint64_t end_row,
                     JoinedImpressions* joined) {
  Joiner(source, user, end_row).Run(joined);
}

}  // namespace upnext::examples
