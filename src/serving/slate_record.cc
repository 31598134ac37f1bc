#include "serving/slate_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <utility>

#include "store/codec_bytes.h"
#include "store/event_codec.h"

namespace upnext::serving {

using store::Put;
using store::Take;

namespace {

constexpr uint8_t kSlateVersion = 1;
enum SlateFlag : uint8_t {
  kRetrievalAlone = 1,
  kExplores = 2,
  kHasScore = 4,
  kMixed = 8,
  kKeepsSeen = 16
};
enum ItemFlag : uint8_t { kHasPropensity = 1, kHasBoost = 2 };

// Seven bits a byte, the lowest first; the last byte has no high bit.
void PutCount(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

bool TakeCount(std::string_view& in, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    uint8_t byte = 0;
    if (!Take(in, &byte)) return false;
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

void PutText(std::string& out, std::string_view text) {
  PutCount(out, text.size());
  out += text;
}

bool TakeText(std::string_view& in, std::string* text) {
  uint64_t size = 0;
  if (!TakeCount(in, &size) || in.size() < size) return false;
  text->assign(in.substr(0, size));
  in.remove_prefix(size);
  return true;
}

// As many as there are said to be; each takes a byte at least, so that a damaged count ends soon.
template <typename F>
bool TakeMany(std::string_view& in, F&& take_one) {
  uint64_t count = 0;
  bool ok = TakeCount(in, &count) && count <= in.size();
  for (; ok && count > 0; --count) ok = take_one();
  return ok;
}

bool TakeSmall(std::string_view& in, uint32_t* value) {
  uint64_t wide = 0;
  if (!TakeCount(in, &wide) || wide > std::numeric_limits<uint32_t>::max()) return false;
  *value = static_cast<uint32_t>(wide);
  return true;
}

void PutRequest(std::string& out, const schema::Schema& schema, const SlateRecord& record) {
  // Every input of an answer has a name here: a new one does not compile until it is written too.
  // Explanations are not kept.
  const auto& [user, n, offset, device, region, current_item, attributes, time_ms, stage, exclude,
               items, keeps_seen, score, filter, boost, parameters, scenario, explain, explores,
               places_before, shown, id] = record.request;
  out.push_back(static_cast<char>(
      (stage == Stage::kRetrieval ? kRetrievalAlone : 0) | (explores ? kExplores : 0) |
      (score ? kHasScore : 0) | (record.basis.mixed ? kMixed : 0) | (keeps_seen ? kKeepsSeen : 0)));
  for (const uint32_t number : {n, offset, places_before}) PutCount(out, number);
  for (const std::string* text : {&device, &region, &current_item, &filter, &boost, &scenario}) {
    PutText(out, *text);
  }
  PutText(out, score.value_or(""));
  store::PutAttributes(out, schema, schema::Entity::kRequest, attributes);
  PutCount(out, exclude.size());
  for (const std::string& item : exclude) PutText(out, item);
  PutCount(out, items.size());
  for (const std::string& item : items) PutText(out, item);
  PutCount(out, parameters.size());
  for (const auto& [name, values] : parameters) {
    PutText(out, name);
    PutCount(out, values.size());
    for (const std::string& value : values) PutText(out, value);
  }
  PutCount(out, shown.size());
  for (const ShownItem& one : shown) {
    PutText(out, one.item);
    Put(out, one.time_ms);
  }
}

bool TakeRequest(std::string_view& in, const schema::Schema& schema, SlateRecord* record) {
  Request& request = record->request;
  uint8_t flags = 0;
  std::string score;
  bool ok = Take(in, &flags) && flags < 32 && TakeSmall(in, &request.n) &&
            TakeSmall(in, &request.offset) && TakeSmall(in, &request.places_before);
  for (std::string* text : {&request.device, &request.region, &request.current_item,
                            &request.filter, &request.boost, &request.scenario, &score}) {
    ok = ok && TakeText(in, text);
  }
  ok = ok && store::TakeAttributes(in, schema, schema::Entity::kRequest, 0, &request.attributes);
  ok = ok && TakeMany(in, [&] { return TakeText(in, &request.exclude.emplace_back()); });
  ok = ok && TakeMany(in, [&] { return TakeText(in, &request.items.emplace_back()); });
  ok = ok && TakeMany(in, [&] {
         auto& [name, values] = request.parameters.emplace_back();
         return TakeText(in, &name) &&
                TakeMany(in, [&] { return TakeText(in, &values.emplace_back()); });
       });
  ok = ok && TakeMany(in, [&] {
         ShownItem& one = request.shown.emplace_back();
         return TakeText(in, &one.item) && Take(in, &one.time_ms);
       });
  request.stage = (flags & kRetrievalAlone) != 0 ? Stage::kRetrieval : Stage::kRanking;
  request.explores = (flags & kExplores) != 0;
  request.keeps_seen = (flags & kKeepsSeen) != 0;
  if ((flags & kHasScore) != 0) request.score = std::move(score);
  record->basis.mixed = (flags & kMixed) != 0;
  return ok;
}

void PutBasis(std::string& out, const schema::Schema& schema, const SlateBasis& basis) {
  PutCount(out, basis.state);
  PutCount(out, basis.items);
  Put(out, basis.options);
  PutCount(out, basis.live.size());
  for (const LiveProposal& one : basis.live) {
    PutText(out, one.name);
    if (one.name.empty()) Put(out, one.item);
    Put(out, one.score);
  }
  PutCount(out, basis.open.size());
  for (const schema::RawEvent& event : basis.open) {
    PutText(out, store::EncodeEvent(schema, event, event.id));
  }
}

// An event of a type that the schema does not declare any more is left out.
bool TakeOpen(std::string_view& in, const schema::Schema& schema,
              std::vector<schema::RawEvent>* open) {
  std::string bytes;
  if (!TakeText(in, &bytes)) return false;
  auto event = store::DecodeEvent(schema, bytes);
  if (!event) return false;
  if (*event) open->push_back(**std::move(event));
  return true;
}

bool TakeBasis(std::string_view& in, const schema::Schema& schema, SlateBasis* basis) {
  return TakeCount(in, &basis->state) && TakeCount(in, &basis->items) &&
         Take(in, &basis->options) &&
         TakeMany(in,
                  [&] {
                    LiveProposal& one = basis->live.emplace_back();
                    return TakeText(in, &one.name) && (!one.name.empty() || Take(in, &one.item)) &&
                           Take(in, &one.score);
                  }) &&
         TakeMany(in, [&] { return TakeOpen(in, schema, &basis->open); });
}

// The names of sources, each once, in the order in which the items have them.
std::vector<std::string_view> SourcesOf(std::span<const Recommendation> items) {
  std::vector<std::string_view> names;
  for (const Recommendation& item : items) {
    for (const SourceScore& source : item.sources) {
      if (std::ranges::find(names, source.source) == names.end()) names.push_back(source.source);
    }
  }
  return names;
}

void PutItem(std::string& out, const Recommendation& item,
             std::span<const std::string_view> names) {
  PutText(out, item.id);
  Put(out, item.score);
  out.push_back(
      static_cast<char>((item.propensity ? kHasPropensity : 0) | (item.boost ? kHasBoost : 0)));
  if (item.propensity) Put(out, *item.propensity);
  if (item.boost) Put(out, *item.boost);
  PutCount(out, item.sources.size());
  for (const SourceScore& source : item.sources) {
    PutCount(out, static_cast<uint64_t>(std::ranges::find(names, source.source) - names.begin()));
    Put(out, static_cast<float>(source.score));  // scores of generators are of this type
    PutText(out, source.from);
  }
  PutCount(out, item.predictions.size());
  for (const float prediction : item.predictions) Put(out, prediction);
}

bool TakeItem(std::string_view& in, std::span<const std::string> names, Recommendation* item) {
  uint8_t flags = 0;
  bool ok = TakeText(in, &item->id) && Take(in, &item->score) && Take(in, &flags) && flags < 4;
  if (ok && (flags & kHasPropensity) != 0) ok = Take(in, &item->propensity.emplace());
  if (ok && (flags & kHasBoost) != 0) ok = Take(in, &item->boost.emplace());
  ok = ok && TakeMany(in, [&] {
         uint64_t name = 0;
         float score = 0;
         SourceScore& source = item->sources.emplace_back();
         if (!TakeCount(in, &name) || name >= names.size() || !Take(in, &score) ||
             !TakeText(in, &source.from)) {
           return false;
         }
         source.source = names[name];
         source.score = static_cast<double>(score);
         return true;
       });
  return ok && TakeMany(in, [&] { return Take(in, &item->predictions.emplace_back()); });
}

bool TakeAnswer(std::string_view& in, std::vector<Recommendation>* items) {
  std::vector<std::string> names;
  return TakeMany(in, [&] { return TakeText(in, &names.emplace_back()); }) &&
         TakeMany(in, [&] { return TakeItem(in, names, &items->emplace_back()); });
}

// What differs between two items at one place, "" when nothing does.
std::string ItemDifference(const Recommendation& served, const Recommendation& now) {
  if (served.id != now.id) return fmt::format("item {}, now {}", served.id, now.id);
  const auto differs = [&](std::string_view what, double before, double after) {
    return fmt::format("{} of item {} {:.17g}, now {:.17g}", what, served.id, before, after);
  };
  const auto bits = [](double value) { return std::bit_cast<uint64_t>(value); };
  for (size_t k = 0; k < std::min(served.predictions.size(), now.predictions.size()); ++k) {
    const double before = static_cast<double>(served.predictions[k]);
    const double after = static_cast<double>(now.predictions[k]);
    if (bits(before) != bits(after)) return differs(fmt::format("prediction {}", k), before, after);
  }
  for (size_t k = 0; k < std::min(served.sources.size(), now.sources.size()); ++k) {
    const SourceScore &before = served.sources[k], &after = now.sources[k];
    if (before.source != after.source) {
      return fmt::format("source {} of item {} {}, now {}", k, served.id, before.source,
                         after.source);
    }
    if (bits(before.score) != bits(after.score)) {
      return differs("score of source " + before.source, before.score, after.score);
    }
  }
  if (bits(served.score) != bits(now.score)) return differs("score", served.score, now.score);
  if (bits(served.propensity.value_or(0)) != bits(now.propensity.value_or(0))) {
    return differs("propensity", served.propensity.value_or(0), now.propensity.value_or(0));
  }
  if (EncodeAnswer({&served, 1}) == EncodeAnswer({&now, 1})) return "";
  return fmt::format("sources, predictions or boost of item {}", served.id);
}

}  // namespace

std::optional<uint64_t> RequestNumber(std::string_view id) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.begin(), id.end(), number, 16);
  if (error != std::errc() || end != id.end() || id.size() != 16) return std::nullopt;
  return number;
}

std::string RequestId(uint64_t number) { return fmt::format("{:016x}", number); }

std::string EncodeAnswer(std::span<const Recommendation> items) {
  std::string out;
  const std::vector<std::string_view> names = SourcesOf(items);
  PutCount(out, names.size());
  for (const std::string_view name : names) PutText(out, name);
  PutCount(out, items.size());
  for (const Recommendation& item : items) PutItem(out, item, names);
  return out;
}

std::string EncodeSlate(const schema::Schema& schema, const SlateRecord& record) {
  std::string out;
  out.reserve(4096);
  Put(out, kSlateVersion);
  PutRequest(out, schema, record);
  PutText(out, record.after);
  PutText(out, record.bundle_version);
  PutText(out, record.log_version);
  PutBasis(out, schema, record.basis);
  return out + EncodeAnswer(record.items);
}

Result<SlateRecord> DecodeSlate(const schema::Schema& schema, const store::StoredSlate& stored) {
  SlateRecord record;
  std::string_view in = stored.bytes;
  uint8_t version = 0;
  const bool ok = Take(in, &version) && version == kSlateVersion &&
                  TakeRequest(in, schema, &record) && TakeText(in, &record.after) &&
                  TakeText(in, &record.bundle_version) && TakeText(in, &record.log_version) &&
                  TakeBasis(in, schema, &record.basis) && TakeAnswer(in, &record.items) &&
                  in.empty();
  if (!ok) {
    return DataLoss(
        "a stored slate is not what this version of upnext writes: the store is damaged or newer "
        "than this binary");
  }
  record.id = RequestId(stored.request);
  record.request.id = stored.request;
  record.request.user = stored.user;
  record.request.time_ms = stored.time_ms;
  return record;
}

std::string DifferenceOf(std::span<const Recommendation> served,
                         std::span<const Recommendation> now) {
  for (size_t i = 0; i < std::min(served.size(), now.size()); ++i) {
    const std::string found = ItemDifference(served[i], now[i]);
    if (!found.empty()) return fmt::format("place {}: {}", i + 1, found);
  }
  if (served.size() == now.size()) return "";
  return fmt::format("{} items, now {}", served.size(), now.size());
}

std::vector<schema::RawEvent> ImpressionsOf(const SlateRecord& record) {
  const Request& request = record.request;
  std::vector<schema::RawEvent> events;
  for (size_t i = 0; i < record.items.size(); ++i) {
    const Recommendation& item = record.items[i];
    const uint64_t position = uint64_t{request.places_before} + request.offset + i + 1;
    schema::RawEvent event{.user = request.user,
                           .item = item.id,
                           .time_ms = request.time_ms,
                           .request = record.id,
                           .device = request.device,
                           .region = request.region,
                           .current_item = request.current_item,
                           .position = static_cast<uint16_t>(std::min<uint64_t>(position, 65535)),
                           .attributes = request.attributes};
    if (!item.sources.empty()) {
      event.source = item.sources.front().source;
      event.source_score = static_cast<float>(item.sources.front().score);
    }
    if (item.propensity) event.propensity = static_cast<float>(*item.propensity);
    events.push_back(std::move(event));
  }
  return events;
}

}  // namespace upnext::serving
