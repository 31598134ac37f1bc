#include "studies/simulated_log.h"

#include <fmt/format.h>

#include "base/file.h"
#include "log/dictionary.h"
#include "simulator/policies.h"
#include "simulator/words.h"

namespace upnext::studies {
namespace {

using schema::IdSpace;
using simulator::kNoItem;
using simulator::LogRow;

// The first `count` items of the world.
std::vector<schema::RawItem> ItemsOf(const simulator::World& world, uint32_t count) {
  const simulator::Catalogue& catalogue = world.catalogue();
  std::vector<schema::RawItem> items(count);
  for (uint32_t id = 0; id < count; ++id) {
    const simulator::Item& item = catalogue.item(id);
    schema::RawItem& raw = items[id];
    raw.item = ItemName(id);
    raw.created_ms = item.created_ms;
    raw.duration_s = item.duration_s;
    raw.channel = catalogue.channels()[item.channel].name();
    raw.language = simulator::kLanguageNames[item.language];
    raw.title = catalogue.Title(id);
    raw.topics.emplace_back(simulator::Topic(item.topic).name);
    if (item.second_topic != simulator::kNoTopic) {
      raw.topics.emplace_back(simulator::Topic(item.second_topic).name);
    }
  }
  return items;
}

std::vector<schema::RawUser> UsersOf(const simulator::World& world) {
  std::vector<schema::RawUser> users(world.options().users);
  for (uint32_t id = 0; id < users.size(); ++id) {
    const simulator::User user = world.user(id);
    schema::RawUser& raw = users[id];
    raw.user = UserName(id);
    raw.region = simulator::kRegionTable[user.region].name;
    raw.language = simulator::kLanguageNames[user.language];
    raw.logged_in = user.logged_in ? 1.0f : 0.0f;
    if (!user.logged_in) continue;  // a site knows these only of users with an account
    raw.age = user.age;
    raw.gender = user.gender;
  }
  return users;
}

// Whether names "PREFIX0", "PREFIX1" ... have the numbers 0, 1 ...
bool SameNumbers(const log::Dictionary& dictionary, uint32_t size, std::string (*name)(uint32_t)) {
  if (dictionary.size() != size) return false;
  for (uint32_t id = 0; id < size; ++id) {
    if (dictionary.name(id) != name(id)) return false;
  }
  return true;
}

}  // namespace

std::string UserName(uint32_t user) { return fmt::format("u{}", user); }
std::string ItemName(uint32_t item) { return fmt::format("v{}", item); }

Status SimulatedLog::AddWindow(base::ThreadPool& pool, base::Progress& progress,
                               const std::function<void(const simulator::UserRows&)>& also) {
  const std::unique_ptr<simulator::Recommender> policy = simulator::MakeLoggingPolicy(world_);
  return simulator::SimulateUsers(world_, *policy, {.truth = true}, pool, progress,
                                  [&](const simulator::UserRows& rows) {
                                    if (also) also(rows);
                                    Add(rows);
                                    return Ok();
                                  });
}

void SimulatedLog::Add(const simulator::UserRows& rows) {
  for (const LogRow& row : rows.rows) {
    schema::RawEvent& raw = events_.emplace_back();
    raw.user = UserName(row.user);
    if (row.item != kNoItem) raw.item = ItemName(row.item);
    for (const uint32_t item : {row.item, row.current_item}) {
      if (item != kNoItem) items_named_ = std::max(items_named_, item + 1);
    }
    raw.time_ms = row.time_ms;
    raw.type = row.type;
    raw.value = row.value;
    if (row.query != simulator::kNoQuery) raw.query = rows.queries[row.query];
    if (row.request != 0) raw.request = fmt::format("r{}-{}", row.user, row.request);
    raw.position = row.position;
    raw.source = simulator::kSourceNames[static_cast<size_t>(row.source)];
    if (row.propensity > 0) raw.propensity = static_cast<float>(row.propensity);
    raw.source_score = row.source_score;
    raw.device = simulator::kDeviceNames[static_cast<size_t>(row.device)];
    raw.region = simulator::kRegionTable[row.region].name;
    if (row.current_item != kNoItem) raw.current_item = ItemName(row.current_item);
    raw.off_site = row.off_site;
  }
}

void SimulatedLog::ForgetBefore(int64_t time_ms) {
  std::erase_if(events_, [time_ms](const schema::RawEvent& e) { return e.time_ms < time_ms; });
}

Result<log::EventLog> SimulatedLog::Write(const std::filesystem::path& folder,
                                          int64_t until_ms) const {
  const uint32_t items = std::max(world_.catalogue().CountAt(until_ms), items_named_);
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  UPNEXT_RETURN_IF_ERROR(
      log::WriteEventLog(folder, events_, ItemsOf(world_, items), UsersOf(world_)));
  UPNEXT_ASSIGN_OR_RETURN(log::EventLog log, log::EventLog::Open(folder));
  if (!SameNumbers(log.dictionary(IdSpace::kUser), world_.options().users, UserName) ||
      !SameNumbers(log.dictionary(IdSpace::kItem), items, ItemName)) {
    return Internal("{}: the log numbers users or items differently from the world",
                    folder.string());
  }
  return log;
}

Result<log::EventLog> LogOf(const simulator::World& world, const std::filesystem::path& folder,
                            base::ThreadPool& pool, base::Progress& progress) {
  SimulatedLog rows(world);
  UPNEXT_RETURN_IF_ERROR(rows.AddWindow(pool, progress));
  return rows.Write(folder);
}

}  // namespace upnext::studies
