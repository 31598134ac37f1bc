// A log as text, for comparisons: with names, which logs of different numbering share, or with
// numbers and bits. For tests only.
#ifndef UPNEXT_LOG_TEST_LOG_TEXT_H_
#define UPNEXT_LOG_TEST_LOG_TEXT_H_

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>
#include <vector>

#include "log/event_log.h"
#include "schema/event.h"
#include "schema/values.h"

namespace upnext::log {

inline std::string NameOf(const EventLog& log, schema::IdSpace space, uint32_t id) {
  return id == schema::kNone ? "-" : std::string(log.dictionary(space).name(id));
}

// " price 3.5 tags x y": a value that is not absent, with its name; else "".
inline std::string TextOf(const EventLog& log, const schema::Attribute& attribute,
                          const schema::AttributeCell& cell) {
  std::string text = schema::TextOf(attribute, cell.value);
  if (attribute.kind == schema::Kind::kCategory && cell.value.category != schema::kNone) {
    text = NameOf(log, attribute.space, cell.value.category);
  }
  for (const uint32_t id : cell.categories) {
    text += (text.empty() ? "" : " ") + NameOf(log, attribute.space, id);
  }
  if (!cell.vector.empty()) text = schema::TextOf(cell.vector);
  text += cell.text;
  return text.empty() ? "" : fmt::format(" {} {}", attribute.name, text);
}

// The declared attributes of an item or user, and of an event.
inline std::string DeclaredText(const EventLog& log, schema::Entity entity, uint32_t id) {
  std::vector<schema::AttributeCell> cells;
  log.Attributes(entity, id, &cells);
  std::string text;
  for (size_t i = log.schema().built_in(entity); i < cells.size(); ++i) {
    text += TextOf(log, log.schema().attributes(entity)[i], cells[i]);
  }
  return text;
}
inline std::string DeclaredText(const EventLog& log, uint64_t row) {
  std::vector<schema::AttributeValue> values;
  log.RequestAttributes(row, &values);
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    text += TextOf(log, log.schema().declared(schema::Entity::kRequest)[i], {values[i]});
  }
  return text;
}

// "20 click j", and after it the other columns as far as they are set.
inline std::string TextOf(const EventLog& log, const schema::Event& event) {
  std::string text = fmt::format(
      "{} {} {}", event.time_ms, log.schema().info(event.type).name,
      NameOf(log, event.item == schema::kNone ? schema::IdSpace::kQuery : schema::IdSpace::kItem,
             event.item == schema::kNone ? event.query : event.item));
  if (event.value == event.value) text += fmt::format(" value {}", event.value);
  if (event.request != 0) text += fmt::format(" request {:x}", event.request);
  if (event.position != 0) text += fmt::format(" position {}", event.position);
  if (event.propensity == event.propensity) text += fmt::format(" propensity {}", event.propensity);
  const auto id = [&](std::string_view what, schema::IdSpace space, uint32_t number) {
    if (number != schema::kNone) text += fmt::format(" {} {}", what, NameOf(log, space, number));
  };
  id("source", schema::IdSpace::kSource, event.source);
  if (event.source_score == event.source_score) {
    text += fmt::format(" source_score {}", event.source_score);
  }
  id("device", schema::IdSpace::kDevice, event.device);
  id("region", schema::IdSpace::kRegion, event.region);
  id("current_item", schema::IdSpace::kItem, event.current_item);
  if (event.off_site) text += " off-site";
  if (event.posted) text += " posted";
  if (event.id != 0) text += fmt::format(" id {:x}", event.id);
  return text;
}

inline std::vector<std::string> TextOf(const EventLog& log, std::string_view user) {
  std::vector<std::string> lines;
  const uint32_t id = log.dictionary(schema::IdSpace::kUser).Find(user);
  for (uint64_t row = id == schema::kNone ? 0 : log.begin(id);
       id != schema::kNone && row < log.end(id); ++row) {
    lines.push_back(TextOf(log, log.event(row)) + DeclaredText(log, row));
  }
  return lines;
}

// Everybody's events, users by name.
inline std::vector<std::string> TextOf(const EventLog& log) {
  std::vector<std::string> users;
  for (uint32_t user = 0; user < log.users(); ++user) {
    users.push_back(NameOf(log, schema::IdSpace::kUser, user));
  }
  std::ranges::sort(users);
  std::vector<std::string> lines;
  for (const std::string& user : users) {
    for (const std::string& line : TextOf(log, user))
      lines.push_back(fmt::format("{} {}", user, line));
  }
  return lines;
}

// Every row as its numbers and bits, in the order of rows.
inline std::vector<std::string> RowsOf(const EventLog& log) {
  std::vector<std::string> rows(log.events());
  for (uint32_t user = 0; user < log.users(); ++user) {
    for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
      const schema::Event e = log.event(row);
      rows[row] =
          fmt::format("{}: {} {} {} {:x} {} {} {} {} {:x} {} {} {} {} {} {} {:x}", user, e.time_ms,
                      static_cast<int>(e.type), e.item, std::bit_cast<uint32_t>(e.value), e.query,
                      e.request, e.position, e.source, std::bit_cast<uint32_t>(e.source_score),
                      std::bit_cast<uint32_t>(e.propensity), e.device, e.region, e.current_item,
                      e.off_site, e.posted, e.id) +
          DeclaredText(log, row);
    }
  }
  return rows;
}

// Attributes, by name.
inline std::vector<std::string> ItemsOf(const EventLog& log) {
  std::vector<std::string> lines;
  for (uint32_t id = 0; id < log.items(); ++id) {
    const schema::Item item = log.item(id);
    std::string line = fmt::format(
        "{} created {} duration {} channel {} language {} removed {} title {} topics",
        NameOf(log, schema::IdSpace::kItem, id),
        item.created_ms == schema::kNoTime ? "-" : fmt::format("{}", item.created_ms),
        item.duration_s, NameOf(log, schema::IdSpace::kChannel, item.channel),
        NameOf(log, schema::IdSpace::kLanguage, item.language), item.removed ? 1 : 0, item.title);
    for (const uint32_t topic : item.topics)
      line += " " + NameOf(log, schema::IdSpace::kTopic, topic);
    lines.push_back(line + DeclaredText(log, schema::Entity::kItem, id));
  }
  std::ranges::sort(lines);
  return lines;
}
inline std::vector<std::string> UsersOf(const EventLog& log) {
  std::vector<std::string> lines;
  for (uint32_t id = 0; id < log.users(); ++id) {
    const schema::User user = log.user(id);
    lines.push_back(fmt::format("{} region {} language {} age {} gender {} logged_in {}",
                                NameOf(log, schema::IdSpace::kUser, id),
                                NameOf(log, schema::IdSpace::kRegion, user.region),
                                NameOf(log, schema::IdSpace::kLanguage, user.language), user.age,
                                user.gender, user.logged_in) +
                    DeclaredText(log, schema::Entity::kUser, id));
  }
  std::ranges::sort(lines);
  return lines;
}

}  // namespace upnext::log

#endif  // UPNEXT_LOG_TEST_LOG_TEXT_H_
