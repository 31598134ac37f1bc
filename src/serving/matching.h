// Items or users for which a condition of the expression language holds.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Matches found,
//                           EntitiesMatching(generation, Entity::kItem, "item.price > $most",
//                                            {{"most", {"5"}}}, 10'000));
//
// Reads every one of them. Any number of threads.
#ifndef UPNEXT_SERVING_MATCHING_H_
#define UPNEXT_SERVING_MATCHING_H_

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "expression/bound_expression.h"
#include "schema/attribute.h"
#include "serving/generation.h"

namespace upnext::serving {

struct Matches {
  size_t all = 0;
  std::vector<std::string> names = {};  // the first `most` in the order of the catalogue
};
// kInvalidArgument for a condition that is wrong or reads anything but attributes of the item (or user) and the
// time.
Result<Matches> EntitiesMatching(const Generation& generation, schema::Entity entity,
                                 const std::string& filter, const expression::Arguments& arguments,
                                 size_t most);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_MATCHING_H_
