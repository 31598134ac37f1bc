// The distinct names of one id space while an import reads: each gets a number in order of arrival,
// and at the end its place in the dictionary.
//
//   const uint32_t number = names.Add("u17");         the same name, the same number
//   const std::vector<uint32_t> order = names.Sorted();  order[id] = number
//
// Memory: the names themselves and about 32 bytes each. One thread. Only the import includes it.
#ifndef UPNEXT_IMPORT_NAME_TABLE_H_
#define UPNEXT_IMPORT_NAME_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace upnext::import {

class NameTable {
 public:
  uint32_t Add(std::string_view name);
  // The numbers of many names at once, kNone for empty ones; hides the latency of memory.
  void AddAll(std::span<const std::string_view> names, std::span<uint32_t> numbers);
  uint32_t Find(std::string_view name) const;  // kNone when it was never added
  uint32_t size() const { return static_cast<uint32_t>(names_.size()); }
  std::string_view name(uint32_t number) const { return names_[number]; }
  // All numbers, in the order of their names by (length, bytes).
  std::vector<uint32_t> Sorted() const;

 private:
  struct Slot {
    uint32_t hash = 0, number = 0xffffffffu;
  };
  size_t Probe(std::string_view name, uint32_t hash) const;
  uint32_t Add(std::string_view name, uint32_t hash);
  std::string_view Keep(std::string_view name);
  void Grow();

  std::vector<std::string_view> names_;  // into blocks_
  std::vector<Slot> slots_;              // a power of two, at most 2/3 full
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t left_ = 0;  // bytes of the last block
  char* next_ = nullptr;
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_NAME_TABLE_H_
