#include "log/append.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/file.h"
#include "log/dictionary.h"
#include "log/log_order.h"
#include "log/log_writer.h"

namespace upnext::log {
namespace {

namespace fs = std::filesystem;

class Joining {
 public:
  // Without `mentioned` only the numbers of the base are kept.
  Joining(const EventLog& base, const EventLog& part, const Mentioned* mentioned, LogWriter& writer)
      : base_(base),
        part_(part),
        mentioned_(mentioned),
        keeps_(mentioned != nullptr),
        writer_(writer),
        ids_(base.schema().id_spaces().size()),
        sizes_(ids_.size()) {}

  Status Run(base::Progress& progress) {
    for (size_t i = 0; i < ids_.size(); ++i) {
      UPNEXT_RETURN_IF_ERROR(WriteDictionary(static_cast<schema::IdSpace>(i)));
    }
    UPNEXT_RETURN_IF_ERROR(WriteRows(schema::Entity::kItem));
    UPNEXT_RETURN_IF_ERROR(WriteRows(schema::Entity::kUser));
    UPNEXT_RETURN_IF_ERROR(WriteEvents(progress));
    return writer_.Finish();
  }

 private:
  // The number that an id of the part has in the joined log.
  uint32_t Id(schema::IdSpace space, uint32_t id) const {
    return id == schema::kNone ? schema::kNone : ids_[static_cast<size_t>(space)][id];
  }
  // The ids of the part by their numbers in the joined log, kNone for those that it does not have.
  std::vector<uint32_t> PartIds(schema::IdSpace space) const;

  Status WriteDictionary(schema::IdSpace space);
  // The items or users: the base's, those of the part, and those that neither has rows of.
  Status WriteRows(schema::Entity entity);
  Status WriteEvents(base::Progress& progress);
  // Whether a row of the part's table says what an item or user is.
  bool Describes(schema::Entity entity, uint32_t id) const {
    return !keeps_ || (entity == schema::Entity::kItem ? mentioned_->items : mentioned_->users)[id];
  }
  // Sets cells_ to the attributes of an item or user, of the base or of the part.
  void TakeCells(const EventLog& log, schema::Entity entity, uint32_t id);
  schema::Event EventAt(uint64_t row) const;

