// A log that is damaged or made up is refused at open, with the file named, and never read out of
// bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <limits>

#include "base/checksum.h"
#include "base/file.h"
#include "base/section_file.h"
#include "base/test_folder.h"
#include "log/append.h"
#include "log/event_log.h"
#include "log/log_format.h"
#include "schema/raw_event.h"

namespace upnext::log {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class LogDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteLog(log_);
    ASSERT_TRUE(EventLog::Open(log_));
  }
  static schema::Schema WithEveryKind() {
    return schema::Schema::Parse(
               "schema.events.wish = 'positive'\nschema.items.stock = 'flag'\n"
               "schema.items.price = 'number'\nschema.items.listed = 'time'\n"
               "schema.items.brand = 'category'\nschema.items.tags = 'categories'\n"
               "schema.items.body = 'text'\nschema.items.vector = 'vector(2)'\n"
               "schema.users.plan = 'category'\nschema.requests.page = 'category'\n"
               "schema.requests.depth = 'number'\n")
        .value();
  }
  void WriteLog(const fs::path& folder) {
    fs::create_directories(folder);
    const schema::Schema schema = WithEveryKind();
    const auto number = [&](schema::Entity entity, std::string_view name) {
      return *schema.FindAttribute(entity, name);
    };
    const auto of_item = [&](std::string_view name) { return number(schema::Entity::kItem, name); };
    const std::vector<schema::RawEvent> events = {
        {.user = "a", .item = "i", .time_ms = 10, .type = schema::EventType::kWatch, .value = 3},
        {.user = "a",
         .item = "j",
         .time_ms = 20,
         .type = *schema.FindEventType("wish"),
         .off_site = true,
         .attributes = {{number(schema::Entity::kRequest, "page"), "home"},
                        {number(schema::Entity::kRequest, "depth"), "2"}},
         .id = "e",
         .posted = true},
        {.user = "b", .time_ms = 5, .type = schema::EventType::kSearch, .query = "q"},
        {.user = "c", .item = "j", .time_ms = 7, .propensity = 0.5f},
    };
    const std::vector<schema::RawItem> items = {{.item = "i",
                                                 .duration_s = 9,
                                                 .channel = "c",
                                                 .title = "T",
                                                 .topics = {"x", "y"},
                                                 .attributes = {{of_item("stock"), "true"},
                                                                {of_item("price"), "1.5"},
                                                                {of_item("listed"), "3"},
                                                                {of_item("brand"), "b"},
                                                                {of_item("tags"), "s"},
                                                                {of_item("tags"), "t"},
                                                                {of_item("body"), "text"},
                                                                {of_item("vector"), "1 2"}}},
                                                {.item = "j", .removed = true}};
    const std::vector<schema::RawUser> users = {
        {.user = "a",
         .region = "r",
         .age = 20,
         .attributes = {{number(schema::Entity::kUser, "plan"), "free"}}}};
    const Status written = WriteEventLog(folder, events, items, users, 2, schema);
    ASSERT_TRUE(written) << written.error().message;
  }

  void ExpectDamage(std::string_view file, std::string_view what) {
    const auto log = EventLog::Open(log_);
    ASSERT_FALSE(log) << what;
    EXPECT_EQ(log.error().code, Code::kDataLoss) << what << ": " << log.error().message;
    EXPECT_THAT(log.error().message, HasSubstr(std::string(file))) << what;
  }

  // Flips each byte of the file in turn.
  void ExpectEveryFlipFound(const fs::path& file) {
    const std::string good = base::ReadFile(file).value();
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    for (size_t i = 0; i < good.size(); ++i) {
      stream.seekp(static_cast<std::streamoff>(i));
      stream.put(static_cast<char>(good[i] ^ 0x40)).flush();
      ExpectDamage(file.filename().string(), fmt::format("byte {}", i));
      stream.seekp(static_cast<std::streamoff>(i));
      stream.put(good[i]).flush();
      if (HasFailure()) return;
    }
    ASSERT_TRUE(EventLog::Open(log_));
  }

  // Writes `file` anew with one section changed by `change`, and the meta file to match, as
  // somebody would who wants the checksums to be right.
  template <typename T>
  void Forge(std::string_view file, std::string_view kind, std::string_view section,
             const std::function<void(std::vector<T>&)>& change) {
    uint64_t old_digest = 0, new_digest = 0;
    {
      const auto source = base::SectionFile::Open(log_ / file, kind, format::kVersion).value();
      old_digest = source.digest();
      ASSERT_TRUE(source.Has(section)) << section;
      auto writer = base::SectionWriter::Create(log_ / file, kind, format::kVersion).value();
      const std::string bytes = base::ReadFile(log_ / file).value();
      for (const auto& part : source.sections()) {
        std::span<const std::byte> content =
            std::as_bytes(std::span(bytes)).subspan(part.offset, part.size);
        std::vector<T> changed;
        if (part.name == section) {
          const auto values = source.Get<T>(section).value();
          changed.assign(values.begin(), values.end());
          change(changed);
          content = std::as_bytes(std::span<const T>(changed));
        }
        ASSERT_TRUE(writer.Begin(part.name, part.type));
        ASSERT_TRUE(writer.Append(content));
        ASSERT_TRUE(writer.End());
      }
      ASSERT_TRUE(writer.Commit());
    }
    if (file == format::kMetaFile) return;
    new_digest = base::SectionFile::Open(log_ / file, kind, format::kVersion).value().digest();
    Forge<uint64_t>(format::kMetaFile, format::kMetaKind, format::kDigests,
                    [&](std::vector<uint64_t>& digests) {
                      for (uint64_t& digest : digests) {
                        if (digest == old_digest) digest = new_digest;
                      }
                    });
  }

  // Forges and expects the file to be refused for its content, not for a digest.
  template <typename T>
  void ExpectForgeryFound(std::string_view file, std::string_view kind, std::string_view section,
                          const std::function<void(std::vector<T>&)>& change,
                          std::string_view named) {
    const std::string what = fmt::format("{} of {}", section, file);
    Forge<T>(file, kind, section, change);
    const auto log = EventLog::Open(log_);
    ASSERT_FALSE(log) << what;
    EXPECT_EQ(log.error().code, Code::kDataLoss) << what;
    EXPECT_THAT(log.error().message, HasSubstr(std::string(named))) << what;
    EXPECT_THAT(log.error().message, ::testing::Not(HasSubstr("belongs to another"))) << what;
    fs::remove_all(log_);
    SetUp();
  }
  template <typename T>
  void ExpectForgeryFound(std::string_view file, std::string_view kind, std::string_view section,
                          const std::function<void(std::vector<T>&)>& change) {
    ExpectForgeryFound<T>(file, kind, section, change, file);
  }

  // The shard that holds user a's two events.
  std::string shard() const { return format::ShardFile(format::ShardOf(0, 2)); }

  base::TestFolder folder_;
  fs::path log_ = folder_ / "log";
};

