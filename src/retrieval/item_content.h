// What the catalogue says of items: the input of the item tower (item_tower.h), made by the features
// that the candidate model reads of an item.
//
//   const features::FeatureBlock content = ContentOfItems(tables, catalogue);   // by item row
//   const NewItems fresh = NewItemsOf(tables, catalogue);                       // without a row
//
// Pure functions.
#ifndef UPNEXT_RETRIEVAL_ITEM_CONTENT_H_
#define UPNEXT_RETRIEVAL_ITEM_CONTENT_H_

#include <cstdint>
#include <vector>

#include "catalogue/catalogue.h"
#include "features/feature_block.h"
#include "features/feature_statistics.h"

namespace upnext::retrieval {

// Row r is that of item row r; row 0 is an item of which nothing is known. Without such features,
// rows without content.
features::FeatureBlock ContentOfItems(const features::FeatureStatistics& tables,
                                      const catalogue::Catalogue& catalogue);

// Items of the catalogue that the model has no row for, and of which it can read something: those
// that came after the training, or had no positive event in it. Not those removed.
struct NewItems {
  std::vector<uint32_t> ids;       // ascending
  features::FeatureBlock content;  // row i is that of ids[i]
};
NewItems NewItemsOf(const features::FeatureStatistics& tables,
                    const catalogue::Catalogue& catalogue);
// `item` alone, or none.
NewItems NewItemOf(const features::FeatureStatistics& tables, const catalogue::Catalogue& catalogue,
                   uint32_t item);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_ITEM_CONTENT_H_
