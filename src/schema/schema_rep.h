// What a Schema points to. Only schema.cc and schema_config.cc include it.
#ifndef UPNEXT_SCHEMA_SCHEMA_REP_H_
#define UPNEXT_SCHEMA_SCHEMA_REP_H_

#include <array>
#include <map>
#include <string>
#include <vector>

#include "schema/schema.h"

namespace upnext::schema {

struct Schema::Rep {
  Rep();  // the built-in lists

  std::vector<EventTypeInfo> types;
  std::array<std::vector<Attribute>, kEntities> attributes;
  std::array<size_t, kEntities> built_in;  // as many of them
  std::vector<std::string> spaces;
  std::string declarations;
  uint64_t digest = 0;
  std::map<std::string, EventType, std::less<>> type_of;
  std::array<std::map<std::string, uint32_t, std::less<>>, kEntities> attribute_of;
  std::map<std::string, IdSpace, std::less<>> space_of;

  void Index();  // fills the maps and the digest
};

}  // namespace upnext::schema

#endif  // UPNEXT_SCHEMA_SCHEMA_REP_H_
