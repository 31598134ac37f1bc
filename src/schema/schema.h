// What a site has: its event types, the attributes of its items, users and requests, and the id
// spaces that these draw from. A built-in list, and what the project file adds to it:
//
//   [schema.events]                            name = role, or a table with `role` and `value`
//   purchase_intent = "positive"
//   [schema.items]                             name = kind
//   price = "number"    brand = "category"    maker = "category(brand)"    vector = "vector(384)"
//
//   const Schema schema = Schema::FromConfig(config.Table("schema"));
//   const EventTypeInfo& type = schema.info(event.type);
//
// A value: immutable, cheap to copy, safe for any number of threads.
#ifndef UPNEXT_SCHEMA_SCHEMA_H_
#define UPNEXT_SCHEMA_SCHEMA_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "schema/attribute.h"
#include "schema/event.h"

namespace upnext::schema {

inline constexpr size_t kMaxEventTypes = 254;   // built-in ones included
inline constexpr size_t kMaxAttributes = 1000;  // declared ones of all entities
inline constexpr size_t kMaxIdSpaces = 254;     // built-in ones included
inline constexpr size_t kMaxNameBytes = 40;     // of an event type and of an attribute
inline constexpr uint32_t kMaxWidth = 65'536;   // of a vector

// What an event of a type says. kPositive: the user wants the item; a label of candidate
// generation. kStrength: the same, as far as the value says: seconds or stars. kSearch: has a query
// and no item.
enum class Role : uint8_t { kImpression, kPositive, kStrength, kNegative, kSearch, kContext };
std::string_view RoleName(Role role);  // "positive"

struct EventTypeInfo {
  std::string name;
  Role role;
  bool needs_value = false;            // an event without a value says nothing
  std::string value_words = "number";  // what the value is, for messages: "watched seconds"
  bool built_in = false;
};

class Schema {
 public:
  Schema() noexcept;  // the built-in lists
  // [schema]. Mistakes are recorded for config.Check(); what is wrong is left out.
  static Schema FromConfig(const base::ConfigTable& schema);
  // What Declarations() gave; kInvalidArgument when it is not a correct [schema].
  static Result<Schema> Parse(std::string_view declarations);

  // Index = number - 1.
  std::span<const EventTypeInfo> event_types() const;
  const EventTypeInfo& info(EventType type) const { return types_[static_cast<size_t>(type) - 1]; }
  bool Has(EventType type) const {
    return type != EventType{0} && static_cast<size_t>(type) <= size_;
  }
  // Capital letters are the same as small ones.
  std::optional<EventType> FindEventType(std::string_view name) const;
  // "there is no event type 'clik'; did you mean 'click'? (the types are ...; a type of your own is
  // a line in the project file: ...)".
  std::string UnknownEventType(std::string_view name) const;

  // Built-in ones first, then declared ones; the index is the attribute's number.
  std::span<const Attribute> attributes(Entity entity) const;
  std::span<const Attribute> declared(Entity entity) const;
  size_t built_in(Entity entity) const {
    return attributes(entity).size() - declared(entity).size();
  }
  std::optional<uint32_t> FindAttribute(Entity entity, std::string_view name) const;

  // Names by number.
  std::span<const std::string> id_spaces() const;
  std::string_view name(IdSpace space) const { return id_spaces()[static_cast<size_t>(space)]; }
  std::optional<IdSpace> FindIdSpace(std::string_view name) const;

  // "" when the event may stand in a log, else why not ("a search has no item").
  std::string_view WhyNotAnEvent(const Event& event) const;

  // What was declared, as a project file says it: lines of [schema.events], [schema.items] ... in
  // the order of their numbers. "" when nothing was.
  const std::string& Declarations() const;
  // Equal when everything above is. Of the declarations and this version's built-in lists.
  uint64_t digest() const;
  friend bool operator==(const Schema& a, const Schema& b) { return a.digest() == b.digest(); }
  // A sentence about the first line in which the declarations differ; "" when they are equal.
  std::string Difference(const Schema& other, std::string_view ours, std::string_view theirs) const;

 private:
  friend class SchemaBuilder;
  struct Rep;
  explicit Schema(std::shared_ptr<const Rep> rep);

  std::shared_ptr<const Rep> rep_;
  const EventTypeInfo* types_ = nullptr;  // rep_'s, for inline access
  size_t size_ = 0;
};

}  // namespace upnext::schema

#endif  // UPNEXT_SCHEMA_SCHEMA_H_
