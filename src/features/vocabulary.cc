#include "features/vocabulary.h"

#include <algorithm>
#include <numeric>

namespace upnext::features {

Vocabulary::Vocabulary() = default;

Vocabulary Vocabulary::Learn(std::span<const uint64_t> counts, size_t limit, uint64_t min_count,
                             const Vocabulary& old) {
  std::vector<uint32_t> kept;
  const uint64_t least = std::max<uint64_t>(min_count, 1);
  for (size_t id = 0; id < counts.size(); ++id) {
    if (counts[id] >= least && old.Row(static_cast<uint32_t>(id)) == 0)
      kept.push_back(static_cast<uint32_t>(id));
  }
  const auto more_frequent = [&](uint32_t a, uint32_t b) {
    return counts[a] != counts[b] ? counts[a] > counts[b] : a < b;
  };
  const size_t taken = old.rows() - 1;
  const size_t size = std::min(limit > taken ? limit - taken : 0, kept.size());
  std::partial_sort(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(size), kept.end(),
                    more_frequent);
  kept.resize(size);
  kept.insert(kept.begin(), old.ids_.begin() + 1, old.ids_.end());

  Vocabulary vocabulary;
  vocabulary.rows_.assign(std::max(counts.size(), old.rows_.size()), 0);
  vocabulary.counts_[0] = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  for (const uint32_t id : kept) {
    vocabulary.rows_[id] = vocabulary.rows();
    vocabulary.ids_.push_back(id);
    const uint64_t count = id < counts.size() ? counts[id] : 0;
    vocabulary.counts_.push_back(count);
    vocabulary.counts_[0] -= count;
  }
  return vocabulary;
}

double Vocabulary::coverage() const {
  const uint64_t total = std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
  return total == 0 ? 1.0 : static_cast<double>(total - counts_[0]) / static_cast<double>(total);
}

Vocabulary Vocabulary::Renumbered(std::span<const uint32_t> old_ids) const {
  Vocabulary renumbered;
  renumbered.counts_ = counts_;
  renumbered.ids_.assign(ids_.size(), schema::kNone);
  renumbered.rows_.resize(old_ids.size());
  for (uint32_t id = 0; id < old_ids.size(); ++id) {
    const uint32_t row = renumbered.rows_[id] = Row(old_ids[id]);
    if (row != 0) renumbered.ids_[row] = id;
  }
  return renumbered;
}

Status Vocabulary::Save(base::SectionWriter& writer, std::string_view name) const {
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>(fmt::format("{}.rows", name), rows_));
  return writer.Add<uint64_t>(fmt::format("{}.counts", name), counts_);
}

Result<Vocabulary> Vocabulary::Load(const base::SectionFile& file, std::string_view name) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> rows,
                          file.Get<uint32_t>(fmt::format("{}.rows", name)));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> counts,
                          file.Get<uint64_t>(fmt::format("{}.counts", name)));
  if (counts.empty() || counts.size() > rows.size() + 1 || rows.size() >= schema::kNone) {
    return DataLoss("{}: vocabulary {} has {} rows for {} ids; train again", file.path().string(),
                    name, counts.size(), rows.size());
  }
  Vocabulary vocabulary;
  vocabulary.rows_.assign(rows.begin(), rows.end());
  vocabulary.counts_.assign(counts.begin(), counts.end());
  vocabulary.ids_.assign(counts.size(), schema::kNone);
  size_t with_id = 1;  // row 0 needs none
  for (size_t id = 0; id < rows.size(); ++id) {
    const uint32_t row = rows[id];
    if (row == 0) continue;
    if (row >= counts.size() || vocabulary.ids_[row] != schema::kNone) {
      return DataLoss(
          "{}: vocabulary {}: id {} claims row {} of {}, or claims it a second time; "
          "train again",
          file.path().string(), name, id, row, counts.size());
    }
    vocabulary.ids_[row] = static_cast<uint32_t>(id);
    ++with_id;
  }
  if (with_id != counts.size()) {
    return DataLoss("{}: vocabulary {}: {} of {} rows have an id; train again",
                    file.path().string(), name, with_id, counts.size());
  }
  return vocabulary;
}

}  // namespace upnext::features
