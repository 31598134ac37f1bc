#include "retrieval/item_content.h"

#include <algorithm>

#include "features/feature_extractor.h"
#include "schema/attribute.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

// Whether the only row of a block has a category with a row, or other numbers than that of an item of
// which nothing is known.
bool IsDescribed(const features::FeatureBlock& item, const features::FeatureBlock& unknown) {
  const auto has_row = [](const features::Bags& bags) {
    return std::ranges::any_of(bags.ids, [](uint32_t id) { return id != 0; });
  };
  return std::ranges::any_of(item.categorical, has_row) || item.dense != unknown.dense;
}

}  // namespace

features::FeatureBlock ContentOfItems(const features::FeatureStatistics& tables,
                                      const catalogue::Catalogue& catalogue) {
  const features::FeatureExtractor extractor(tables, catalogue, features::Model::kRetrieval);
  features::FeatureBlock content;
  for (const uint32_t item : tables.vocabulary(features::kItemVocabulary).ids_by_row()) {
    extractor.AppendContent(item, &content);
  }
  return content;
}

NewItems NewItemsOf(const features::FeatureStatistics& tables,
                    const catalogue::Catalogue& catalogue) {
  const features::FeatureExtractor extractor(tables, catalogue, features::Model::kRetrieval);
  const features::Vocabulary& known = tables.vocabulary(features::kItemVocabulary);
  const catalogue::AttributeColumn& removed =
      catalogue.Column(schema::Entity::kItem, schema::item_attribute::kRemoved);
  NewItems fresh;
  features::FeatureBlock unknown, one;
  extractor.AppendContent(schema::kNone, &unknown);
  for (uint32_t item = 0; item < catalogue.log().items(); ++item) {
    if (known.Row(item) != 0 || removed.Value(item).number == 1) continue;
    one.Clear();
    extractor.AppendContent(item, &one);
    if (!IsDescribed(one, unknown)) continue;
    fresh.ids.push_back(item);
    fresh.content.AppendRow(one, 0);
  }
  return fresh;
}

}  // namespace upnext::retrieval
