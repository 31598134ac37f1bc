#include "catalogue/catalogue.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "catalogue/overlay.h"
#include "schema/values.h"

namespace upnext::catalogue {

namespace {

// Names that came after the log, of one id space, by id minus the first id; "" where an id has not
// been added. `size` is read without the lock, so that a catalogue to which nothing was added costs
// its readers one load.
struct Added {
  mutable std::shared_mutex mutex;
  std::deque<std::string> names;  // a deque: the map's keys point into it
  std::unordered_map<std::string_view, uint32_t> ids;
  std::atomic<uint32_t> size{0};
};

}  // namespace

struct Catalogue::Rep {
  explicit Rep(log::EventLog event_log) : log(std::move(event_log)) {
    for (size_t space = 0; space < log.schema().id_spaces().size(); ++space) {
      first.push_back(log.dictionary(static_cast<schema::IdSpace>(space)).size());
      added.emplace_back();
    }
  }
  // Whether the log has the item or user.
  bool Has(schema::Entity entity, uint32_t id) const {
    return id < (entity == schema::Entity::kItem ? log.items() : log.users());
  }
  log::EventLog log;
  std::vector<uint32_t> first;                    // by id space: ids of the log end here
  std::deque<Added> added;                        // by id space
  std::mutex setting;                             // rows
  std::array<Overlay, 2> posted;                  // items and users
  std::array<std::atomic<int64_t>, 2> deleted{};  // ids that rows took out of present()
};

Catalogue::Catalogue(log::EventLog log) : rep_(std::make_unique<Rep>(std::move(log))) {
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    const uint32_t rows = entity == schema::Entity::kItem ? rep_->log.items() : rep_->log.users();
    for (uint32_t i = 0; i < schema().attributes(entity).size(); ++i) {
      const auto of = static_cast<size_t>(entity);
      columns_[of].emplace_back(&rep_->log.attribute(entity, i), rows, &rep_->posted[of], i);
    }
  }
}
Catalogue::Catalogue(Catalogue&&) noexcept = default;
Catalogue::~Catalogue() = default;

uint32_t Catalogue::Find(schema::IdSpace space, std::string_view name) const {
  const uint32_t known = rep_->log.dictionary(space).Find(name);
  if (known != schema::kNone) return known;
  const Added& added = rep_->added[static_cast<size_t>(space)];
  if (added.size.load(std::memory_order_acquire) == 0) return schema::kNone;
  const std::shared_lock lock(added.mutex);
  const auto found = added.ids.find(name);
  return found == added.ids.end() ? schema::kNone : found->second;
}

void Catalogue::Add(schema::IdSpace space, std::string_view name, uint32_t id) {
  const uint32_t first = rep_->first[static_cast<size_t>(space)];
  if (id < first || id == schema::kNone) return;
  Added& added = rep_->added[static_cast<size_t>(space)];
  const std::unique_lock lock(added.mutex);
  if (added.ids.contains(name)) return;
  if (id - first >= added.names.size()) added.names.resize(id - first + 1);
  std::string& place = added.names[id - first];
  place = name;
  added.ids.emplace(place, id);
  added.size.store(static_cast<uint32_t>(added.names.size()), std::memory_order_release);
}

void Catalogue::Remove(schema::IdSpace space, std::string_view name) {
  Added& added = rep_->added[static_cast<size_t>(space)];
  const std::unique_lock lock(added.mutex);
  const auto found = added.ids.find(name);
  if (found == added.ids.end()) return;
  std::string& place = added.names[found->second - rep_->first[static_cast<size_t>(space)]];
  added.ids.erase(found);  // before the text to which its key points
  place.clear();
}

std::string Catalogue::Name(schema::IdSpace space, uint32_t id) const {
  const uint32_t first = rep_->first[static_cast<size_t>(space)];
  if (id < first) return std::string(rep_->log.dictionary(space).name(id));
  const Added& added = rep_->added[static_cast<size_t>(space)];
  if (id - first >= added.size.load(std::memory_order_acquire)) return {};
  const std::shared_lock lock(added.mutex);
  return added.names[id - first];
}

uint32_t Catalogue::size(schema::IdSpace space) const {
  const size_t index = static_cast<size_t>(space);
  return rep_->first[index] + rep_->added[index].size.load(std::memory_order_acquire);
}

uint32_t Catalogue::present(schema::Entity entity) const {
  const bool items = entity == schema::Entity::kItem;
  const int64_t there = int64_t{size(items ? schema::IdSpace::kItem : schema::IdSpace::kUser)} -
                        static_cast<int64_t>(log().gone(entity).size()) -
                        rep_->deleted[static_cast<size_t>(entity)].load(std::memory_order_relaxed);
  return static_cast<uint32_t>(std::max<int64_t>(there, 0));
}

bool Catalogue::IsPresent(schema::Entity entity, uint32_t id) const {
  if (const OverlayRow* row = PostedRow(entity, id)) return !row->deleted;
  const bool items = entity == schema::Entity::kItem;
  return id < size(items ? schema::IdSpace::kItem : schema::IdSpace::kUser) &&
         !log().IsGone(entity, id);
}

