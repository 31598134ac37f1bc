#include "store/event_codec.h"

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

#include "schema/values.h"

namespace upnext::store {

using schema::Entity;
using schema::RawEvent;

namespace {

static_assert(std::endian::native == std::endian::little, "stored events are little-endian");

constexpr uint8_t kVersion = 4;

constexpr std::array kStrings = {&RawEvent::user,    &RawEvent::item,        &RawEvent::query,
                                 &RawEvent::request, &RawEvent::source,      &RawEvent::device,
                                 &RawEvent::region,  &RawEvent::current_item};

template <typename T>
void Put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void PutString(std::string& out, std::string_view text) {
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

bool TakeString(std::string_view& in, std::string* value) {
  uint32_t size = 0;
  if (!Take(in, &size) || in.size() < size) return false;
  value->assign(in.substr(0, size));
  in.remove_prefix(size);
  return true;
}

// The declared attributes that the schema still has.
bool TakeAttributes(std::string_view& in, const schema::Schema& schema,
                    schema::RawAttributes* attributes) {
  uint32_t count = 0;
  bool ok = Take(in, &count);
  for (; ok && count > 0; --count) {
    std::string name, text;
    ok = TakeString(in, &name) && TakeString(in, &text);
    const auto number = schema.FindAttribute(Entity::kRequest, name);
    if (!ok || !number) continue;
    schema::RawAttributes attribute = {{*number, std::move(text)}};
    if (schema::CheckDeclared(schema, Entity::kRequest, attribute)) {
      attributes->push_back(std::move(attribute.front()));
    }
  }
  return ok;
}

}  // namespace

std::string EncodeEvent(const schema::Schema& schema, const RawEvent& event, std::string_view id) {
  std::string out;
  Put(out, kVersion);
  Put(out, event.time_ms);
  Put(out, event.value);
  Put(out, event.position);
  Put(out, event.propensity);
  Put(out, event.source_score);
  Put(out, static_cast<uint8_t>(event.off_site));
  PutString(out, schema.info(event.type).name);
  for (std::string RawEvent::* const field : kStrings) PutString(out, event.*field);
  PutString(out, id);
  Put(out, static_cast<uint32_t>(event.attributes.size()));
  for (const auto& [number, text] : event.attributes) {
    PutString(out, schema.attributes(Entity::kRequest)[number].name);
    PutString(out, text);
  }
  return out;
}

Result<std::optional<RawEvent>> DecodeEvent(const schema::Schema& schema, std::string_view bytes) {
  RawEvent event;
  uint8_t version = 0, off_site = 0;
  std::string type;
  bool ok = Take(bytes, &version) && version == kVersion && Take(bytes, &event.time_ms) &&
            Take(bytes, &event.value) && Take(bytes, &event.position) &&
            Take(bytes, &event.propensity) && Take(bytes, &event.source_score) &&
            Take(bytes, &off_site) && off_site <= 1 && TakeString(bytes, &type);
  for (std::string RawEvent::* const field : kStrings) {
    ok = ok && TakeString(bytes, &(event.*field));
  }
  ok = ok && TakeString(bytes, &event.id);
  ok = ok && TakeAttributes(bytes, schema, &event.attributes);
  if (!ok || !bytes.empty()) {
    return DataLoss(
        "a stored event is not what this version of upnext writes: the store is damaged "
        "or newer than this binary");
  }
  const std::optional<schema::EventType> known = schema.FindEventType(type);
  if (!known) return std::nullopt;
  event.type = *known;
  event.off_site = off_site == 1;
  event.posted = true;
  return event;
}

}  // namespace upnext::store