TEST_F(LogDamage, EveryFlippedByteIsFoundAndItsFileNamed) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(log_)) files.push_back(entry.path());
  ASSERT_EQ(files.size(), 6u);
  for (const fs::path& file : files) ExpectEveryFlipFound(file);
}

TEST_F(LogDamage, ShortenedAndMissingFilesAreNamed) {
  for (const auto& entry : fs::directory_iterator(log_)) {
    if (entry.path().filename() == format::kMetaFile) continue;
    const std::string name = entry.path().filename().string();
    const std::string good = base::ReadFile(entry.path()).value();
    for (const size_t size : {size_t{0}, size_t{1}, good.size() / 2, good.size() - 1}) {
      fs::resize_file(entry.path(), size);
      ExpectDamage(name, fmt::format("cut to {}", size));
      ASSERT_TRUE(base::WriteFileAtomic(entry.path(), good));
    }
    fs::rename(entry.path(), folder_ / "aside");
    ExpectDamage(name, "missing");
    fs::rename(folder_ / "aside", entry.path());
  }
}

TEST_F(LogDamage, AFileOfAnotherLogIsNamed) {
  const fs::path other = folder_ / "other";
  fs::create_directories(other);
  const std::vector<schema::RawEvent> events = {{.user = "a", .item = "i", .time_ms = 1}};
  ASSERT_TRUE(WriteEventLog(other, events, {}, {}, 2));
  fs::copy_file(other / shard(), log_ / shard(), fs::copy_options::overwrite_existing);
  ExpectDamage(shard(), "a good file in the wrong place");
}

