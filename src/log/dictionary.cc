#include "log/dictionary.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "log/log_format.h"

namespace upnext::log {
namespace {

bool Before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace

struct Dictionary::Rep {
  std::shared_ptr<const base::SectionFile> file;
  base::StringTable names;
  std::span<const uint64_t> generations;  // where those after the first begin
  std::span<const uint32_t> slots;

  Status CheckOrder(std::string_view label) const;
  Status CheckSlots(std::string_view label) const;
};

uint32_t Dictionary::size() const { return rep_ ? static_cast<uint32_t>(rep_->names.size()) : 0; }

std::string_view Dictionary::name(uint32_t id) const { return rep_->names[id]; }

uint32_t Dictionary::Find(std::string_view name) const {
  if (!rep_ || rep_->slots.empty()) return schema::kNone;
  const size_t mask = rep_->slots.size() - 1;
  for (size_t i = base::Fingerprint(name) & mask;; i = (i + 1) & mask) {
    const uint32_t id = rep_->slots[i];
    if (id == schema::kNone || rep_->names[id] == name) return id;
  }
}

std::span<const uint64_t> Dictionary::generations() const {
  return rep_ ? rep_->generations : std::span<const uint64_t>();
}

// Names ascend within a generation; those that were forgotten are empty and have no order.
Status Dictionary::Rep::CheckOrder(std::string_view label) const {
  const std::string path = file->path().string();
  size_t generation = 0;
  std::string_view previous;
  for (size_t i = 0; i < names.size(); ++i) {
    if (generation < generations.size() && generations[generation] == i) {
      // The next one must begin later, or it would never be reached here.
      if (i == 0) break;
      ++generation;
      previous = {};
    }
    if (names[i].empty()) continue;
    if (!Before(previous, names[i])) {
      return DataLoss("{}: {} should be in ascending order, entry {} is not", path, label, i);
    }
    previous = names[i];
  }
  if (generation != generations.size()) {
    return DataLoss("{}: the generations of {} should begin one after the other, between its names",
                    path, label);
  }
  return Ok();
}

// Each id that has a name in one slot, reachable from its home slot without a gap, and no name twice: equal names
// would lie in one gap-free run. Runs are looked at one by one, so that a hostile file cannot make
// this quadratic.
Status Dictionary::Rep::CheckSlots(std::string_view label) const {
  const std::string path = file->path().string();
  if (slots.empty()) return Ok();
  const size_t mask = slots.size() - 1;
  const size_t first_free =
      static_cast<size_t>(std::ranges::find(slots, schema::kNone) - slots.begin());
  std::vector<bool> seen(names.size());
  std::vector<std::pair<uint64_t, uint32_t>> run;  // fingerprints and ids
  size_t found = 0, named = 0;
  for (size_t i = 0; i < names.size(); ++i) named += names[i].empty() ? 0 : 1;
  // Ends at the free slot where it began, so that a run over the end of the table is one run.
  for (size_t step = 1; step <= slots.size(); ++step) {
    const size_t i = (first_free + step) & mask;
    const uint32_t id = slots[i];
    if (id != schema::kNone) {
      const bool known = id < names.size() && !seen[id] && !names[id].empty();
      const uint64_t fingerprint = known ? base::Fingerprint(names[id]) : 0;
      if (!known || ((i - fingerprint) & mask) > run.size()) {
        return DataLoss("{}: slot {} of {} is wrong", path, i, label);
      }
      seen[id] = true;
      ++found;
      run.emplace_back(fingerprint, id);
      continue;
    }
    if (!generations.empty() && run.size() > 1) {
      std::ranges::sort(run, [&](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : names[a.second] < names[b.second];
      });
      const auto twice = std::ranges::adjacent_find(run, [&](const auto& a, const auto& b) {
        return a.first == b.first && names[a.second] == names[b.second];
      });
      if (twice != run.end()) {
        return DataLoss("{}: entry {} of {} is there twice", path, twice->second, label);
      }
    }
    run.clear();
  }
  if (found != named) {
    return DataLoss("{}: {} has {} names but {} of them in its slots", path, label, named, found);
  }
  return Ok();
}

Result<Dictionary> Dictionary::Load(std::shared_ptr<const base::SectionFile> file,
                                    std::string_view label) {
  auto rep = std::make_shared<Rep>();
  UPNEXT_ASSIGN_OR_RETURN(rep->names, base::StringTable::Get(*file, label));
  const size_t n = rep->names.size();
  if (n >= schema::kNone) {
    return DataLoss("{}: {} has {} names, which 32 bits cannot hold", file->path().string(), label,
                    n);
  }
  UPNEXT_ASSIGN_OR_RETURN(rep->slots,
                          file->Get<uint32_t>(fmt::format("{}.slots", label), format::SlotsFor(n)));
  if (const std::string name = fmt::format("{}.generations", label); file->Has(name)) {
    UPNEXT_ASSIGN_OR_RETURN(rep->generations, file->Get<uint64_t>(name));
  }
  rep->file = std::move(file);
  UPNEXT_RETURN_IF_ERROR(rep->CheckOrder(label));
  UPNEXT_RETURN_IF_ERROR(rep->CheckSlots(label));
  Dictionary dictionary;
  dictionary.rep_ = std::move(rep);
  return dictionary;
}

}  // namespace upnext::log
