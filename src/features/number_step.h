// One number of an extractor: its value from the state, the counts or an attribute, and the floats
// by which models read it. In a header, because it is inlined where rows are made. Only
// feature_extractor.cc includes it.
//
//   const NumberStep step(feature, quantiles, prior, catalogue);
//   step.Encode(step.Value(subject, tables, rows, has_key), powers, raw, dense);
//
// Immutable: any number of threads.
#ifndef UPNEXT_FEATURES_NUMBER_STEP_H_
#define UPNEXT_FEATURES_NUMBER_STEP_H_

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "base/clock.h"
#include "catalogue/catalogue.h"
#include "features/feature_plan.h"
#include "features/feature_source.h"
#include "features/feature_statistics.h"
#include "features/quantiles.h"
#include "features/retrieval_reference.h"
#include "features/state_spec.h"
#include "features/text_words.h"
#include "schema/event.h"

namespace upnext::features {

inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// The rows that a number reads: cells of a user's state, or floats of everybody's counts. Few keys
// need no memory from the heap.
using NumberRows = boost::container::small_vector<const void*, 16>;

// Not a number without a whole.
inline double Ratio(double part, double whole) {
  return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}

// What happened most often of what stands for the same thing: a source sends watches, complete
// events, or both.
inline double Largest(const Cell* row, const Cells& cells) {
  uint64_t largest = 0;
  for (const uint8_t cell : cells) largest = std::max(largest, row[cell].count);
  return static_cast<double>(largest);
}
inline double Largest(const float* row, const Cells& cells) {
  float largest = 0;
  for (const uint8_t cell : cells) largest = std::max(largest, row[cell]);
  return static_cast<double>(largest);
}

// Seconds between two times, at least 0; missing when there was none. Through doubles, which hold
// every millisecond of our era and cannot overflow.
inline float SecondsSince(int64_t now_ms, int64_t then_ms) {
  if (then_ms == schema::kNoTime) return kMissing;
  const double seconds = (static_cast<double>(now_ms) - static_cast<double>(then_ms)) * 1e-3;
  return static_cast<float>(std::max(0.0, seconds));
}

inline int64_t MsOfDay(int64_t time_ms) {
  return (time_ms % base::kDayMs + base::kDayMs) % base::kDayMs;
}

class NumberStep {
 public:
  // `quantiles`: null while they are not learned, and for features that are not encoded by them.
  NumberStep(const Feature& feature, const Quantiles* quantiles, double prior,
             const catalogue::Catalogue& catalogue)
      : op_(feature.number),
        path_(op_.path, catalogue),
        other_(op_.other, catalogue),
        catalogue_(catalogue),
        quantiles_(quantiles),
        dense_(feature.dense),
        raw_(feature.raw),
        prior_(prior) {
    if (HasWords() && op_.newest == 0 && IsOfCandidate(op_.other)) std::swap(path_, other_);
  }

  // Whether it compares with words that all candidates of a request share. These are made once, by
  // RequestWords, and read from place `words` of FeatureSubject::words.
  bool HasWords() const {
    return op_.code == NumberOp::Code::kWordOverlap &&
           (op_.newest > 0 || !IsOfCandidate(op_.path) || !IsOfCandidate(op_.other));
  }
  void set_words(size_t words) { words_ = words; }
  size_t words() const { return words_; }
  WordSet RequestWords(const FeatureSubject& subject) const {
    WordSet words;
    if (op_.newest == 0) {
      words.Add(other_.Text(subject, catalogue_));
      return words;
    }
    const std::span<const TimedId> queries = subject.state.bag(op_.bag);
    for (size_t n = 0; n < std::min<size_t>(queries.size(), op_.newest) && !words.full(); ++n) {
      const TimedId& query = queries[queries.size() - 1 - n];  // the newest first
      words.Add(catalogue_.Name(schema::IdSpace::kQuery, query.id));
    }
    return words;
  }

  // `rows` and whether there is a key at all: of the group to which the step belongs.
  float Value(const FeatureSubject& subject, const FeatureStatistics& tables,
              const NumberRows& rows, bool has_key) const {
    using enum NumberOp::Code;
    const int64_t now_ms = subject.context.time_ms;
    switch (op_.code) {
      case kSince:
        return SecondsSince(now_ms, Newest(rows));
      case kCount:
      case kRatio:
        return has_key ? FromCounts(rows) : kMissing;
      case kNumber:
        return path_.Value(subject).number;
      case kSourceScore:
        return tables.source_scores.ShareOf(subject.candidate);
      case kRetrievalScore:
        return tables.reference == nullptr
                   ? kMissing
                   : tables.reference->Score(subject.user_vector, subject.candidate.item);
      case kUserVector:
      case kGivenVector:
        break;  // a VectorStep
      case kAge:
        return SecondsSince(now_ms, path_.Value(subject).time_ms) / kDaySeconds;
      case kHour:
        return static_cast<float>(static_cast<double>(MsOfDay(now_ms)) / 3'600'000.0);
      case kWeekday:
        return Weekday(now_ms);
      case kExampleAge:
        return ExampleAge(subject.context, tables);
      case kMatch:
      case kOverlap:
        return Overlap(subject);
      case kWordOverlap:
        return WordOverlap(subject);
    }
    return kMissing;
  }

