// Numbers and strings of stored values: little-endian, strings with their length before them.
//
//   Put(out, uint32_t{7}); PutString(out, "name");
//   ok = Take(in, &number) && TakeString(in, &name);        from the front of `in`
//
// Pure functions. Part of the store's format (docs/formats/store.md).
#ifndef UPNEXT_STORE_CODEC_BYTES_H_
#define UPNEXT_STORE_CODEC_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "schema/raw_event.h"
#include "schema/schema.h"
#include "schema/values.h"

namespace upnext::store {

static_assert(std::endian::native == std::endian::little, "stored values are little-endian");

template <typename T>
void Put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

inline void PutString(std::string& out, std::string_view text) {
  Put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

template <typename T>
bool Take(std::string_view& in, T* value) {
  if (in.size() < sizeof(T)) return false;
  std::memcpy(value, in.data(), sizeof(T));
  in.remove_prefix(sizeof(T));
  return true;
}

inline bool TakeString(std::string_view& in, std::string* value) {
  uint32_t size = 0;
  if (!Take(in, &size) || in.size() < size) return false;
  value->assign(in.substr(0, size));
  in.remove_prefix(size);
  return true;
}

// By name, so that they may be read under another schema.
inline void PutAttributes(std::string& out, const schema::Schema& schema, schema::Entity entity,
                          const schema::RawAttributes& attributes) {
  Put(out, static_cast<uint32_t>(attributes.size()));
  for (const auto& [number, text] : attributes) {
    PutString(out, schema.attributes(entity)[number].name);
    PutString(out, text);
  }
}

// Those that the schema has, from the number `first` on, with values that fit their kind.
inline bool TakeAttributes(std::string_view& in, const schema::Schema& schema,
                           schema::Entity entity, size_t first, schema::RawAttributes* attributes) {
  uint32_t count = 0;
  bool ok = Take(in, &count);
  for (; ok && count > 0; --count) {
    std::string name, text;
    ok = TakeString(in, &name) && TakeString(in, &text);
    const auto number = schema.FindAttribute(entity, name);
    if (!ok || !number || *number < first) continue;
    if (schema::CheckText(schema.attributes(entity)[*number], text)) {
      attributes->emplace_back(*number, std::move(text));
    }
  }
  return ok;
}

}  // namespace upnext::store

#endif  // UPNEXT_STORE_CODEC_BYTES_H_
