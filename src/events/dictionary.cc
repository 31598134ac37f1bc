// The reading half of a dictionary; log_writer.cc holds the writing half.
#include <vector>

#include "base/checksum.h"
#include "events/event_log.h"
#include "events/log_format.h"

namespace upnext::events {
namespace {

bool Before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace

struct Dictionary::Rep {
  std::shared_ptr<const base::SectionFile> file;
  base::StringTable names;
  std::span<const uint32_t> slots;
};

uint32_t Dictionary::size() const { return rep_ ? static_cast<uint32_t>(rep_->names.size()) : 0; }

std::string_view Dictionary::name(uint32_t id) const { return rep_->names[id]; }

uint32_t Dictionary::Find(std::string_view name) const {
  if (!rep_ || rep_->slots.empty()) return kNone;
  const size_t mask = rep_->slots.size() - 1;
  for (size_t i = base::Fingerprint(name) & mask;; i = (i + 1) & mask) {
    const uint32_t id = rep_->slots[i];
    if (id == kNone || rep_->names[id] == name) return id;
  }
}

Result<Dictionary> Dictionary::Load(std::shared_ptr<const base::SectionFile> file, IdSpace space) {
  const std::string_view label = IdSpaceName(space);
  const std::string path = file->path().string();
  auto rep = std::make_shared<Rep>();
  UPNEXT_ASSIGN_OR_RETURN(rep->names, base::StringTable::Get(*file, label));
  const size_t n = rep->names.size();
  if (n >= kNone) return DataLoss("{}: {} has {} names, which 32 bits cannot hold", path, label, n);
  UPNEXT_ASSIGN_OR_RETURN(rep->slots,
                          file->Get<uint32_t>(fmt::format("{}.slots", label), format::SlotsFor(n)));
  for (size_t i = 0; i < n; ++i) {
    const std::string_view previous = i == 0 ? std::string_view() : rep->names[i - 1];
    if (!Before(previous, rep->names[i])) {
      return DataLoss("{}: {} should be in ascending order, entry {} is not", path, label, i);
    }
  }
  // Each id in one slot, reachable from its home slot without a gap. A gap-free run is found by
  // counting, so that a hostile file cannot make this quadratic.
  std::vector<bool> seen(n);
  size_t found = 0, run = 0;
  const size_t mask = rep->slots.size() - 1;
  for (size_t back = rep->slots.size(); back > 0 && rep->slots[back - 1] != kNone; --back) ++run;
  for (size_t i = 0; i < rep->slots.size(); ++i) {
    const uint32_t id = rep->slots[i];
    if (id == kNone) {
      run = 0;
      continue;
    }
    if (id >= n || seen[id] || ((i - base::Fingerprint(rep->names[id])) & mask) > run) {
      return DataLoss("{}: slot {} of {} is wrong", path, i, label);
    }
    seen[id] = true;
    ++found;
    ++run;
  }
  if (found != n) {
    return DataLoss("{}: {} has {} names but {} of them in its slots", path, label, n, found);
  }
  rep->file = std::move(file);
  Dictionary dictionary;
  dictionary.rep_ = std::move(rep);
  return dictionary;
}

}  // namespace upnext::events