const OverlayRow* Catalogue::PostedRow(schema::Entity entity, uint32_t id) const {
  return rep_->posted[static_cast<size_t>(entity)].Find(id);
}

bool Catalogue::Set(schema::Entity entity, uint32_t id, const Posted& posted) {
  const std::span<const schema::Attribute> attributes = schema().attributes(entity);
  auto row = std::make_unique<OverlayRow>();
  row->sequence = posted.sequence;
  row->deleted = posted.deleted;
  row->cells.resize(attributes.size());
  row->categories.resize(attributes.size());
  row->texts.resize(attributes.size());
  row->vectors.resize(attributes.size());
  for (const auto& [number, text] : posted.attributes) {
    const schema::Attribute& attribute = attributes[number];
    if (attribute.kind == schema::Kind::kText) {
      row->texts[number] = text;
    } else if (attribute.kind == schema::Kind::kVector) {
      row->vectors[number] = schema::ParseVector(attribute, text).value_or(std::vector<float>());
    } else if (attribute.kind == schema::Kind::kCategory ||
               attribute.kind == schema::Kind::kCategories) {
      std::vector<uint32_t>& ids = row->categories[number];
      const uint32_t found = text.empty() ? schema::kNone : Find(attribute.space, text);
      if (found != schema::kNone && std::ranges::find(ids, found) == ids.end()) {
        ids.push_back(found);
      }
    } else {
      row->cells[number].value =
          schema::ParseValue(attribute, text).value_or(schema::AttributeValue());
    }
  }
  for (size_t i = 0; i < attributes.size(); ++i) {
    schema::AttributeCell& cell = row->cells[i];
    cell.text = row->texts[i];
    cell.vector = row->vectors[i];
    cell.categories = row->categories[i];
    if (attributes[i].kind == schema::Kind::kCategory && !row->categories[i].empty()) {
      cell.value.category = row->categories[i].front();
    }
  }
  if (entity == schema::Entity::kItem) {  // it has no absent value
    float& removed = row->cells[schema::item_attribute::kRemoved].value.number;
    removed = posted.deleted || removed == 1 ? 1.0f : 0.0f;
  }
  return SetRow(entity, id, std::move(row));
}

bool Catalogue::SetRow(schema::Entity entity, uint32_t id, std::unique_ptr<const OverlayRow> row) {
  const auto of = static_cast<size_t>(entity);
  const std::lock_guard lock(rep_->setting);
  const bool there = IsPresent(entity, id), stays = !row->deleted;
  if (!rep_->posted[of].Set(id, std::move(row))) return false;
  rep_->deleted[of] += static_cast<int>(there) - static_cast<int>(stays);
  return true;
}

bool Catalogue::IsPosted(schema::Entity entity, uint32_t id) const {
  return PostedRow(entity, id) != nullptr;
}

uint32_t Catalogue::posted_end(schema::Entity entity) const {
  return rep_->posted[static_cast<size_t>(entity)].end();
}

size_t Catalogue::posted_bytes() const { return rep_->posted[0].bytes() + rep_->posted[1].bytes(); }

schema::Item Catalogue::item(uint32_t item) const {
  using namespace schema::item_attribute;
  if (const OverlayRow* row = PostedRow(schema::Entity::kItem, item)) {
    return {.created_ms = row->cells[kCreated].value.time_ms,
            .duration_s = row->cells[kDuration].value.number,
            .channel = row->cells[kChannel].value.category,
            .language = row->cells[kLanguage].value.category,
            .removed = row->cells[kRemoved].value.number == 1,
            .topics = row->cells[kTopics].categories,
            .title = row->cells[kTitle].text};
  }
  return item < rep_->log.items() ? rep_->log.item(item) : schema::Item{};
}

schema::User Catalogue::user(uint32_t user) const {
  using namespace schema::user_attribute;
  if (const OverlayRow* row = PostedRow(schema::Entity::kUser, user)) {
    return {.region = row->cells[kRegion].value.category,
            .language = row->cells[kLanguage].value.category,
            .age = row->cells[kAge].value.number,
            .gender = row->cells[kGender].value.number,
            .logged_in = row->cells[kLoggedIn].value.number};
  }
  return user < rep_->log.users() ? rep_->log.user(user) : schema::User{};
}

std::string_view Catalogue::Text(schema::Entity entity, uint32_t attribute, uint32_t id) const {
  if (const OverlayRow* row = PostedRow(entity, id)) return row->cells[attribute].text;
  if (!rep_->Has(entity, id)) return {};
  return rep_->log.Text(entity, attribute, id);
}

std::span<const float> Catalogue::Vector(schema::Entity entity, uint32_t attribute,
                                         uint32_t id) const {
  if (const OverlayRow* row = PostedRow(entity, id)) return row->cells[attribute].vector;
  if (!rep_->Has(entity, id)) return {};
  return rep_->log.Vector(entity, attribute, id);
}

const log::EventLog& Catalogue::log() const { return rep_->log; }

}  // namespace upnext::catalogue
