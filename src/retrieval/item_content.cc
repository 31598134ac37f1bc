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

constexpr auto kItem = schema::Entity::kItem;

class NewItemReader {
 public:
  NewItemReader(const features::FeatureStatistics& tables, const catalogue::Catalogue& catalogue)
      : extractor_(tables, catalogue, features::Model::kRetrieval),
        known_(tables.vocabulary(features::kItemVocabulary)),
        removed_(catalogue.Column(kItem, schema::item_attribute::kRemoved)) {
    extractor_.AppendContent(schema::kNone, &unknown_);
  }
  // No effect for an item that is none of NewItems.
  void Append(uint32_t item, NewItems* fresh) {
    if (known_.Row(item) != 0 || removed_.Value(item).number == 1) return;
    one_.Clear();
    extractor_.AppendContent(item, &one_);
    if (!IsDescribed(one_, unknown_)) return;
    fresh->ids.push_back(item);
    fresh->content.AppendRow(one_, 0);
  }

 private:
  const features::FeatureExtractor extractor_;
  const features::Vocabulary& known_;
  const catalogue::AttributeColumn removed_;
  features::FeatureBlock unknown_, one_;
};

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
  NewItemReader reader(tables, catalogue);
  NewItems fresh;
  const uint32_t end = std::max(catalogue.log().items(), catalogue.posted_end(kItem));
  for (uint32_t item = 0; item < end; ++item) reader.Append(item, &fresh);
  return fresh;
}

NewItems NewItemOf(const features::FeatureStatistics& tables, const catalogue::Catalogue& catalogue,
                   uint32_t item) {
  NewItems fresh;
  NewItemReader(tables, catalogue).Append(item, &fresh);
  return fresh;
}

}  // namespace upnext::retrieval
