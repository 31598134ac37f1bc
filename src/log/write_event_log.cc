// WriteEventLog: the in-memory way into a LogWriter.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/checksum.h"
#include "log/event_log.h"
#include "log/log_format.h"
#include "log/log_writer.h"
#include "schema/values.h"

namespace upnext::log {
namespace {

using schema::AttributeCell;
using schema::Entity;
using schema::IdSpace;
using schema::Kind;

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
  std::unordered_map<std::string_view, uint32_t> ids_;
};

class Spaces {
 public:
  explicit Spaces(const schema::Schema& schema)
      : schema_(schema), sets_(schema.id_spaces().size()), counts_(sets_.size()) {}
  NameSet& operator[](IdSpace space) { return sets_[static_cast<size_t>(space)]; }

  void Add(std::span<const schema::RawEvent> events) {
    const auto attributes = schema_.attributes(Entity::kRequest);
    for (const schema::RawEvent& event : events) {
      (*this)[IdSpace::kUser].Add(event.user);
      (*this)[IdSpace::kItem].Add(event.item);
      for (size_t i = 0; i < schema::kRawRequestIds.size(); ++i) {
        (*this)[attributes[i].space].Add(event.*schema::kRawRequestIds[i]);
      }
      AddDeclared(Entity::kRequest, event.attributes);
    }
  }
  void Add(std::span<const schema::RawItem> items) {
    for (const schema::RawItem& item : items) {
      (*this)[IdSpace::kItem].Add(item.item);
      (*this)[IdSpace::kChannel].Add(item.channel);
      (*this)[IdSpace::kLanguage].Add(item.language);
      for (const std::string& topic : item.topics) (*this)[IdSpace::kTopic].Add(topic);
      AddDeclared(Entity::kItem, item.attributes);
    }
  }
  void Add(std::span<const schema::RawUser> users) {
    for (const schema::RawUser& user : users) {
      (*this)[IdSpace::kUser].Add(user.user);
      (*this)[IdSpace::kRegion].Add(user.region);
      (*this)[IdSpace::kLanguage].Add(user.language);
      AddDeclared(Entity::kUser, user.attributes);
    }
  }
  // Numbers every space and writes the dictionaries.
  Status Write(LogWriter& writer) {
    for (size_t i = 0; i < sets_.size(); ++i) {
      const std::vector<std::string_view> names = sets_[i].Number();
      counts_[i] = names.size();
      UPNEXT_RETURN_IF_ERROR(writer.BeginDictionary(static_cast<IdSpace>(i), names.size()));
      for (const std::string_view name : names) UPNEXT_RETURN_IF_ERROR(writer.AddName(name));
    }
    return Ok();
  }
  uint64_t count(IdSpace space) const { return counts_[static_cast<size_t>(space)]; }

 private:
  void AddDeclared(Entity entity, const schema::RawAttributes& attributes) {
    const auto known = schema_.attributes(entity);
    for (const auto& [number, text] : attributes) {
      if (number >= known.size()) continue;  // refused when the row is written
      const Kind kind = known[number].kind;
      if (kind == Kind::kCategory || kind == Kind::kCategories) {
        (*this)[known[number].space].Add(text);
      }
    }
  }

  const schema::Schema& schema_;
  std::vector<NameSet> sets_;
  std::vector<uint64_t> counts_;
};

// The attributes of a raw row as cells, which point into the row and into this.
class Cells {
 public:
  Cells(const schema::Schema& schema, Entity entity, Spaces& spaces)
      : attributes_(schema.attributes(entity)),
        spaces_(spaces),
        cells_(attributes_.size()),
        lists_(attributes_.size()),
        vectors_(attributes_.size()) {}

