// String ids and their dense numbers. Ids are ordered by (length, bytes), so decimal ids without
// leading zeros are in numeric order; those that an append added follow, again in order. Find is
// O(1); both directions are memory mapped.
//
//   const Dictionary& items = log.dictionary(schema::IdSpace::kItem);
//   items.name(items.Find("v42"))                      "v42"
//
// Immutable: any number of threads. Copyable handle (shared map).
#ifndef UPNEXT_LOG_DICTIONARY_H_
#define UPNEXT_LOG_DICTIONARY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/section_file.h"
#include "base/status.h"
#include "schema/event.h"

namespace upnext::log {

class Dictionary {
 public:
  uint32_t size() const;
  std::string_view name(uint32_t id) const;    // id < size(); "" when it was forgotten
  uint32_t Find(std::string_view name) const;  // kNone when absent
  // Where the names that appends added begin, ascending; empty when all came at once.
  std::span<const uint64_t> generations() const;
  // The id space of that name in a dictionaries file, verified: kDataLoss when order, slots or a
  // bound is wrong.
  static Result<Dictionary> Load(std::shared_ptr<const base::SectionFile> file,
                                 std::string_view label);

 private:
  struct Rep;
  std::shared_ptr<const Rep> rep_;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_DICTIONARY_H_
