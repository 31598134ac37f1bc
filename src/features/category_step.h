// One categorical feature of an extractor: the ids of a row, as rows of its vocabulary. In a
// header, because it is inlined where rows are made. Only feature_extractor.cc includes it.
//
//   const CategoryStep step(feature, tables, catalogue);
//   step.Append(subject, &bags);
//
// Immutable: any number of threads.
#ifndef UPNEXT_FEATURES_CATEGORY_STEP_H_
#define UPNEXT_FEATURES_CATEGORY_STEP_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "catalogue/catalogue.h"
#include "features/feature_block.h"
#include "features/feature_plan.h"
#include "features/feature_source.h"
#include "features/feature_statistics.h"
#include "features/query_tokens.h"
#include "features/state_spec.h"
#include "features/text_words.h"
#include "features/user_state.h"
#include "features/vocabulary.h"

namespace upnext::features {

class CategoryStep {
 public:
  CategoryStep(const Feature& feature, const FeatureStatistics& tables,
               const catalogue::Catalogue& catalogue)
      : dropped_(feature.dropped),
        op_(feature.category),
        vocabulary_(tables.vocabularies[feature.vocabulary]),
        tokens_(tables.tokens),
        catalogue_(catalogue) {
    for (const AttributePath& path : op_.paths) paths_.emplace_back(path, catalogue);
    for (const AttributePath& path : op_.others) others_.emplace_back(path, catalogue);
  }

  void Append(const FeatureSubject& subject, Bags* bags) const {
    if (dropped_) return;
    std::vector<uint32_t>* const ids = &bags->ids;
    const auto append = [&](uint32_t id) { ids->push_back(vocabulary_.Row(id)); };
    switch (op_.code) {
      case CategoryOp::Code::kPath:
        for (const FeatureSource& path : paths_) {
          if (path.ForEachId(subject, append)) break;
        }
        break;
      case CategoryOp::Code::kBag:
      case CategoryOp::Code::kTokens:
        AppendBag(subject, bags);
        break;
      case CategoryOp::Code::kWords:
        ForEachTextToken(paths_[0].Text(subject, catalogue_), [&](uint64_t token) {
          ids->push_back(1 + static_cast<uint32_t>(token % (op_.rows - 1)));
        });
        break;
      case CategoryOp::Code::kCross:
        paths_[0].ForEachId(subject, [&](uint32_t a) {
          others_[0].ForEachId(subject, [&](uint32_t b) { ids->push_back(CrossRow(a, b)); });
        });
        break;
    }
  }

 private:
  uint32_t CrossRow(uint32_t a, uint32_t b) const {
    uint64_t state = (uint64_t{a} << 32) | b;
    return 1 + static_cast<uint32_t>(base::SplitMix64(state) % (op_.rows - 1));
  }

  void AppendBag(const FeatureSubject& subject, Bags* bags) const {
    std::vector<uint32_t>* const ids = &bags->ids;
    std::span<const TimedId> bag = subject.state.bag(op_.bag);
    bag = bag.last(std::min<size_t>(bag.size(), op_.newest));
    const auto id_of = [&](const TimedId& entry) { return IdOf(entry); };
    if (!op_.sorted) {
      const bool weighs =
          !bags->weights.empty() || op_.half_life_days > 0 ||
          std::ranges::any_of(bag, [](const TimedId& entry) { return entry.weight != 1; });
      if (!weighs) return AppendIds(bag, id_of, subject, ids);
      for (size_t i = 0; i < bag.size(); ++i) {
        const size_t begin = ids->size();
        AppendIds(bag.subspan(i, 1), id_of, subject, ids);
        bags->Weigh(begin, bag[i].weight * Decay(bag.back().time_ms - bag[i].time_ms));
      }
      return;
    }
    std::array<uint32_t, kMaxBagLimit> sorted;
    size_t n = 0;
    for (const TimedId& entry : bag) sorted[n++] = IdOf(entry);
    std::sort(sorted.begin(), sorted.begin() + n);
    AppendIds(std::span(sorted).first(n), [](uint32_t id) { return id; }, subject, ids);
  }

  uint32_t IdOf(const TimedId& entry) const {
    switch (op_.says) {
      case CategoryOp::Says::kType:
        return entry.type;
      case CategoryOp::Says::kShare:
        return entry.share_row;
      case CategoryOp::Says::kId:
        break;
    }
    return entry.id;
  }

  // Of an id that is this much older than the newest one. Weights are positive (kernels/embedding.h).
  float Decay(int64_t ms) const {
    constexpr double kLeast = 1e-6;
    if (op_.half_life_days <= 0 || ms <= 0) return 1;
    const double half_lives = static_cast<double>(ms) / (op_.half_life_days * base::kDayMs);
    return static_cast<float>(std::max(std::exp2(-half_lives), kLeast));
  }

  template <typename Entries, typename IdOf>
  void AppendIds(Entries entries, const IdOf& id_of, const FeatureSubject& subject,
                 std::vector<uint32_t>* ids) const {
    if (op_.code == CategoryOp::Code::kTokens) {
      for (const auto& entry : entries) tokens_.AppendRows(id_of(entry), catalogue_, ids);
      return;
    }
    if (op_.says != CategoryOp::Says::kId) {
      for (const auto& entry : entries) ids->push_back(id_of(entry) < op_.rows ? id_of(entry) : 0);
      return;
    }
    if (paths_.empty()) {
      const size_t size = ids->size();
      ids->resize(size + entries.size());
      uint32_t* out = ids->data() + size;
      for (const auto& entry : entries) *out++ = vocabulary_.Row(id_of(entry));
      return;
    }
    for (const auto& entry : entries) {
      const Candidate item{.item = id_of(entry)};
      const bool any =
          paths_[0].ForEachId(FeatureSubject{subject.state, subject.user, subject.context, item},
                              [&](uint32_t id) { ids->push_back(vocabulary_.Row(id)); });
      if (!any && op_.aligned) ids->push_back(0);
    }
  }

  bool dropped_;
  CategoryOp op_;
  std::vector<FeatureSource> paths_, others_;
  const Vocabulary& vocabulary_;
  const QueryTokens& tokens_;
  const catalogue::Catalogue& catalogue_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_CATEGORY_STEP_H_