TEST_F(LogDamage, ForgedEventsAreFound) {
  const std::string file = shard();
  const auto forged = [&]<typename T>(std::string_view section, T value, size_t at = 0) {
    ExpectForgeryFound<T>(file, format::kShardKind, section,
                          [&](std::vector<T>& values) { values[at] = value; });
  };
  forged("type", uint8_t{0});
  forged("type", uint8_t{schema::kEventTypes + 1});
  forged("own.page", uint8_t{1});
  forged("own.page", uint8_t{0xfe}, 1);
  forged("own.depth", std::numeric_limits<float>::infinity(), 1);
  forged("type", uint8_t{255});
  forged("type", static_cast<uint8_t>(schema::EventType::kSearch));
  forged("item", uint8_t{2});
  forged("item", uint8_t{0xff});
  forged("time_ms", int64_t{21});
  forged("time_ms", schema::kNoTime);
  forged("value", -1.0f);
  forged("value", std::numeric_limits<float>::infinity());
  forged("off_site", uint8_t{2});
  forged("posted", uint8_t{2});
  for (const std::string_view column : {"type", "item", "off_site", "posted"}) {
    ExpectForgeryFound<uint8_t>(file, format::kShardKind, column,
                                [](std::vector<uint8_t>& values) { values.pop_back(); });
  }
}

TEST_F(LogDamage, ForgedUsersAreFound) {
  const auto forged = [&]<typename T>(std::string_view section, T value, std::string_view named) {
    ExpectForgeryFound<T>(
        format::kUsersFile, format::kUsersKind, section,
        [&](std::vector<T>& values) { values[0] = value; }, named);
  };
  forged("row_begin", uint64_t{1}, format::kUsersFile);
  forged("row_begin", ~uint64_t{0}, format::kUsersFile);
  forged("row_count", uint32_t{1}, "upn");
  forged("row_count", schema::kNone, format::kUsersFile);
  forged("region", uint32_t{1}, format::kUsersFile);
  forged("age", -1.0f, format::kUsersFile);
  forged("own.plan", uint32_t{1}, format::kUsersFile);
}

TEST_F(LogDamage, ForgedItemsAreFound) {
  const auto forged = [&]<typename T>(std::string_view section, T value, size_t at = 0) {
    ExpectForgeryFound<T>(format::kItemsFile, format::kItemsKind, section,
                          [&](std::vector<T>& values) { values[at] = value; });
  };
  forged("channel", uint32_t{1});
  forged("duration", -1.0f);
  forged("removed", uint8_t{3});
  forged("topics", uint32_t{2});
  forged("topics", schema::kNone);
  forged("topics.offsets", uint64_t{1});
  forged("topics.offsets", uint64_t{3}, 1);
  forged("topics.offsets", ~uint64_t{0}, 1);
  forged("title.offsets", uint64_t{9}, 1);
  forged("own.stock", uint8_t{2});
  forged("own.stock", uint8_t{0xfe}, 1);
  forged("own.price", std::numeric_limits<float>::infinity());
  forged("own.brand", uint32_t{1});
  forged("own.tags", uint32_t{2});
  forged("own.tags.offsets", uint64_t{9}, 1);
  forged("own.body.offsets", uint64_t{9}, 1);
  forged("own.vector", std::numeric_limits<float>::infinity());
  forged("own.vector", schema::kAbsent, 1);
  for (const std::string_view column : {"own.price", "own.vector"}) {
    ExpectForgeryFound<float>(format::kItemsFile, format::kItemsKind, column,
                              [](std::vector<float>& values) { values.pop_back(); });
  }
}

TEST_F(LogDamage, ForgedDictionariesAreFound) {
  const auto forged = [&]<typename T>(std::string_view section,
                                      const std::function<void(std::vector<T>&)>& change) {
    ExpectForgeryFound<T>(format::kDictionaryFile, format::kDictionaryKind, section, change);
  };
  forged.operator()<uint8_t>("items.bytes", [](std::vector<uint8_t>& v) { std::swap(v[0], v[1]); });
  forged.operator()<uint8_t>("items.bytes", [](std::vector<uint8_t>& v) { v[1] = v[0]; });
  forged.operator()<uint8_t>(format::kSchema, [](std::vector<uint8_t>& v) { v[0] = '?'; });
  // Without the declared type, the site's events have none.
  ExpectForgeryFound<uint8_t>(
      format::kDictionaryFile, format::kDictionaryKind, format::kSchema,
      [](std::vector<uint8_t>& v) { v.clear(); }, "type is unknown");
  forged.operator()<uint64_t>("items.offsets", [](std::vector<uint64_t>& v) { v[1] = 0; });
  forged.operator()<uint64_t>("items.offsets", [](std::vector<uint64_t>& v) { v[1] = 1u << 30; });
  forged.operator()<uint32_t>("items.slots", [](std::vector<uint32_t>& v) { v.pop_back(); });
  // A full table would make a search for an absent name endless; a rotated one would miss names.
  forged.operator()<uint32_t>("items.slots", [](std::vector<uint32_t>& v) {
    for (uint32_t& slot : v) slot = 0;
  });
  forged.operator()<uint32_t>("items.slots", [](std::vector<uint32_t>& v) {
    for (uint32_t& slot : v) slot = schema::kNone;
  });
  forged.operator()<uint32_t>("items.slots", [](std::vector<uint32_t>& v) {
    for (uint32_t& slot : v) slot = slot == 0 ? 7 : slot;
  });
  forged.operator()<uint32_t>("items.slots", [](std::vector<uint32_t>& v) {
    std::rotate(v.begin(), v.begin() + 1, v.end());
  });
}