  std::span<const AttributeCell> cells() const { return cells_; }
  std::span<const AttributeCell> Of(const schema::RawItem* raw) {
    using namespace schema::item_attribute;
    Clear();
    if (raw == nullptr) return cells_;
    cells_[kCreated].value.time_ms = raw->created_ms;
    cells_[kDuration].value.number = raw->duration_s;
    SetId(kChannel, raw->channel);
    for (const std::string& topic : raw->topics) SetId(kTopics, topic);
    SetId(kLanguage, raw->language);
    cells_[kTitle].text = raw->title;
    cells_[kRemoved].value.number = raw->removed ? 1 : 0;
    SetDeclared(raw->attributes);
    return cells_;
  }
  std::span<const AttributeCell> Of(const schema::RawUser* raw) {
    using namespace schema::user_attribute;
    Clear();
    if (raw == nullptr) return cells_;
    SetId(kRegion, raw->region);
    SetId(kLanguage, raw->language);
    cells_[kAge].value.number = raw->age;
    cells_[kGender].value.number = raw->gender;
    cells_[kLoggedIn].value.number = raw->logged_in;
    SetDeclared(raw->attributes);
    return cells_;
  }
  // The declared attributes of requests.
  std::span<const schema::AttributeValue> Of(const schema::RawEvent& raw) {
    Clear();
    SetDeclared(raw.attributes);
    values_.clear();
    for (size_t i = schema::request_attribute::kBuiltIn; i < cells_.size(); ++i) {
      values_.push_back(cells_[i].value);
    }
    return values_;
  }

 private:
  void Clear() {
    cells_.assign(cells_.size(), {});
    for (std::vector<uint32_t>& list : lists_) list.clear();
  }
  void SetId(uint32_t attribute, std::string_view name) {
    const uint32_t id = spaces_[attributes_[attribute].space].Find(name);
    if (attributes_[attribute].kind == Kind::kCategory) {
      cells_[attribute].value.category = id;
      return;
    }
    std::vector<uint32_t>& list = lists_[attribute];
    if (id != schema::kNone && std::ranges::find(list, id) == list.end()) list.push_back(id);
    cells_[attribute].categories = list;
  }
  // Of a row that CheckItem, CheckUser or CheckEvent let pass.
  void SetDeclared(const schema::RawAttributes& declared) {
    for (const auto& [number, text] : declared) {
      const schema::Attribute& attribute = attributes_[number];
      switch (attribute.kind) {
        case Kind::kCategory:
        case Kind::kCategories:
          SetId(number, text);
          break;
        case Kind::kText:
          cells_[number].text = text;
          break;
        case Kind::kVector:
          vectors_[number] = schema::ParseVector(attribute, text).value_or(std::vector<float>());
          cells_[number].vector = vectors_[number];
          break;
        default:
          cells_[number].value =
              schema::ParseValue(attribute, text).value_or(schema::AttributeValue());
      }
    }
  }

