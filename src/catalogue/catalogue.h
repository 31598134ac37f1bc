// Everything with a name: the log's ids and attributes, plus names that appeared after the log was
// made (serving). One object turns strings to dense ids for training and serving alike.
//
//   Catalogue catalogue(log);
//   uint32_t item = catalogue.Find(IdSpace::kItem, "video-17");         kNone when unknown
//   uint32_t fresh = catalogue.FindOrAdd(IdSpace::kItem, "video-18");   ids go on where the log's
//   end
//
// Find, Name, item and user may run on any number of threads beside FindOrAdd.
#ifndef UPNEXT_CATALOGUE_CATALOGUE_H_
#define UPNEXT_CATALOGUE_CATALOGUE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "log/event_log.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::catalogue {

class Catalogue {
 public:
  explicit Catalogue(log::EventLog log);
  Catalogue(Catalogue&&) noexcept;
  ~Catalogue();

  uint32_t Find(schema::IdSpace space, std::string_view name) const;
  uint32_t FindOrAdd(schema::IdSpace space, std::string_view name);
  std::string Name(schema::IdSpace space, uint32_t id) const;  // "" for kNone or an unknown id
  uint32_t size(schema::IdSpace space) const;                  // log's and added

  // Attributes; absent ones for an id that came after the log.
  schema::Item item(uint32_t item) const;
  schema::User user(uint32_t user) const;
  // The same by number of the attribute, for items and users. Value: flags, numbers, times and
  // single categories; Categories: lists of categories; Text: texts.
  const schema::Schema& schema() const;
  schema::AttributeValue Value(schema::Entity entity, uint32_t attribute, uint32_t id) const;
  std::span<const uint32_t> Categories(schema::Entity entity, uint32_t attribute,
                                       uint32_t id) const;
  std::string_view Text(schema::Entity entity, uint32_t attribute, uint32_t id) const;
  const log::EventLog& log() const;

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::catalogue

#endif  // UPNEXT_CATALOGUE_CATALOGUE_H_
