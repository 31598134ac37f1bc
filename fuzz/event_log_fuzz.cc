// EventLog::Open on a small log of which the input edits sections, in any of its files. Checksums
// and the digests by which the meta file names the others are made to fit afterwards, so that the
// log's own checks have to find what is wrong. A log that opens is then read to the last column.
// There are two logs: one of a single import, and one that grew by an append.
#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>

#include "fuzz/harness.h"
#include "fuzz/section_bytes.h"
#include "fuzz/section_edits.h"
#include "fuzz/test_log.h"
#include "log/dictionary.h"
#include "log/event_log.h"

namespace upnext::fuzz {
namespace {

constexpr uint32_t kVersion = 2;

struct File {
  std::string name, kind;
  std::vector<Section> sections;
};

// A small log, the files of which edits change.
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
                   "the harness writes another section file than SectionWriter");
    }
  }
  // The edits to the meta file come last, so that they may spoil its digests too.
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
  // Writes a file unless it holds these bytes already, as most of them do from one input to the
  // next.
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

void Read(const log::EventLog& log) {
  using schema::IdSpace;
  const auto in_bounds = [&](uint32_t id, IdSpace space) {
    return id == schema::kNone || id < log.dictionary(space).size();
  };
  uint64_t rows = 0;
  for (uint32_t user = 0; user < log.users(); ++user) {
    FUZZ_REQUIRE(in_bounds(log.user(user).region, IdSpace::kRegion), "region of a user");
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
    }
  }
  FUZZ_REQUIRE(rows == log.events(), "every event belongs to one user");
  for (uint32_t id = 0; id < log.items(); ++id) {
    const schema::Item item = log.item(id);
    FUZZ_REQUIRE(in_bounds(item.channel, IdSpace::kChannel), "channel of an item");
    FUZZ_REQUIRE(std::string(item.title).size() == item.title.size(), "title of an item");
    for (const uint32_t topic : item.topics)
      FUZZ_REQUIRE(topic < log.dictionary(IdSpace::kTopic).size(), "topic of an item");
  }
  for (size_t space = 0; space < schema::kIdSpaces; ++space) {
    const log::Dictionary& names = log.dictionary(static_cast<IdSpace>(space));
    for (uint32_t id = 0; id < names.size(); ++id) {
      FUZZ_REQUIRE(names.Find(names.name(id)) == id, "a name must lead back to its id");
    }
    names.Find("a name that is not there");
  }
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext::fuzz;
  // An input that begins with this byte edits the log that grew by an append.
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
