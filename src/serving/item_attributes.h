// What is known of an item, as text: what an answer shows of it, whatever the site declared.
//
//   for (const auto& [attribute, text] : ItemAttributes(catalogue, item)) ...
//
// Pure functions.
#ifndef UPNEXT_SERVING_ITEM_ATTRIBUTES_H_
#define UPNEXT_SERVING_ITEM_ATTRIBUTES_H_

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "schema/raw_event.h"

namespace upnext::serving {

// The id of an item; kNotFound names it and the log.
Result<uint32_t> FindItem(const catalogue::Catalogue& catalogue, std::string_view name);

// Attributes of an item of the catalogue that are not absent, built-in ones included, in the order
// of their numbers; the text is the one of schema/values.h. Categories come once for each id.
schema::RawAttributes ItemAttributes(const catalogue::Catalogue& catalogue, uint32_t item);

// One of them.
void AppendAttribute(const catalogue::Catalogue& catalogue, uint32_t item, uint32_t number,
                     schema::RawAttributes* out);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ITEM_ATTRIBUTES_H_
