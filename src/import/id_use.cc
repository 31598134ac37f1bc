#include "import/id_use.h"

#include <algorithm>
#include <functional>

#include "base/lower_case.h"
#include "import/sql_tree.h"

namespace upnext::import {

bool IsPlaceholder(std::string_view name) {
  static constexpr std::string_view kWords[] = {"null",
                                                "nil",
                                                "none",
                                                "nan",
                                                "undefined",
                                                "unknown",
                                                "n/a",
                                                "#n/a",
                                                "na",
                                                "-",
                                                "--",
                                                "?",
                                                "-1",
                                                "\\n",
                                                "not set",
                                                "not_set",
                                                "missing",
                                                "anonymous",
                                                "guest",
                                                "not provided",
                                                "[object object]",
                                                "00000000-0000-0000-0000-000000000000"};
  while (name.starts_with(' ')) name.remove_prefix(1);
  while (name.ends_with(' ')) name.remove_suffix(1);
  if (name.size() > 2 && ((name.front() == '(' && name.back() == ')') ||
                          (name.front() == '<' && name.back() == '>'))) {
    name = name.substr(1, name.size() - 2);
  }
  if (name.size() > 15 && name.size() != 36) return false;
  return std::ranges::find(kWords, base::LowerCase(name)) != std::end(kWords);
}

UseCounter::UseCounter(const NameTable& names, std::span<const uint32_t> ids)
    : names_(names), ids_(ids), marks_(ids.size()) {
  for (uint32_t number = 0; number < names.size(); ++number) {
    if (IsPlaceholder(names.name(number))) marks_[ids[number]] |= kPlaceholder;
  }
}

IdUse UseCounter::Use() const {
  IdUse use = use_;
  for (uint32_t number = 0; number < names_.size(); ++number) {
    const uint32_t id = ids_[number];
    const uint8_t mark = marks_[id];
    const bool row = (mark & kRow) != 0, event = (mark & kEvent) != 0;
    use.rows_used += row && event ? 1 : 0;
    if (event && !row && use.undescribed.empty()) use.undescribed = names_.name(number);
    if (row && !event && use.unused.empty()) use.unused = names_.name(number);
    if (event && (mark & kPlaceholder) != 0) {
      use.placeholders.push_back({std::string(names_.name(number)), placeholders_.at(id)});
    }
  }
  std::ranges::stable_sort(use.placeholders, std::greater(), &IdUse::Placeholder::events);
  return use;
}

}  // namespace upnext::import
