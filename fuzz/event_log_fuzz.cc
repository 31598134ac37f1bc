// EventLog::Open on a small log in whose files the input edits sections. Checksums and the digests
// by which the meta file refers to the others are corrected afterwards, so that the log's own
// checks must find the errors. A log that opens is then read completely. There are two logs: one of
// a single import, and one with an append.
#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "fuzz/harness.h"
#include "fuzz/section_bytes.h"
#include "fuzz/section_edits.h"
#include "fuzz/test_log.h"
#include "log/dictionary.h"
#include "log/event_log.h"

namespace upnext::fuzz {
namespace {

constexpr uint32_t kVersion = 5;

struct File {
  std::string name, kind;
  std::vector<Section> sections;
};

// A small log whose files are changed by edits.
class EditedLog {
 public:
  // Files in the order of the meta file's digests, and that file last.
  EditedLog(const ScratchFolder& folder, std::span<const std::string_view> names)
      : folder_(folder), written_(names.size()) {
    for (const std::string_view name : names) {
      std::ifstream in(folder / name, std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(in)), {});
      files_.push_back({std::string(name), Kind(bytes), Sections(bytes)});
      FUZZ_REQUIRE(Build(files_.back().kind, kVersion, files_.back().sections) == bytes,
                   "the harness must write the same section file as SectionWriter");
    }
  }
  // Edits to the meta file are applied last, so that they may also change its digests.
  void Write(std::string_view input) {
    const std::vector<Edit> edits = ReadEdits(input, files_.size());
    std::vector<File> files = files_;
    const size_t meta = files.size() - 1;
    for (const Edit& edit : edits) {
      if (edit.file != meta) Apply(edit, &files[edit.file].sections);
    }
    std::string digests;
    for (size_t i = 0; i < meta; ++i) {
      const std::string bytes = Build(files[i].kind, kVersion, files[i].sections);
      const uint64_t digest = Digest(bytes);
      digests.append(reinterpret_cast<const char*>(&digest), sizeof(digest));
      WriteFile(i, bytes);
    }
    std::ranges::find(files[meta].sections, "digests", &Section::name)->bytes = digests;
    for (const Edit& edit : edits) {
      if (edit.file == meta) Apply(edit, &files[edit.file].sections);
    }
    WriteFile(meta, Build(files[meta].kind, kVersion, files[meta].sections));
  }

 private:
  // Writes a file unless its contents are unchanged, as for most files from one input to the next.
  void WriteFile(size_t file, std::string bytes) {
    if (bytes == written_[file]) return;
    folder_.Write(files_[file].name, bytes);
    written_[file] = std::move(bytes);
  }

