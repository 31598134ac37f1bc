// WriteEventLog: the in-memory way into a LogWriter.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "base/checksum.h"
#include "log/event_log.h"
#include "log/log_format.h"
#include "log/log_writer.h"
#include "schema/event.h"

namespace upnext::log {
namespace {

using Names = std::unordered_map<std::string_view, uint32_t>;

// Collects the names of one id space, then numbers them by (length, bytes).
class NameSet {
 public:
  void Add(std::string_view name) {
    if (!name.empty()) ids_.try_emplace(name, schema::kNone);
  }
  std::vector<std::string_view> Number() {
    std::vector<std::string_view> names;
    names.reserve(ids_.size());
    for (const auto& [name, id] : ids_) names.push_back(name);
    std::ranges::sort(names, [](std::string_view a, std::string_view b) {
      return a.size() != b.size() ? a.size() < b.size() : a < b;
    });
    for (uint32_t i = 0; i < names.size(); ++i) ids_[names[i]] = i;
    return names;
  }
  uint32_t Find(std::string_view name) const {
    return name.empty() ? schema::kNone : ids_.find(name)->second;
  }

 private:
  Names ids_;
};

class Spaces {
 public:
  NameSet& operator[](schema::IdSpace space) { return sets_[static_cast<size_t>(space)]; }

  void Add(std::span<const schema::RawEvent> events) {
    for (const schema::RawEvent& event : events) {
      (*this)[schema::IdSpace::kUser].Add(event.user);
      (*this)[schema::IdSpace::kItem].Add(event.item);
      (*this)[schema::IdSpace::kItem].Add(event.current_item);
      (*this)[schema::IdSpace::kQuery].Add(event.query);
      (*this)[schema::IdSpace::kDevice].Add(event.device);
      (*this)[schema::IdSpace::kRegion].Add(event.region);
      (*this)[schema::IdSpace::kSource].Add(event.source);
    }
  }
  void Add(std::span<const schema::RawItem> items) {
    for (const schema::RawItem& item : items) {
      (*this)[schema::IdSpace::kItem].Add(item.item);
      (*this)[schema::IdSpace::kChannel].Add(item.channel);
      (*this)[schema::IdSpace::kLanguage].Add(item.language);
      for (const std::string& topic : item.topics) (*this)[schema::IdSpace::kTopic].Add(topic);
    }
  }
  void Add(std::span<const schema::RawUser> users) {
    for (const schema::RawUser& user : users) {
      (*this)[schema::IdSpace::kUser].Add(user.user);
      (*this)[schema::IdSpace::kRegion].Add(user.region);
      (*this)[schema::IdSpace::kLanguage].Add(user.language);
    }
  }
  // Numbers every space and writes the dictionaries.
  Status Write(LogWriter& writer) {
    for (size_t i = 0; i < schema::kIdSpaces; ++i) {
      const std::vector<std::string_view> names = sets_[i].Number();
      counts_[i] = names.size();
      UPNEXT_RETURN_IF_ERROR(writer.BeginDictionary(static_cast<schema::IdSpace>(i), names.size()));
      for (const std::string_view name : names) UPNEXT_RETURN_IF_ERROR(writer.AddName(name));
    }
    return Ok();
  }
  uint64_t count(schema::IdSpace space) const { return counts_[static_cast<size_t>(space)]; }

