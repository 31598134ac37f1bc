// Which items may not be shown, and the list of the rules. A new filter is a class, a line in
// filter.cc and a test; the funnel counts what it leaves out by its name.
//
//   for (const FilterEntry& entry : BuiltInFilters()) ...
//   if (filter->LeavesOut(item, request)) ...
//
// Immutable: any number of threads.
#ifndef UPNEXT_SERVING_FILTER_H_
#define UPNEXT_SERVING_FILTER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "serving/engine_options.h"
#include "serving/request_context.h"

namespace upnext::serving {

class Filter {
 public:
  virtual ~Filter() = default;
  virtual bool LeavesOut(uint32_t item, const RequestContext& request) const = 0;
};

struct FilterEntry {
  std::string_view name;  // in counts: "filtered_NAME"
  // Null when the options do without it.
  std::unique_ptr<const Filter> (*make)(const EngineOptions& options);
};
using FilterRegistry = std::span<const FilterEntry>;

// An item that several filters leave out counts for the first.
FilterRegistry BuiltInFilters();

// The number of the first that leaves the item out; null ones leave nothing out.
std::optional<size_t> LeftOutBy(std::span<const std::unique_ptr<const Filter>> filters,
                                uint32_t item, const RequestContext& request);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_FILTER_H_
