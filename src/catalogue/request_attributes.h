// The declared attributes of a request as numbers and ids.
//
//   const auto values = RequestAttributes(catalogue, raw);      one per declared attribute
//
// Pure functions; any number of threads.
#ifndef UPNEXT_CATALOGUE_REQUEST_ATTRIBUTES_H_
#define UPNEXT_CATALOGUE_REQUEST_ATTRIBUTES_H_

#include <span>
#include <vector>

#include "catalogue/catalogue.h"
#include "schema/attribute.h"
#include "schema/raw_event.h"

namespace upnext::catalogue {

// In the order of the schema; absent where `raw` has none, or an id that the catalogue does not
// have. `raw` was checked by schema::CheckDeclared.
std::vector<schema::AttributeValue> RequestAttributes(const Catalogue& catalogue,
                                                      const schema::RawAttributes& raw);

// The other way: as a request would say them.
schema::RawAttributes RawRequestAttributes(const Catalogue& catalogue,
                                           std::span<const schema::AttributeValue> values);

}  // namespace upnext::catalogue

#endif  // UPNEXT_CATALOGUE_REQUEST_ATTRIBUTES_H_