TEST_F(LogDamage, ForgedMetaIsFound) {
  const auto forged = [&]<typename T>(std::string_view section,
                                      const std::function<void(std::vector<T>&)>& change,
                                      std::string_view named = format::kMetaFile) {
    ExpectForgeryFound<T>(format::kMetaFile, format::kMetaKind, section, change, named);
  };
  forged.operator()<uint64_t>(format::kCounts, [](std::vector<uint64_t>& v) { ++v[2]; });
  forged.operator()<uint64_t>(format::kCounts, [](std::vector<uint64_t>& v) { ++v[0]; });
  forged.operator()<uint64_t>(format::kCounts,
                              [](std::vector<uint64_t>& v) { v[1] = schema::kNone; });
  forged.operator()<uint64_t>(format::kRows, [](std::vector<uint64_t>& v) { v.clear(); });
  forged.operator()<uint64_t>(
      format::kRows,
      [](std::vector<uint64_t>& v) {
        v[0] -= 1;
        v[1] += 1;
      },
      "events-0");
  forged.operator()<uint64_t>(format::kRows, [](std::vector<uint64_t>& v) { v[0] = ~0ull; });
  forged.operator()<uint64_t>(format::kByType, [](std::vector<uint64_t>& v) { ++v[1]; });
  forged.operator()<uint64_t>(format::kByType, [](std::vector<uint64_t>& v) { v.resize(1000); });
  forged.operator()<int64_t>(format::kSpan, [](std::vector<int64_t>& v) { ++v[0]; });
  forged.operator()<uint64_t>(format::kDigests, [](std::vector<uint64_t>& v) { v.pop_back(); });
  forged.operator()<uint64_t>(format::kPosted, [](std::vector<uint64_t>& v) { v.pop_back(); });
  forged.operator()<uint64_t>(format::kPosted, [](std::vector<uint64_t>& v) { v[1] = 1; });
  forged.operator()<uint64_t>(format::kPosted, [](std::vector<uint64_t>& v) { v[5] = 1; });
  forged.operator()<uint64_t>(format::kPosted, [](std::vector<uint64_t>& v) { v[2] = ~0ull; });
  forged.operator()<uint64_t>(format::kPosted, [](std::vector<uint64_t>& v) { ++v[3]; });
  forged.operator()<uint64_t>(format::kPosted, [](std::vector<uint64_t>& v) { --v[4]; });
}

// The same log with a segment appended, late events in it.
class GrownLogDamage : public LogDamage {
 protected:
  void SetUp() override {
    const fs::path base = folder_ / "base";
    fs::remove_all(base);
    WriteLog(base);
    fs::create_directories(log_);
    const std::vector<schema::RawEvent> events = {
        {.user = "a", .item = "k", .time_ms = 15}, {.user = "a", .item = "i", .time_ms = 20},
        {.user = "a", .item = "l", .time_ms = 40}, {.user = "c", .item = "k", .time_ms = 1},
        {.user = "d", .item = "i", .time_ms = 9},
    };
    const Status written = WriteAppendedLog(log_, EventLog::Open(base).value(), events, {}, {});
    ASSERT_TRUE(written) << written.error().message;
    ASSERT_TRUE(EventLog::Open(log_));
  }
};

TEST_F(GrownLogDamage, EveryFlippedByteOfWhatAnAppendAddsIsFound) {
  for (const std::string& file : {std::string(format::kOrderFile), std::string(format::kMetaFile),
                                  format::ShardFile(format::ShardOf(0, 2), 1)}) {
    ExpectEveryFlipFound(log_ / file);
  }
  fs::remove(log_ / format::kOrderFile);
  ExpectDamage(format::kOrderFile, "missing");
}

