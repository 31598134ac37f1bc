// Dense ids -> rows of an embedding table, learned by counting. Row 0 is "out of vocabulary" and
// embeds to zero (CG-01, RK-04; paper 1.6, 2.2).
//
//   Vocabulary items = Vocabulary::Learn(counts, /*limit=*/1'000'000, /*min_count=*/1);
//   uint32_t row = items.Row(item);                          0 when the item fell out, or is kNone
//
// Immutable after Learn or Load: any number of threads.
#ifndef UPNEXT_FEATURES_VOCABULARY_H_
#define UPNEXT_FEATURES_VOCABULARY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "schema/event.h"

namespace upnext::features {

class Vocabulary {
 public:
  Vocabulary();  // only row 0
  // The `limit` ids with the highest counts (> 0, >= min_count), ties to the smaller id; row 1 is
  // the most frequent. Ids that have a row in `old` keep it, whatever their counts now, and others
  // come after them while the limit allows (TR-02).
  static Vocabulary Learn(std::span<const uint64_t> counts, size_t limit, uint64_t min_count = 1,
                          const Vocabulary& old = {});

  uint32_t rows() const { return static_cast<uint32_t>(ids_.size()); }  // including row 0
  uint32_t ids() const {
    return static_cast<uint32_t>(rows_.size());
  }  // counted, with a row or not
  uint32_t Row(uint32_t id) const { return id < rows_.size() ? rows_[id] : 0; }
  uint32_t Id(uint32_t row) const { return ids_[row]; }  // kNone for row 0
  std::span<const uint32_t> ids_by_row() const { return ids_; }
  // Occurrences; row 0: of all that fell out.
  uint64_t count(uint32_t row) const { return counts_[row]; }
  // Share of occurrences that have a row, in [0, 1]; 1 when nothing was counted.
  double coverage() const;

  // The same rows under other ids: `old_ids` gives the old id of each new one, kNone for one that is
  // new. A row whose id is gone has none; such a vocabulary is not saved.
  Vocabulary Renumbered(std::span<const uint32_t> old_ids) const;

  // Sections NAME.rows and NAME.counts.
  Status Save(base::SectionWriter& writer, std::string_view name) const;
  // kDataLoss unless ids and rows are one to one.
  static Result<Vocabulary> Load(const base::SectionFile& file, std::string_view name);

  friend bool operator==(const Vocabulary&, const Vocabulary&) = default;

 private:
  std::vector<uint32_t> rows_;                // by id
  std::vector<uint32_t> ids_{schema::kNone};  // by row
  std::vector<uint64_t> counts_{0};           // by row
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_VOCABULARY_H_
