#include "store/event_codec.h"

#include <array>

#include "store/codec_bytes.h"

namespace upnext::store {

using schema::Entity;
using schema::RawEvent;

namespace {

constexpr uint8_t kVersion = 4;

constexpr std::array kStrings = {&RawEvent::user,    &RawEvent::item,        &RawEvent::query,
                                 &RawEvent::request, &RawEvent::source,      &RawEvent::device,
                                 &RawEvent::region,  &RawEvent::current_item};

// What stands before the strings, and the type.
bool TakeHead(std::string_view& bytes, RawEvent* event, uint8_t* off_site, std::string* type) {
  uint8_t version = 0;
  return Take(bytes, &version) && version == kVersion && Take(bytes, &event->time_ms) &&
         Take(bytes, &event->value) && Take(bytes, &event->position) &&
         Take(bytes, &event->propensity) && Take(bytes, &event->source_score) &&
         Take(bytes, off_site) && *off_site <= 1 && TakeString(bytes, type);
}

std::unexpected<Error> NotAnEvent() {
  return DataLoss(
      "a stored event is not what this version of upnext writes: the store is damaged "
      "or newer than this binary");
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
  PutAttributes(out, schema, Entity::kRequest, event.attributes);
  return out;
}

Result<std::optional<RawEvent>> DecodeEvent(const schema::Schema& schema, std::string_view bytes) {
  RawEvent event;
  uint8_t off_site = 0;
  std::string type;
  bool ok = TakeHead(bytes, &event, &off_site, &type);
  for (std::string RawEvent::* const field : kStrings) {
    ok = ok && TakeString(bytes, &(event.*field));
  }
  ok = ok && TakeString(bytes, &event.id);
  ok = ok && TakeAttributes(bytes, schema, Entity::kRequest, schema.built_in(Entity::kRequest),
                            &event.attributes);
  if (!ok || !bytes.empty()) return NotAnEvent();
  const std::optional<schema::EventType> known = schema.FindEventType(type);
  if (!known) return std::nullopt;
  event.type = *known;
  event.off_site = off_site == 1;
  event.posted = true;
  return event;
}

Result<std::string> EncodedFor(std::string_view user, std::string_view bytes, std::string* id) {
  RawEvent event;
  uint8_t off_site = 0;
  std::string type;
  std::string_view rest = bytes;
  bool ok = TakeHead(rest, &event, &off_site, &type);
  std::string out(bytes.substr(0, bytes.size() - rest.size()));
  static_assert(kStrings.front() == &RawEvent::user);
  ok = ok && TakeString(rest, &event.user);
  PutString(out, user);
  out += rest;
  for (size_t i = 1; i < kStrings.size(); ++i) ok = ok && TakeString(rest, &(event.*kStrings[i]));
  if (!ok || !TakeString(rest, id)) return NotAnEvent();
  return out;
}

}  // namespace upnext::store
