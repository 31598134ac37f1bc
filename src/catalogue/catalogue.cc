#include "catalogue/catalogue.h"

#include <atomic>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

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
  std::vector<uint32_t> first;  // by id space: ids of the log end here
  std::deque<Added> added;      // by id space
};

Catalogue::Catalogue(log::EventLog log) : rep_(std::make_unique<Rep>(std::move(log))) {
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    const uint32_t rows = entity == schema::Entity::kItem ? rep_->log.items() : rep_->log.users();
    for (uint32_t i = 0; i < schema().attributes(entity).size(); ++i) {
      columns_[static_cast<size_t>(entity)].emplace_back(&rep_->log.attribute(entity, i), rows);
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
  return size(items ? schema::IdSpace::kItem : schema::IdSpace::kUser) -
         static_cast<uint32_t>(log().gone(entity).size());
}

schema::Item Catalogue::item(uint32_t item) const {
  return item < rep_->log.items() ? rep_->log.item(item) : schema::Item{};
}

schema::User Catalogue::user(uint32_t user) const {
  return user < rep_->log.users() ? rep_->log.user(user) : schema::User{};
}

std::string_view Catalogue::Text(schema::Entity entity, uint32_t attribute, uint32_t id) const {
  if (!rep_->Has(entity, id)) return {};
  return rep_->log.Text(entity, attribute, id);
}

std::span<const float> Catalogue::Vector(schema::Entity entity, uint32_t attribute,
                                         uint32_t id) const {
  if (!rep_->Has(entity, id)) return {};
  return rep_->log.Vector(entity, attribute, id);
}

const log::EventLog& Catalogue::log() const { return rep_->log; }

}  // namespace upnext::catalogue
