#include "catalogue/catalogue.h"

#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

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
    for (size_t space = 0; space < schema::kIdSpaces; ++space) {
      first[space] = log.dictionary(static_cast<schema::IdSpace>(space)).size();
    }
  }
  log::EventLog log;
  std::array<uint32_t, schema::kIdSpaces> first{};  // ids of the log end here
  std::array<Added, schema::kIdSpaces> added;
};

Catalogue::Catalogue(log::EventLog log) : rep_(std::make_unique<Rep>(std::move(log))) {}
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

schema::Item Catalogue::item(uint32_t item) const {
  return item < rep_->log.items() ? rep_->log.item(item) : schema::Item{};
}

schema::User Catalogue::user(uint32_t user) const {
  return user < rep_->log.users() ? rep_->log.user(user) : schema::User{};
}

const schema::Schema& Catalogue::schema() const {
  static const schema::Schema built_in;
  return built_in;
}

schema::AttributeValue Catalogue::Value(schema::Entity entity, uint32_t attribute,
                                        uint32_t id) const {
  if (entity == schema::Entity::kItem) {
    const schema::Item row = item(id);
    switch (attribute) {
      case 0:
        return {.time_ms = row.created_ms};
      case 1:
        return {.number = row.duration_s};
      case 2:
        return {.category = row.channel};
      case 4:
        return {.category = row.language};
      case 6:
        return {.number = row.removed ? 1.0f : 0.0f};
      default:
        return {};
    }
  }
  const schema::User row = user(id);
  switch (attribute) {
    case 0:
      return {.category = row.region};
    case 1:
      return {.category = row.language};
    case 2:
      return {.number = row.age};
    case 3:
      return {.number = row.gender};
    case 4:
      return {.number = row.logged_in};
    default:
      return {};
  }
}

std::span<const uint32_t> Catalogue::Categories(schema::Entity entity, uint32_t attribute,
                                                uint32_t id) const {
  constexpr uint32_t kTopics = 3;
  if (entity != schema::Entity::kItem || attribute != kTopics) return {};
  return item(id).topics;
}

std::string_view Catalogue::Text(schema::Entity entity, uint32_t attribute, uint32_t id) const {
  constexpr uint32_t kTitle = 5;
  if (entity != schema::Entity::kItem || attribute != kTitle) return {};
  return item(id).title;
}

const log::EventLog& Catalogue::log() const { return rep_->log; }

}  // namespace upnext::catalogue
