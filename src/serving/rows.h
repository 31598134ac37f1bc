// Several lists for one page of a site, with no item twice: feeds of scenarios, "because you watched X", and the
// best values of a category (channels, brands, topics), each with its best items.
//
//   std::vector<RowRequest> rows = {{.scenario = "home"}, {.kind = RowRequest::Kind::kBecause}};
//   UPNEXT_ASSIGN_OR_RETURN(const auto made, MakeRows(service, generation, {.user = "u"}, rows));
//
// Each row is a slate with a request id of its own, so that events, next pages and rotation know it as any
// other. A row leaves out what the rows before it show. Any number of threads.
#ifndef UPNEXT_SERVING_ROWS_H_
#define UPNEXT_SERVING_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "serving/service.h"

namespace upnext::serving {

struct RowRequest {
  enum class Kind : uint8_t { kFeed, kBecause, kSegments };
  Kind kind = Kind::kFeed;
  std::string scenario = {};
  uint32_t n = 10;         // items; of kSegments: values
  uint32_t attribute = 0;  // of kSegments: of items, a category or categories
  uint32_t each = 4;       // of kSegments: items of each value
};

struct Segment {
  std::string value;
  size_t items = 0;  // how many of the slate, in order
};
struct Row {
  Slate slate;
  // Of kBecause: the item of the user's history that the row is for. "" when nothing in it has enough items
  // like it; the row has none then.
  std::string because = {}, because_title = {};
  std::vector<Segment> segments =
      {};  // of kSegments: the best first, with their items one after another
};

// `request`: what the rows have in common. The rows share one time budget, the largest of their scenarios': those that it
// does not suffice for are empty and say so (Slate::degraded). Errors name the row.
Result<std::vector<Row>> MakeRows(const Service& service, const Generation& generation,
                                  const Request& request, std::span<const RowRequest> rows);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ROWS_H_
