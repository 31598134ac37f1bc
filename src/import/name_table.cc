#include "import/name_table.h"

#include <algorithm>
#include <cstring>

#include "base/checksum.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

constexpr size_t kBlock = size_t{1} << 20;
constexpr size_t kFirstSlots = 1024;

uint32_t Hash(std::string_view name) { return static_cast<uint32_t>(base::Fingerprint(name)); }

// The first eight bytes as a number that compares as they do.
uint64_t Prefix(std::string_view name) {
  uint64_t prefix = 0;
  std::memcpy(&prefix, name.data(), std::min<size_t>(name.size(), sizeof(prefix)));
  return __builtin_bswap64(prefix);
}

}  // namespace

size_t NameTable::Probe(std::string_view name, uint32_t hash) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    const Slot& slot = slots_[i];
    if (slot.number == schema::kNone || (slot.hash == hash && names_[slot.number] == name))
      return i;
  }
}

uint32_t NameTable::Find(std::string_view name) const {
  return slots_.empty() ? schema::kNone : slots_[Probe(name, Hash(name))].number;
}

uint32_t NameTable::Add(std::string_view name) { return Add(name, Hash(name)); }

uint32_t NameTable::Add(std::string_view name, uint32_t hash) {
  if (3 * (names_.size() + 1) > 2 * slots_.size()) Grow();
  Slot& slot = slots_[Probe(name, hash)];
  if (slot.number == schema::kNone) {
    slot = {.hash = hash, .number = size()};
    names_.push_back(Keep(name));
  }
  return slot.number;
}

void NameTable::AddAll(std::span<const std::string_view> names, std::span<uint32_t> numbers) {
  constexpr size_t kAhead = 16;
  uint32_t hashes[kAhead];
  const auto prepare = [&](size_t i) {
    if (i >= names.size() || names[i].empty()) return;
    hashes[i % kAhead] = Hash(names[i]);
    if (!slots_.empty()) __builtin_prefetch(&slots_[hashes[i % kAhead] & (slots_.size() - 1)]);
  };
  for (size_t i = 0; i < kAhead; ++i) prepare(i);
  for (size_t i = 0; i < names.size(); ++i) {
    numbers[i] = names[i].empty() ? schema::kNone : Add(names[i], hashes[i % kAhead]);
    prepare(i + kAhead);
  }
}

std::string_view NameTable::Keep(std::string_view name) {
  if (name.size() > left_) {
    left_ = std::max(kBlock, name.size());
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
    next_ = blocks_.back().get();
  }
  std::memcpy(next_, name.data(), name.size());
  const std::string_view kept(next_, name.size());
  next_ += name.size();
  left_ -= name.size();
  return kept;
}

void NameTable::Grow() {
  std::vector<Slot> old(slots_.empty() ? kFirstSlots : 2 * slots_.size());
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.number == schema::kNone) continue;
    size_t i = slot.hash & mask;
    while (slots_[i].number != schema::kNone) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

std::vector<uint32_t> NameTable::Sorted() const {
  struct Key {
    uint64_t prefix;
    uint32_t size, number;
  };
  std::vector<Key> keys(names_.size());
  for (uint32_t i = 0; i < keys.size(); ++i) {
    keys[i] = {Prefix(names_[i]), static_cast<uint32_t>(names_[i].size()), i};
  }
  std::ranges::sort(keys, [&](const Key& a, const Key& b) {
    if (a.size != b.size) return a.size < b.size;
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return names_[a.number] < names_[b.number];
  });
  std::vector<uint32_t> order(keys.size());
  std::ranges::transform(keys, order.begin(), &Key::number);
  return order;
}

}  // namespace upnext::import