  const std::span<const schema::Attribute> attributes_;
  Spaces& spaces_;
  std::vector<AttributeCell> cells_;
  std::vector<std::vector<uint32_t>> lists_;
  std::vector<std::vector<float>> vectors_;
  std::vector<schema::AttributeValue> values_;
};

// The rows of the table by the number of their id, null where there is none.
template <typename Raw>
Result<std::vector<const Raw*>> RowsById(const schema::Schema& schema, std::span<const Raw> raws,
                                         Spaces& spaces, IdSpace space, std::string Raw::* id,
                                         Status (*check)(const schema::Schema&, const Raw&)) {
  std::vector<const Raw*> rows(spaces.count(space));
  const std::string_view what = space == IdSpace::kItem ? "item" : "user";
  for (const Raw& raw : raws) {
    if (Status status = check(schema, raw); !status) {
      return WithContext(std::move(status).error(), fmt::format("{} '{}'", what, raw.*id));
    }
    const Raw*& row = rows[spaces[space].Find(raw.*id)];
    if (row != nullptr) return InvalidArgument("{} '{}' is there twice", what, raw.*id);
    row = &raw;
  }
  return rows;
}

Status WriteItems(const schema::Schema& schema, LogWriter& writer, Spaces& spaces,
                  std::span<const schema::RawItem> items) {
  UPNEXT_ASSIGN_OR_RETURN(const auto rows, RowsById(schema, items, spaces, IdSpace::kItem,
                                                    &schema::RawItem::item, schema::CheckItem));
  Cells cells(schema, Entity::kItem, spaces);
  for (const schema::RawItem* raw : rows) UPNEXT_RETURN_IF_ERROR(writer.AddItem(cells.Of(raw)));
  return Ok();
}

Status WriteUsers(const schema::Schema& schema, LogWriter& writer, Spaces& spaces,
                  std::span<const schema::RawUser> users) {
  UPNEXT_ASSIGN_OR_RETURN(const auto rows, RowsById(schema, users, spaces, IdSpace::kUser,
                                                    &schema::RawUser::user, schema::CheckUser));
  Cells cells(schema, Entity::kUser, spaces);
  for (const schema::RawUser* raw : rows) UPNEXT_RETURN_IF_ERROR(writer.AddUser(cells.Of(raw)));
  return Ok();
}

schema::Event Numbered(const schema::RawEvent& raw, Spaces& spaces,
                       std::span<const schema::Attribute> attributes) {
  schema::Event event = {.time_ms = raw.time_ms,
                         .type = raw.type,
                         .item = spaces[IdSpace::kItem].Find(raw.item),
                         .value = raw.value,
                         .request = raw.request.empty() ? 0 : base::Fingerprint(raw.request),
                         .position = raw.position,
                         .source_score = raw.source_score,
                         .propensity = raw.propensity,
                         .off_site = raw.off_site,
                         .posted = raw.posted,
                         .id = raw.id.empty() ? 0 : base::Fingerprint(raw.id)};
  for (size_t i = 0; i < schema::kRequestIds.size(); ++i) {
    event.*schema::kRequestIds[i] =
        spaces[attributes[i].space].Find(raw.*schema::kRawRequestIds[i]);
  }
  return event;
}

Status WriteEvents(const schema::Schema& schema, LogWriter& writer, Spaces& spaces,
                   std::span<const schema::RawEvent> events, uint32_t shards) {
  struct Row {
    uint32_t shard, user;
    int64_t time_ms;
    size_t arrival;
    auto operator<=>(const Row&) const = default;
  };
  std::vector<Row> rows(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].user.empty()) return InvalidArgument("event {} has no user", i);
    const uint32_t user = spaces[IdSpace::kUser].Find(events[i].user);
    rows[i] = {format::ShardOf(user, shards), user, events[i].time_ms, i};
  }
  std::ranges::sort(rows);
  Cells cells(schema, Entity::kRequest, spaces);
  for (const Row& row : rows) {
    const schema::RawEvent& raw = events[row.arrival];
    const schema::Event event = Numbered(raw, spaces, schema.attributes(Entity::kRequest));
    if (const std::string_view why = schema.WhyNotAnEvent(event); !why.empty()) {
      return InvalidArgument("event {} does not fit: {}", row.arrival, why);
    }
    if (Status status = schema::CheckDeclared(schema, Entity::kRequest, raw.attributes); !status) {
      return WithContext(std::move(status).error(), fmt::format("event {}", row.arrival));
    }
    UPNEXT_RETURN_IF_ERROR(writer.AddEvent(row.user, event, cells.Of(raw)));
  }
  return Ok();
}

}  // namespace

Status WriteEventLog(const std::filesystem::path& directory,
                     std::span<const schema::RawEvent> events,
                     std::span<const schema::RawItem> items, std::span<const schema::RawUser> users,
                     uint32_t shards, const schema::Schema& schema) {
  const bool posted = std::ranges::any_of(events, &schema::RawEvent::posted);
  UPNEXT_ASSIGN_OR_RETURN(
      LogWriter writer,
      LogWriter::Create(directory, {.shards = shards, .schema = schema, .adds_posted = posted}));
  Spaces spaces(schema);
  spaces.Add(events);
  spaces.Add(items);
  spaces.Add(users);
  UPNEXT_RETURN_IF_ERROR(spaces.Write(writer));
  UPNEXT_RETURN_IF_ERROR(WriteItems(schema, writer, spaces, items));
  UPNEXT_RETURN_IF_ERROR(WriteUsers(schema, writer, spaces, users));
  UPNEXT_RETURN_IF_ERROR(WriteEvents(schema, writer, spaces, events, shards));
  return writer.Finish();
}

}  // namespace upnext::log