  const EventLog& base_;
  const EventLog& part_;
  const Mentioned* const mentioned_;
  const bool keeps_;  // events, items and users of the base
  LogWriter& writer_;
  std::vector<std::vector<uint32_t>> ids_;  // [space][id in the part]: id in the joined log
  std::vector<uint32_t> sizes_;             // of the joined log, by space
  std::vector<schema::AttributeCell> cells_;
  std::vector<std::vector<uint32_t>> lists_;  // what cells_ of the part point to, by attribute
};

// New names follow in the order that they have in the part, which need not be one generation.
Status Joining::WriteDictionary(schema::IdSpace space) {
  const Dictionary& known = base_.dictionary(space);
  const Dictionary& names = part_.dictionary(space);
  std::vector<uint32_t>& ids = ids_[static_cast<size_t>(space)];
  ids.resize(names.size());
  uint32_t& size = sizes_[static_cast<size_t>(space)];
  size = known.size();
  for (uint32_t id = 0; id < names.size(); ++id) {
    ids[id] = known.Find(names.name(id));
    if (ids[id] == schema::kNone) ids[id] = size++;
  }
  UPNEXT_RETURN_IF_ERROR(writer_.BeginDictionary(space, size - known.size()));
  for (uint32_t id = 0; id < names.size(); ++id) {
    if (ids[id] >= known.size()) UPNEXT_RETURN_IF_ERROR(writer_.AddName(names.name(id)));
  }
  return Ok();
}

std::vector<uint32_t> Joining::PartIds(schema::IdSpace space) const {
  const std::vector<uint32_t>& ids = ids_[static_cast<size_t>(space)];
  std::vector<uint32_t> part_ids(sizes_[static_cast<size_t>(space)], schema::kNone);
  for (uint32_t id = 0; id < ids.size(); ++id) part_ids[ids[id]] = id;
  return part_ids;
}

void Joining::TakeCells(const EventLog& log, schema::Entity entity, uint32_t id) {
  log.Attributes(entity, id, &cells_);
  if (&log == &base_) return;
  const auto attributes = log.schema().attributes(entity);
  lists_.resize(std::max(lists_.size(), attributes.size()));
  for (size_t i = 0; i < attributes.size(); ++i) {
    schema::AttributeCell& cell = cells_[i];
    cell.value.category = Id(attributes[i].space, cell.value.category);
    lists_[i].clear();
    for (const uint32_t of_part : cell.categories) {
      lists_[i].push_back(Id(attributes[i].space, of_part));
    }
    cell.categories = lists_[i];
  }
}

Status Joining::WriteRows(schema::Entity entity) {
  const bool of_items = entity == schema::Entity::kItem;
  const std::vector<uint32_t> part_ids =
      PartIds(of_items ? schema::IdSpace::kItem : schema::IdSpace::kUser);
  const uint32_t known = of_items ? base_.items() : base_.users();
  for (uint32_t row = 0; row < part_ids.size(); ++row) {
    const uint32_t id = part_ids[row];
    const bool was_there = keeps_ && row < known && !base_.IsGone(entity, row);
    const bool anew = id != schema::kNone && (!was_there || Describes(entity, id));
    if (!anew && !was_there) {
      UPNEXT_RETURN_IF_ERROR(writer_.AddGone(entity));
      continue;
    }
    TakeCells(anew ? part_ : base_, entity, anew ? id : row);
    UPNEXT_RETURN_IF_ERROR(of_items ? writer_.AddItem(cells_) : writer_.AddUser(cells_));
  }
  return Ok();
}

schema::Event Joining::EventAt(uint64_t row) const {
  schema::Event event = part_.event(row);
  event.item = Id(schema::IdSpace::kItem, event.item);
  event.query = Id(schema::IdSpace::kQuery, event.query);
  event.source = Id(schema::IdSpace::kSource, event.source);
  event.device = Id(schema::IdSpace::kDevice, event.device);
  event.region = Id(schema::IdSpace::kRegion, event.region);
  event.current_item = Id(schema::IdSpace::kItem, event.current_item);
  return event;
}

Status Joining::WriteEvents(base::Progress& progress) {
  base::ProgressStage stage(progress, "append", "events", part_.events());
  const std::vector<uint32_t> part_ids = PartIds(schema::IdSpace::kUser);
  const auto declared = part_.schema().declared(schema::Entity::kRequest);
  std::vector<schema::AttributeValue> attributes;
  uint64_t rows = 0;
  for (const uint32_t user : UsersByRow(part_ids.size(), base_.shards())) {
    const uint32_t id = part_ids[user];
    if (id == schema::kNone) continue;
    for (uint64_t row = part_.begin(id); row < part_.end(id); ++row) {
      part_.RequestAttributes(row, &attributes);
      for (size_t i = 0; i < declared.size(); ++i) {
        attributes[i].category = Id(declared[i].space, attributes[i].category);
      }
      UPNEXT_RETURN_IF_ERROR(writer_.AddEvent(user, EventAt(row), attributes));
      if (++rows % kProgressRows != 0) continue;
      stage.Update(rows);
      if (progress.stop_requested()) return Cancelled("stopped on request; nothing was published");
    }
  }
  return Ok();
}

Status CheckSameSchema(const EventLog& base, const EventLog& part) {
  const std::string difference =
      part.schema().Difference(base.schema(), "what is added", "the log");
  if (difference.empty()) return Ok();
  return InvalidArgument("the two have different schemas: {}", difference);
}

}  // namespace

Result<AppendCounts> WriteJoinedLog(const fs::path& directory, const EventLog& base,
                                    const EventLog& part, const Mentioned& mentioned,
                                    base::Progress& progress) {
  if (mentioned.items.size() != part.items() || mentioned.users.size() != part.users()) {
    return Internal("what was mentioned should be known for each of {} items and {} users",
                    part.items(), part.users());
  }
  UPNEXT_RETURN_IF_ERROR(CheckSameSchema(base, part));
  const bool from_store = part.posted().store != 0;
  UPNEXT_ASSIGN_OR_RETURN(
      LogWriter writer,
      LogWriter::Create(directory, {.shards = base.shards(),
                                    .base = &base,
                                    .posted = from_store ? part.posted() : base.posted(),
                                    .same_event_ms = part.same_event_ms(),
                                    .adds_posted = part.stats().posted > 0}));
  UPNEXT_RETURN_IF_ERROR(Joining(base, part, &mentioned, writer).Run(progress));
  return AppendCounts{
      .events = writer.events(), .duplicates = writer.duplicates(), .late = writer.late()};
}

std::string WhyNumberAfresh(const EventLog& base, const EventLog& part) {
  constexpr uint32_t kFew = 1000;  // names that cost nothing, of spaces other than items and users
  if (!CheckSameSchema(base, part)) return "the [schema] has changed";
  for (size_t i = 0; i < base.schema().id_spaces().size(); ++i) {
    const auto space = static_cast<schema::IdSpace>(i);
    const Dictionary &known = base.dictionary(space), &names = part.dictionary(space);
    uint32_t common = 0;
    for (uint32_t id = 0; id < names.size(); ++id) {
      common += known.Find(names.name(id)) != schema::kNone ? 1 : 0;
    }
    const uint64_t unused = known.size() - common;
    const uint64_t numbers = unused + names.size();
    const bool few =
        space != schema::IdSpace::kItem && space != schema::IdSpace::kUser && unused <= kFew;
    if (few || 2 * unused <= numbers) continue;
    return fmt::format("{} of {} numbers of {} would stand for names that no row mentions any more",
                       unused, numbers, base.schema().name(space));
  }
  return "";
}

Status WriteContinuedLog(const fs::path& directory, const EventLog& base, const EventLog& part,
                         base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(CheckSameSchema(base, part));
  UPNEXT_ASSIGN_OR_RETURN(LogWriter writer,
                          LogWriter::Create(directory, {.shards = part.shards(),
                                                        .base = &base,
                                                        .keep_events = false,
                                                        .posted = part.posted(),
                                                        .same_event_ms = part.same_event_ms(),
                                                        .adds_posted = part.stats().posted > 0}));
  return Joining(base, part, nullptr, writer).Run(progress);
}

Status WriteAppendedLog(const fs::path& directory, const EventLog& base,
                        std::span<const schema::RawEvent> events,
                        std::span<const schema::RawItem> items,
                        std::span<const schema::RawUser> users) {
  const fs::path folder = directory.string() + ".part";
  const auto join = [&]() -> Status {
    UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
    UPNEXT_RETURN_IF_ERROR(WriteEventLog(folder, events, items, users, 1, base.schema()));
    UPNEXT_ASSIGN_OR_RETURN(const EventLog part, EventLog::Open(folder));
    Mentioned mentioned{std::vector<bool>(part.items()), std::vector<bool>(part.users())};
    for (const schema::RawItem& item : items) {
      mentioned.items[part.dictionary(schema::IdSpace::kItem).Find(item.item)] = true;
    }
    for (const schema::RawUser& user : users) {
      mentioned.users[part.dictionary(schema::IdSpace::kUser).Find(user.user)] = true;
    }
    const auto joined = WriteJoinedLog(directory, base, part, mentioned, base::NoProgress());
    return joined ? Ok() : Status(std::unexpected(joined.error()));
  };
  const Status joined = join();
  const Status removed = base::RemoveAll(folder);
  return joined ? removed : joined;
}

}  // namespace upnext::log