  const ScratchFolder& folder_;
  std::vector<File> files_;
  std::vector<std::string> written_;
};

EditedLog OneSegment(const ScratchFolder& folder) {
  constexpr std::array<std::string_view, 6> kFiles = {"dictionaries.upn", "items.upn",
                                                      "users.upn",        "events-00000.upn",
                                                      "events-00001.upn", "meta.upn"};
  WriteTestLog(folder.path());
  return {folder, kFiles};
}

EditedLog TwoSegments(const ScratchFolder& folder) {
  constexpr std::array<std::string_view, 9> kFiles = {
      "dictionaries.upn",       "items.upn",        "users.upn",
      "events-00000.upn",       "events-00001.upn", "events-00000-00001.upn",
      "events-00001-00001.upn", "order.upn",        "meta.upn"};
  WriteGrownTestLog(folder.path());
  return {folder, kFiles};
}

// Every attribute of an item or user.
void ReadAttributes(const log::EventLog& log, schema::Entity entity, uint32_t id) {
  std::vector<schema::AttributeCell> cells;
  log.Attributes(entity, id, &cells);
  for (uint32_t i = 0; i < cells.size(); ++i) {
    const schema::Attribute& attribute = log.schema().attributes(entity)[i];
    for (const uint32_t category : log.Categories(entity, i, id)) {
      FUZZ_REQUIRE(category < log.dictionary(attribute.space).size(), "a category");
    }
    const std::string text(log.Text(entity, i, id));
    FUZZ_REQUIRE(text == cells[i].text, "a text");
    float sum = 0;
    for (const float value : log.Vector(entity, i, id)) sum += value;
    FUZZ_REQUIRE(cells[i].vector.empty() || sum == sum, "a vector has finite values");
  }
}

void Read(const log::EventLog& log) {
  using schema::IdSpace;
  std::vector<schema::AttributeValue> values;
  const auto in_bounds = [&](uint32_t id, IdSpace space) {
    return id == schema::kNone || id < log.dictionary(space).size();
  };
  uint64_t rows = 0;
  for (uint32_t user = 0; user < log.users(); ++user) {
    FUZZ_REQUIRE(in_bounds(log.user(user).region, IdSpace::kRegion), "region of a user");
    ReadAttributes(log, schema::Entity::kUser, user);
    for (uint64_t row = log.begin(user); row < log.end(user); ++row, ++rows) {
      const schema::Event event = log.event(row);
      FUZZ_REQUIRE(event.type == log.type(row) && event.item == log.item_of(row), "columns differ");
      FUZZ_REQUIRE(row == log.begin(user) || event.time_ms >= log.time_ms(row - 1), "order");
      FUZZ_REQUIRE(in_bounds(event.item, IdSpace::kItem) &&
                       in_bounds(event.current_item, IdSpace::kItem) &&
                       in_bounds(event.query, IdSpace::kQuery) &&
                       in_bounds(event.source, IdSpace::kSource) &&
                       in_bounds(event.device, IdSpace::kDevice) &&
                       in_bounds(event.region, IdSpace::kRegion),
                   "an id of an event");
      log.RequestAttributes(row, &values);
      for (size_t i = 0; i < values.size(); ++i) {
        FUZZ_REQUIRE(
            in_bounds(values[i].category, log.schema().declared(schema::Entity::kRequest)[i].space),
            "a category of an event");
      }
    }
  }
  FUZZ_REQUIRE(rows == log.events(), "every event belongs to one user");
  for (uint32_t id = 0; id < log.items(); ++id) {
    const schema::Item item = log.item(id);
    ReadAttributes(log, schema::Entity::kItem, id);
    FUZZ_REQUIRE(in_bounds(item.channel, IdSpace::kChannel), "channel of an item");
    FUZZ_REQUIRE(std::string(item.title).size() == item.title.size(), "title of an item");
    for (const uint32_t topic : item.topics)
      FUZZ_REQUIRE(topic < log.dictionary(IdSpace::kTopic).size(), "topic of an item");
  }
  for (size_t space = 0; space < log.schema().id_spaces().size(); ++space) {
    const log::Dictionary& names = log.dictionary(static_cast<IdSpace>(space));
    for (uint32_t id = 0; id < names.size(); ++id) {
      const uint32_t expected = names.name(id).empty() ? schema::kNone : id;  // forgotten
      FUZZ_REQUIRE(names.Find(names.name(id)) == expected, "a name must map to its id");
    }
    names.Find("a name that is not there");
  }
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext::fuzz;
  // An input that starts with this byte edits the log with an append.
  constexpr char kGrown = '\xff';
  static const ScratchFolder folder, grown_folder;
  static EditedLog one = OneSegment(folder), two = TwoSegments(grown_folder);
  const std::string_view input = TextOf(data, size);
  const bool grown = input.starts_with(kGrown);
  if (grown) {
    two.Write(input.substr(1));
  } else {
    one.Write(input);
  }
  const auto log = upnext::log::EventLog::Open((grown ? grown_folder : folder).path());
  if (!log) return 0;
  Read(*log);
  Accepted();
  return 0;
}