TEST_F(GrownLogDamage, AForgedOrderIsFound) {
  const auto forged = [&](std::string_view section,
                          const std::function<void(std::vector<uint64_t>&)>& change) {
    ExpectForgeryFound<uint64_t>(format::kOrderFile, format::kOrderKind, section, change, "upn");
  };
  for (const uint64_t wrong : {uint64_t{1}, uint64_t{8}, uint64_t{9}, ~uint64_t{0}}) {
    for (const size_t at : {size_t{0}, size_t{2}}) {
      const auto change = [&](std::vector<uint64_t>& values) {
        ASSERT_GT(values.size(), 3u);
        values[at] = values[at] == wrong ? wrong + 3 : wrong;
      };
      forged(format::kRunRows, change);
      forged(format::kRunPlaces, change);
    }
  }
  for (const std::string_view section : {format::kRunRows, format::kRunPlaces}) {
    forged(section, [](std::vector<uint64_t>& values) { values.pop_back(); });
    forged(section, [](std::vector<uint64_t>& values) { values.clear(); });
    forged(section, [](std::vector<uint64_t>& values) { values.push_back(values.back() + 1); });
    forged(section, [](std::vector<uint64_t>& values) { std::swap(values[1], values[2]); });
  }
  // Two rows of user a at the same time, the later told first.
  ExpectForgeryFound<int64_t>(
      shard(), format::kShardKind, "time_ms",
      [](std::vector<int64_t>& times) {
        for (int64_t& time : times) time = time == 10 ? 16 : time;
      },
      "events-");
}

TEST_F(GrownLogDamage, ForgedSegmentsAreFound) {
  for (const uint64_t wrong :
       {uint64_t{0}, uint64_t{1}, uint64_t{3}, uint64_t{5000}, ~uint64_t{0}}) {
    ExpectForgeryFound<uint64_t>(format::kMetaFile, format::kMetaKind, format::kSegments,
                                 [&](std::vector<uint64_t>& values) { values[0] = wrong; });
  }
  ExpectForgeryFound<uint64_t>(format::kMetaFile, format::kMetaKind, format::kSegments,
                               [](std::vector<uint64_t>& values) { values.push_back(1); });
  // As many files, but of four segments of one shard.
  Forge<uint64_t>(format::kMetaFile, format::kMetaKind, format::kSegments,
                  [](std::vector<uint64_t>& values) { values[0] = 4; });
  ExpectDamage("events-00000-00001.upn", "four segments");
}

TEST_F(GrownLogDamage, ForgedGenerationsAreFound) {
  const auto forged = [&](const std::function<void(std::vector<uint64_t>&)>& change) {
    ExpectForgeryFound<uint64_t>(format::kDictionaryFile, format::kDictionaryKind,
                                 "items.generations", change);
  };
  for (const uint64_t wrong : {uint64_t{0}, uint64_t{4}, uint64_t{5}, ~uint64_t{0}}) {
    forged([&](std::vector<uint64_t>& values) { values[0] = wrong; });
  }
  forged([](std::vector<uint64_t>& values) { values.push_back(values.back()); });
  forged([](std::vector<uint64_t>& values) { values.insert(values.begin(), 3); });
}

TEST_F(GrownLogDamage, ANameInTwoGenerationsIsFound) {
  // items are i j | k l; k becomes i, in the slot after i's.
  const std::vector<std::string> names = {"i", "j", "i", "l"};
  std::vector<uint32_t> slots(format::SlotsFor(names.size()), schema::kNone);
  for (uint32_t id = 0; id < names.size(); ++id) {
    size_t at = base::Fingerprint(names[id]) & (slots.size() - 1);
    while (slots[at] != schema::kNone) at = (at + 1) & (slots.size() - 1);
    slots[at] = id;
  }
  Forge<uint8_t>(format::kDictionaryFile, format::kDictionaryKind, "items.bytes",
                 [](std::vector<uint8_t>& bytes) { bytes[2] = 'i'; });
  Forge<uint32_t>(format::kDictionaryFile, format::kDictionaryKind, "items.slots",
                  [&](std::vector<uint32_t>& values) { values = slots; });
  ExpectDamage(format::kDictionaryFile, "twice");
  EXPECT_THAT(EventLog::Open(log_).error().message, HasSubstr("there twice"));
}

}  // namespace
}  // namespace upnext::log