 private:
  NameSet sets_[schema::kIdSpaces];
  uint64_t counts_[schema::kIdSpaces] = {};
};

Status WriteItems(LogWriter& writer, Spaces& spaces, std::span<const schema::RawItem> items) {
  std::vector<const schema::RawItem*> rows(spaces.count(schema::IdSpace::kItem));
  for (const schema::RawItem& item : items) {
    if (item.item.empty()) return InvalidArgument("an item has no id");
    const schema::RawItem*& row = rows[spaces[schema::IdSpace::kItem].Find(item.item)];
    if (row != nullptr) return InvalidArgument("item '{}' is there twice", item.item);
    if (item.duration_s < 0 || std::isinf(item.duration_s)) {
      return InvalidArgument("item '{}' has the duration {}", item.item, item.duration_s);
    }
    row = &item;
  }
  std::vector<uint32_t> topics;
  for (const schema::RawItem* raw : rows) {
    schema::Item item;
    topics.clear();
    if (raw != nullptr) {
      for (const std::string& topic : raw->topics) {
        const uint32_t id = spaces[schema::IdSpace::kTopic].Find(topic);
        if (id != schema::kNone && std::ranges::find(topics, id) == topics.end())
          topics.push_back(id);
      }
      item = {.created_ms = raw->created_ms,
              .duration_s = raw->duration_s,
              .channel = spaces[schema::IdSpace::kChannel].Find(raw->channel),
              .language = spaces[schema::IdSpace::kLanguage].Find(raw->language),
              .removed = raw->removed,
              .topics = topics,
              .title = raw->title};
    }
    UPNEXT_RETURN_IF_ERROR(writer.AddItem(item));
  }
  return Ok();
}

Status WriteUsers(LogWriter& writer, Spaces& spaces, std::span<const schema::RawUser> users) {
  std::vector<const schema::RawUser*> rows(spaces.count(schema::IdSpace::kUser));
  for (const schema::RawUser& user : users) {
    if (user.user.empty()) return InvalidArgument("a user has no id");
    const schema::RawUser*& row = rows[spaces[schema::IdSpace::kUser].Find(user.user)];
    if (row != nullptr) return InvalidArgument("user '{}' is there twice", user.user);
    if (user.age < 0 || user.age > format::kMaxAge || user.gender < 0 || user.gender > 1 ||
        user.logged_in < 0 || user.logged_in > 1) {
      return InvalidArgument("user '{}': age in [0, 150], gender and logged_in in [0, 1] expected",
                             user.user);
    }
    row = &user;
  }
  for (const schema::RawUser* raw : rows) {
    schema::User user;
    if (raw != nullptr) {
      user = {.region = spaces[schema::IdSpace::kRegion].Find(raw->region),
              .language = spaces[schema::IdSpace::kLanguage].Find(raw->language),
              .age = raw->age,
              .gender = raw->gender,
              .logged_in = raw->logged_in};
    }
    UPNEXT_RETURN_IF_ERROR(writer.AddUser(user));
  }
  return Ok();
}

Status WriteEvents(LogWriter& writer, Spaces& spaces, std::span<const schema::RawEvent> events,
                   uint32_t shards) {
  struct Row {
    uint32_t shard, user;
    int64_t time_ms;
    size_t arrival;
    auto operator<=>(const Row&) const = default;
  };
  std::vector<Row> rows(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].user.empty()) return InvalidArgument("event {} has no user", i);
    const uint32_t user = spaces[schema::IdSpace::kUser].Find(events[i].user);
    rows[i] = {format::ShardOf(user, shards), user, events[i].time_ms, i};
  }
  std::ranges::sort(rows);
  for (const Row& row : rows) {
    const schema::RawEvent& raw = events[row.arrival];
    const schema::Event event = {
        .time_ms = raw.time_ms,
        .type = raw.type,
        .item = spaces[schema::IdSpace::kItem].Find(raw.item),
        .value = raw.value,
        .query = spaces[schema::IdSpace::kQuery].Find(raw.query),
        .request = raw.request.empty() ? 0 : base::Fingerprint(raw.request),
        .position = raw.position,
        .source = spaces[schema::IdSpace::kSource].Find(raw.source),
        .propensity = raw.propensity,
        .device = spaces[schema::IdSpace::kDevice].Find(raw.device),
        .region = spaces[schema::IdSpace::kRegion].Find(raw.region),
        .current_item = spaces[schema::IdSpace::kItem].Find(raw.current_item),
        .off_site = raw.off_site};
    if (const std::string_view why = schema::WhyNotAnEvent(event); !why.empty()) {
      return InvalidArgument("event {} does not fit: {}", row.arrival, why);
    }
    UPNEXT_RETURN_IF_ERROR(writer.AddEvent(row.user, event));
  }
  return Ok();
}

}  // namespace

Status WriteEventLog(const std::filesystem::path& directory,
                     std::span<const schema::RawEvent> events,
                     std::span<const schema::RawItem> items, std::span<const schema::RawUser> users,
                     uint32_t shards) {
  UPNEXT_ASSIGN_OR_RETURN(LogWriter writer, LogWriter::Create(directory, {.shards = shards}));
  Spaces spaces;
  spaces.Add(events);
  spaces.Add(items);
  spaces.Add(users);
  UPNEXT_RETURN_IF_ERROR(spaces.Write(writer));
  UPNEXT_RETURN_IF_ERROR(WriteItems(writer, spaces, items));
  UPNEXT_RETURN_IF_ERROR(WriteUsers(writer, spaces, users));
  UPNEXT_RETURN_IF_ERROR(WriteEvents(writer, spaces, events, shards));
  return writer.Finish();
}

}  // namespace upnext::log
