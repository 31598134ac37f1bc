// Everything with a name: the ids and attributes of the log, and names that appeared after the log
// was made (serving). One object maps strings to dense ids for training and serving alike. It does
// not number names itself: what the log does not have is numbered by the store (Store::Intern) and
// added here.
//
//   Catalogue catalogue(log);
//   uint32_t item = catalogue.Find(IdSpace::kItem, "video-17");         kNone when unknown
//   catalogue.Add(IdSpace::kItem, "video-18", id);                      id from the store
//   catalogue.Set(Entity::kItem, id, {.sequence = 7, .attributes = row.attributes});
//
// What reads may run on any number of threads while names are added and rows are set. What it hands
// out stays valid as long as the catalogue, although it may no longer be the newest.
#ifndef UPNEXT_CATALOGUE_CATALOGUE_H_
#define UPNEXT_CATALOGUE_CATALOGUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/attribute_column.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::catalogue {

class Catalogue {
 public:
  explicit Catalogue(log::EventLog log);
  Catalogue(Catalogue&&) noexcept;
  ~Catalogue();

  uint32_t Find(schema::IdSpace space, std::string_view name) const;
  // Ids may arrive in any order. No effect on a name that was added before, and for an id of the log.
  void Add(schema::IdSpace space, std::string_view name, uint32_t id);
  // Takes back an added name: its id has none from then on. No effect on a name of the log.
  void Remove(schema::IdSpace space, std::string_view name);
  std::string Name(schema::IdSpace space, uint32_t id) const;  // "" for kNone or an unknown id
  uint32_t size(schema::IdSpace space) const;  // one more than the largest id, the log's or added
  // Items or users: the log's that are not gone (EventLog::gone), and those added, without those
  // that were deleted.
  uint32_t present(schema::Entity entity) const;
  // Whether the id is one of them.
  bool IsPresent(schema::Entity entity, uint32_t id) const;

  // What was posted of an item or a user: all its attributes, in place of those of the log. One that
  // is deleted has none, and an item is then removed.
  struct Posted {
    uint64_t sequence = 0;  // of the change, from 1
    bool deleted = false;
    const schema::RawAttributes& attributes;  // checked (schema::CheckEntity)
  };
  // False, and no effect, when a later change was set before. Names of categories that the catalogue
  // does not have are left out: add them first.
  bool Set(schema::Entity entity, uint32_t id, const Posted& posted);
  // Whether Set took place for this id.
  bool IsPosted(schema::Entity entity, uint32_t id) const;
  uint32_t posted_end(schema::Entity entity) const;  // one more than the largest such id, 0: none
  size_t posted_bytes() const;  // memory of all that was set, also of what was replaced

  // Attributes: those that were posted, else the log's; absent ones for an id that has neither.
  schema::Item item(uint32_t item) const;
  schema::User user(uint32_t user) const;
  // One attribute of all items or users, by its number in schema().attributes(entity).
  const AttributeColumn& Column(schema::Entity entity, uint32_t attribute) const {
    return columns_[static_cast<size_t>(entity)][attribute];
  }
  // Of one item or user: of a kind that fits in an AttributeValue, of a category (none or one id)
  // or categories, of a text, of a vector ([width], or empty). Absent for another kind.
  schema::AttributeValue Value(schema::Entity entity, uint32_t attribute, uint32_t id) const {
    return Column(entity, attribute).Value(id);
  }
  std::span<const uint32_t> Categories(schema::Entity entity, uint32_t attribute,
                                       uint32_t id) const {
    return Column(entity, attribute).Categories(id);
  }
  std::string_view Text(schema::Entity entity, uint32_t attribute, uint32_t id) const;
  std::span<const float> Vector(schema::Entity entity, uint32_t attribute, uint32_t id) const;
  const schema::Schema& schema() const { return log().schema(); }
  const log::EventLog& log() const;

 private:
  struct Rep;
  const OverlayRow* PostedRow(schema::Entity entity, uint32_t id) const;
  bool SetRow(schema::Entity entity, uint32_t id, std::unique_ptr<const OverlayRow> row);
  std::unique_ptr<Rep> rep_;
  std::vector<AttributeColumn> columns_[2];  // of items and of users
};

}  // namespace upnext::catalogue

#endif  // UPNEXT_CATALOGUE_CATALOGUE_H_
