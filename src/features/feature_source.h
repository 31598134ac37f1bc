// Where an extractor finds what an attribute path names: the column of the catalogue, or the place
// in the request, is looked up once and read for every example. Only this room includes it.
//
//   const FeatureSource language(feature.number.path, catalogue);
//   const bool any = language.ForEachId(subject, [&](uint32_t id) { ... });
//
// Immutable, valid as long as the catalogue: any number of threads.
#ifndef UPNEXT_FEATURES_FEATURE_SOURCE_H_
#define UPNEXT_FEATURES_FEATURE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "catalogue/attribute_column.h"
#include "catalogue/catalogue.h"
#include "features/feature_plan.h"
#include "features/request_context.h"
#include "features/text_words.h"
#include "features/user_state.h"
#include "schema/attribute.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::features {

// Whom and what the features of a row are about.
struct FeatureSubject {
  const UserState& state;
  uint32_t user;
  const Context& context;
  const Candidate& candidate;
  std::span<const WordSet> words = {};      // of the request, by NumberStep::set_words
  std::span<const float> user_vector = {};  // of the reference candidate model; empty: missing
};

class FeatureSource {
 public:
  FeatureSource(const AttributePath& path, const catalogue::Catalogue& catalogue)
      : of_(OfPath(path)),
        list_(path.kind == schema::Kind::kCategories && path.entity != schema::Entity::kRequest),
        through_(path.through),
        attribute_(path.attribute),
        declared_(path.attribute - kBuiltInRequestAttributes) {
    if (of_ == Of::kItem || of_ == Of::kUser) {
      column_ = catalogue.Column(path.entity, path.attribute);
    }
  }

  schema::AttributeValue Value(const FeatureSubject& subject) const {
    switch (of_) {
      case Of::kItem:
        return column_.Value(ItemOf(subject));
      case Of::kUser:
        return column_.Value(subject.user);
      case Of::kDeclared:
        if (declared_ >= subject.context.attributes.size()) return {};
        return subject.context.attributes[declared_];
      case Of::kCandidate:
        return {.category = subject.candidate.item};
      case Of::kDevice:
        return {.category = subject.context.device};
      case Of::kRegion:
        return {.category = subject.context.region};
      case Of::kCurrentItem:
        return {.category = subject.context.current_item};
      case Of::kSource:
        return {.category = subject.candidate.source};
      case Of::kNothing:
        break;
    }
    return {};
  }

  // Of a text of an item.
  std::string_view Text(const FeatureSubject& subject,
                        const catalogue::Catalogue& catalogue) const {
    return catalogue.Text(schema::Entity::kItem, attribute_, ItemOf(subject));
  }

  // A vector of an item or of the user; empty without one.
  std::span<const float> Vector(const FeatureSubject& subject,
                                const catalogue::Catalogue& catalogue) const {
    if (of_ == Of::kUser) {
      return catalogue.Vector(schema::Entity::kUser, attribute_, subject.user);
    }
    return catalogue.Vector(schema::Entity::kItem, attribute_, ItemOf(subject));
  }

  // Calls visit(id) for each id of a categorical attribute; false when there is none.
  template <typename Visit>
  bool ForEachId(const FeatureSubject& subject, const Visit& visit) const {
    if (list_) {
      const std::span<const uint32_t> ids =
          column_.Categories(of_ == Of::kItem ? ItemOf(subject) : subject.user);
      for (const uint32_t id : ids) visit(id);
      return !ids.empty();
    }
    const uint32_t id = Value(subject).category;
    if (id == schema::kNone) return false;
    visit(id);
    return true;
  }

 private:
  enum class Of : uint8_t {
    kNothing,
    kItem,  // an attribute of the candidate
    kUser,
    kDeclared,   // a declared attribute of the request
    kCandidate,  // itself; the rest are built-in attributes of the request
    kDevice,
    kRegion,
    kCurrentItem,
    kSource
  };
  // The candidate, or the item that is an attribute of the request.
  uint32_t ItemOf(const FeatureSubject& subject) const {
    if (through_ == kItself) return subject.candidate.item;
    if (through_ == static_cast<uint32_t>(RequestAttribute::kCurrentItem)) {
      return subject.context.current_item;
    }
    const size_t declared = through_ - kBuiltInRequestAttributes;
    const auto& attributes = subject.context.attributes;
    return declared < attributes.size() ? attributes[declared].category : schema::kNone;
  }
  static Of OfPath(const AttributePath& path) {
    if (path.entity == schema::Entity::kUser) return Of::kUser;
    if (path.entity == schema::Entity::kItem) {
      return path.attribute == kItself ? Of::kCandidate : Of::kItem;
    }
    if (path.attribute >= kBuiltInRequestAttributes) return Of::kDeclared;
    switch (static_cast<RequestAttribute>(path.attribute)) {
      case RequestAttribute::kDevice:
        return Of::kDevice;
      case RequestAttribute::kRegion:
        return Of::kRegion;
      case RequestAttribute::kCurrentItem:
        return Of::kCurrentItem;
      case RequestAttribute::kSource:
        return Of::kSource;
      case RequestAttribute::kQuery:
        break;
    }
    return Of::kNothing;
  }

  Of of_;
  bool list_;
  uint32_t through_, attribute_;
  size_t declared_;
  catalogue::AttributeColumn column_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_SOURCE_H_
