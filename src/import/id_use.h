// How the events of an import use the ids of items or of users: whether the table describes them,
// and which of them stand for no id.
//
//   UseCounter counter(names, ids);
//   counter.AddRow(id);  counter.AddEvents(id, 1);  ...
//   const IdUse use = counter.Use();
//
// Only the import includes it. One thread.
#ifndef UPNEXT_IMPORT_ID_USE_H_
#define UPNEXT_IMPORT_ID_USE_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "import/name_table.h"

namespace upnext::import {

// Whether people and programs write the name for "there is no id": NULL, undefined, (not set) ...
bool IsPlaceholder(std::string_view name);

struct IdUse {
  uint64_t events = 0, joined = 0;   // that have an id; of them, those whose id the table describes
  uint64_t rows = 0, rows_used = 0;  // of the table; of them, those whose id occurs in events
  std::string undescribed,
      unused;  // an id of events without a row; one of the table without events
  struct Placeholder {
    std::string name;
    uint64_t events = 0;
  };
  std::vector<Placeholder> placeholders;  // those with most events first
};

class UseCounter {
 public:
  // `ids` holds the id of every number of `names`, which must outlive this.
  UseCounter(const NameTable& names, std::span<const uint32_t> ids);
  void AddRow(uint32_t id) {
    marks_[id] |= kRow;
    ++use_.rows;
  }
  void AddEvents(uint32_t id, uint64_t events) {
    const uint8_t mark = marks_[id] |= kEvent;
    use_.events += events;
    if ((mark & kRow) != 0) use_.joined += events;
    if ((mark & kPlaceholder) != 0) placeholders_[id] += events;
  }
  IdUse Use() const;

 private:
  static constexpr uint8_t kRow = 1, kEvent = 2, kPlaceholder = 4;
  const NameTable& names_;
  std::span<const uint32_t> ids_;
  std::vector<uint8_t> marks_;                 // by id
  std::map<uint32_t, uint64_t> placeholders_;  // events by id
  IdUse use_;                                  // without what Use() adds
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_ID_USE_H_
