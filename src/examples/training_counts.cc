#include "examples/training_counts.h"

#include <functional>
#include <limits>

#include "features/event_paths.h"

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

TrainingCounts::TrainingCounts(const ReplaySource& source, const features::FeaturePlan& plan)
    : source_(source),
      plan_(plan),
      counts_(plan.vocabularies().size()),
      positives_(source.log.items()),
      clicked_(source.log.items()),
      first_ms_(std::numeric_limits<int64_t>::max()),
      last_ms_(std::numeric_limits<int64_t>::min()) {
  for (size_t i = 0; i < counts_.size(); ++i) {
    const features::VocabularyPlan& vocabulary = plan.vocabularies()[i];
    const bool tokens = vocabulary.counts == features::VocabularyPlan::Counts::kTokens;
    if (vocabulary.paths.empty() && !tokens) continue;
    counts_[i].resize(source.log.dictionary(vocabulary.space).size());
  }
}

void TrainingCounts::AddEvent(const schema::Event& event, uint32_t user,
                              std::span<const schema::AttributeValue> attributes,
                              features::EventCounts::Builder* builder) {
  for (size_t i = 0; i < counts_.size(); ++i) {
    const features::VocabularyPlan& vocabulary = plan_.vocabularies()[i];
    const auto count = [&](uint32_t id) { Increment(counts_[i][id]); };
    if (vocabulary.counts == features::VocabularyPlan::Counts::kTokens) {
      if (event.query != schema::kNone) count(event.query);
    }
    // The first of each list that the event has.
    for (const auto& paths : vocabulary.paths) {
      for (const features::AttributePath& path : paths) {
        if (features::ForEachEventId(path, event, user, attributes, source_.catalogue, count))
          break;
      }
    }
  }
  bool positive = false, interest = false;
  if (event.item != schema::kNone) {
    const schema::Item item = source_.log.item(event.item);
    positive = source_.rule.IsPositive(event, item);
    interest = source_.rule.InterestOf(event, item) > 0;
  }
  if (positive) Increment(positives_[event.item]);
  builder->Add(event, positive, interest, source_.catalogue, attributes);
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
                              features::EventCounts::Builder* builder) {
  JoinedImpressions joined;
  std::vector<schema::AttributeValue> attributes;
  for (uint32_t user = begin; user < end; ++user) {
    const RowRange rows = source_.split.rows(source_.log, user, SplitPart::kTrain);
    if (rows.begin == rows.end) continue;
    uint64_t shown = 0;
    for (uint64_t row = rows.begin; row < rows.end; ++row) {
      const schema::Event event = source_.log.event(row);
      shown += event.type == schema::EventType::kImpression ? 1 : 0;
      source_.log.RequestAttributes(row, &attributes);
      AddEvent(event, user, attributes, builder);
    }
    events_.fetch_add(rows.end - rows.begin, std::memory_order_relaxed);
    impressions_.fetch_add(shown, std::memory_order_relaxed);
    Improve(first_ms_, source_.log.time_ms(rows.begin), std::less<>());
    Improve(last_ms_, source_.log.time_ms(rows.end - 1), std::greater<>());
    if (shown > 0) AddClicks(user, &joined);
  }
}

}  // namespace upnext::examples
