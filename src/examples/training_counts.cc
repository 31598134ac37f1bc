#include "examples/training_counts.h"

#include <functional>
#include <limits>

namespace upnext::examples {
namespace {

void Increment(uint64_t& count) { std::atomic_ref(count).fetch_add(1, std::memory_order_relaxed); }

template <typename Better>
void Improve(std::atomic<int64_t>& best, int64_t value, Better better) {
  int64_t known = best.load();
  while (better(value, known) && !best.compare_exchange_weak(known, value)) {
  }
}

}  // namespace

TrainingCounts::TrainingCounts(const ReplaySource& source)
    : source_(source),
      clicked_(source.log.items()),
      first_ms_(std::numeric_limits<int64_t>::max()),
      last_ms_(std::numeric_limits<int64_t>::min()) {
  for (size_t space = 1; space < schema::kIdSpaces; ++space) {
    counts_[space].resize(source.log.dictionary(static_cast<schema::IdSpace>(space)).size());
  }
}

void TrainingCounts::Count(schema::IdSpace space, uint32_t id) {
  if (id != schema::kNone) Increment(counts_[static_cast<size_t>(space)][id]);
}

void TrainingCounts::AddEvent(const schema::Event& event, const schema::User& user,
                              features::ItemStatistics::Builder* builder) {
  using schema::IdSpace;
  Count(IdSpace::kDevice, event.device);
  Count(IdSpace::kRegion, event.region != schema::kNone ? event.region : user.region);
  Count(IdSpace::kSource, event.source);
  Count(IdSpace::kLanguage, user.language);
  Count(IdSpace::kQuery, event.query);
  if (event.item == schema::kNone) return;
  const schema::Item item = source_.log.item(event.item);
  Count(IdSpace::kChannel, item.channel);
  Count(IdSpace::kLanguage, item.language);
  for (const uint32_t topic : item.topics) Count(IdSpace::kTopic, topic);
  const bool complete = source_.rule.IsComplete(event, item);
  if (complete) Count(IdSpace::kItem, event.item);
  builder->Add(event, complete);
}

void TrainingCounts::AddClicks(uint32_t user, JoinedImpressions* joined) {
  JoinImpressions(source_, user, source_.split.train_end(user), joined);
  for (const Impression& impression : joined->impressions) {
    if (!impression.labels.Has(schema::EventType::kClick)) continue;
    Increment(clicked_[impression.item]);
    clicks_.fetch_add(1, std::memory_order_relaxed);
  }
}

void TrainingCounts::AddUsers(uint32_t begin, uint32_t end,
                              features::ItemStatistics::Builder* builder) {
  JoinedImpressions joined;
  for (uint32_t user = begin; user < end; ++user) {
    const RowRange rows = source_.split.rows(source_.log, user, SplitPart::kTrain);
    if (rows.begin == rows.end) continue;
    const schema::User attributes = source_.log.user(user);
    uint64_t shown = 0;
    for (uint64_t row = rows.begin; row < rows.end; ++row) {
      const schema::Event event = source_.log.event(row);
      shown += event.type == schema::EventType::kImpression ? 1 : 0;
      AddEvent(event, attributes, builder);
    }
    events_.fetch_add(rows.end - rows.begin, std::memory_order_relaxed);
    impressions_.fetch_add(shown, std::memory_order_relaxed);
    Improve(first_ms_, source_.log.time_ms(rows.begin), std::less<>());
    Improve(last_ms_, source_.log.time_ms(rows.end - 1), std::greater<>());
    if (shown > 0) AddClicks(user, &joined);
  }
}

}  // namespace upnext::examples
