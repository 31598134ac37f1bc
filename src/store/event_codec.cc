#include "store/event_codec.h"

#include <array>
#include <bit>
#include <cstring>
#include <type_traits>

namespace upnext::store {

using schema::RawEvent;

namespace {

static_assert(std::endian::native == std::endian::little, "stored events are little-endian");

constexpr uint8_t kVersion = 1;

constexpr std::array kStrings = {&RawEvent::user,    &RawEvent::item,        &RawEvent::query,
                                 &RawEvent::request, &RawEvent::source,      &RawEvent::device,
                                 &RawEvent::region,  &RawEvent::current_item};

template <typename T>
void Put(std::string& out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
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

}  // namespace

std::string EncodeEvent(const RawEvent& event) {
  std::string out;
  Put(out, kVersion);
  Put(out, event.time_ms);
  Put(out, static_cast<uint8_t>(event.type));
  Put(out, event.value);
  Put(out, event.position);
  Put(out, event.propensity);
  Put(out, static_cast<uint8_t>(event.off_site));
  for (std::string RawEvent::* const field : kStrings) {
    Put(out, static_cast<uint32_t>((event.*field).size()));
    out += event.*field;
  }
  return out;
}

Result<RawEvent> DecodeEvent(std::string_view bytes) {
  RawEvent event;
  uint8_t version = 0, type = 0, off_site = 0;
  bool ok = Take(bytes, &version) && version == kVersion && Take(bytes, &event.time_ms) &&
            Take(bytes, &type) && Take(bytes, &event.value) && Take(bytes, &event.position) &&
            Take(bytes, &event.propensity) && Take(bytes, &off_site);
  ok = ok && type >= 1 && type < schema::kEventTypes && off_site <= 1;
  for (std::string RawEvent::* const field : kStrings)
    ok = ok && TakeString(bytes, &(event.*field));
  if (!ok || !bytes.empty()) {
    return DataLoss(
        "a stored event is not what this version of upnext writes: the store is damaged "
        "or newer than this binary");
  }
  event.type = static_cast<schema::EventType>(type);
  event.off_site = off_site == 1;
  return event;
}

}  // namespace upnext::store