  // Into a row of raw values and one of dense ones, both zero before.
  void Encode(float value, bool powers, float* raw, float* dense) const {
    if (op_.limit > 0 && !std::isnan(value)) value = std::clamp(value, 0.0f, op_.limit);
    dense += dense_;
    switch (op_.encoding) {
      case NumberOp::Encoding::kQuantiles: {
        raw[raw_] = value;
        const float x = quantiles_ != nullptr ? quantiles_->Normalize(value) : kMissing;
        const bool missing = std::isnan(x), with_powers = powers && !missing;
        dense[0] = missing ? 0.0f : x;
        dense[1] = with_powers ? x * x : 0.0f;
        dense[2] = with_powers ? std::sqrt(x) : 0.0f;
        dense[3] = missing ? 1.0f : 0.0f;
        break;
      }
      case NumberOp::Encoding::kPlain: {  // value and "is missing" (CG-08)
        const bool missing = std::isnan(value);
        dense[0] = missing ? 0.0f : value / op_.limit;
        dense[1] = missing ? 1.0f : 0.0f;
        break;
      }
      case NumberOp::Encoding::kHats:  // of the example age (CG-09): 0 and missing are the same
        if (std::isnan(value)) break;
        dense[0] = value / op_.limit;
        dense[1] = std::sqrt(dense[0]);
        PutHats(dense[0], std::span(dense + 2, op_.hats));
        break;
      case NumberOp::Encoding::kVector:
        break;  // a VectorStep
    }
  }

 private:
  static constexpr float kDaySeconds = 86'400;

  static float Weekday(int64_t time_ms) {
    constexpr int64_t kThursday = 3;  // the first day of the epoch, counted from Monday
    const int64_t days = (time_ms - MsOfDay(time_ms)) / base::kDayMs;
    return static_cast<float>(((days + kThursday) % 7 + 7) % 7);
  }

  static float ExampleAge(const Context& context, const FeatureStatistics& tables) {
    const double window_ms =
        static_cast<double>(tables.train_end_ms) - static_cast<double>(tables.train_begin_ms);
    if (!(window_ms > 0)) return kMissing;
    const double share = static_cast<double>(context.example_age_ms) / window_ms;
    return static_cast<float>(std::clamp(share, 0.0, 1.0));
  }

  // Hat functions of x in [0, 1] with knots at equal distances; `hats` is zero before.
  static void PutHats(float x, std::span<float> hats) {
    const float at = x * static_cast<float>(hats.size() - 1);
    const auto below = std::min(static_cast<size_t>(at), hats.size() - 2);
    hats[below + 1] = at - static_cast<float>(below);
    hats[below] = 1 - hats[below + 1];
  }

  float Overlap(const FeatureSubject& subject) const {
    size_t common = 0, first = 0, second = 0;
    path_.ForEachId(subject, [&](uint32_t a) {
      ++first;
      second = 0;
      other_.ForEachId(subject, [&](uint32_t b) {
        ++second;
        common += a == b ? 1 : 0;
      });
    });
    if (first == 0 || second == 0) return kMissing;
    if (op_.code == NumberOp::Code::kMatch) return common > 0 ? 1.0f : 0.0f;
    return static_cast<float>(common) / static_cast<float>(std::min(first, second));
  }

  static bool IsOfCandidate(const AttributePath& path) { return path.through == kItself; }

  float WordOverlap(const FeatureSubject& subject) const {
    WordSet words;
    words.Add(path_.Text(subject, catalogue_));
    if (HasWords()) return ShareInCommon(words, subject.words[words_]);
    WordSet others;
    others.Add(other_.Text(subject, catalogue_));
    return ShareInCommon(words, others);
  }

  static float ShareInCommon(const WordSet& words, const WordSet& others) {
    const size_t shorter = std::min(words.size(), others.size());
    if (shorter == 0) return kMissing;
    return static_cast<float>(words.InCommon(others)) / static_cast<float>(shorter);
  }

  int64_t Newest(const NumberRows& rows) const {
    int64_t newest_ms = schema::kNoTime;
    for (const void* row : rows) {
      newest_ms = std::max(newest_ms, static_cast<const Cell*>(row)[op_.part[0]].time_ms);
    }
    return newest_ms;
  }

  float FromCounts(const NumberRows& rows) const {
    double part = 0, whole = 0;
    if (op_.everybody) {
      for (const void* row : rows) {
        part += Largest(static_cast<const float*>(row), op_.part);
        whole += Largest(static_cast<const float*>(row), op_.whole);
      }
    } else {
      float sum = 0;
      for (const void* row : rows) {
        const auto* cells = static_cast<const Cell*>(row);
        if (!op_.sum) {
          part += Largest(cells, op_.part);
        } else if (op_.table == 0) {
          part += cells[op_.part[0]].sum;
        } else {
          sum += cells[op_.part[0]].part;
        }
        whole += Largest(cells, op_.whole);
      }
      if (op_.sum && op_.table != 0) part = static_cast<double>(sum);
    }
    if (op_.code == NumberOp::Code::kCount) return static_cast<float>(part);
    if (op_.weight == 0) return static_cast<float>(Ratio(part, whole));
    return static_cast<float>((part + op_.weight * prior_) / (whole + op_.weight));
  }

  NumberOp op_;
  FeatureSource path_, other_;
  const catalogue::Catalogue& catalogue_;
  const Quantiles* quantiles_;
  size_t dense_, raw_;  // offsets in a row
  double prior_;
  size_t words_ = 0;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_NUMBER_STEP_H_
