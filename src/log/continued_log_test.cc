// A log that an import of everything made next to an older one: the rows of the import, with the
// numbers of the older log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/file.h"
#include "base/rng.h"
#include "base/section_file.h"
#include "base/test_folder.h"
#include "log/append.h"
#include "log/compact.h"
#include "log/event_log.h"
#include "log/log_format.h"
#include "log/test_log_text.h"
#include "schema/attribute.h"
#include "schema/event.h"
#include "schema/raw_event.h"

namespace upnext::log {
namespace {

using schema::Entity;
using schema::IdSpace;
using schema::RawEvent;
using schema::RawItem;
using schema::RawUser;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

struct Rows {
  std::vector<RawEvent> events;
  std::vector<RawItem> items = {};
  std::vector<RawUser> users = {};
};

RawEvent Liked(std::string user, std::string item, int64_t time_ms) {
  return {.user = std::move(user),
          .item = std::move(item),
          .time_ms = time_ms,
          .type = schema::EventType::kLike};
}

class ContinuedLogTest : public ::testing::Test {
 protected:
  fs::path NewFolder() {
    fs::path path = folder_ / fmt::format("log{}", made_++);
    fs::create_directories(path);
    return path;
  }
  static EventLog Opened(const fs::path& path, const Status& written) {
    EXPECT_TRUE(written) << written.error().message;
    auto log = EventLog::Open(path);
    EXPECT_TRUE(log) << log.error().message;
    return *std::move(log);
  }
  EventLog Imported(const Rows& rows, uint32_t shards = 1) {
    const fs::path path = NewFolder();
    return Opened(path, WriteEventLog(path, rows.events, rows.items, rows.users, shards));
  }
  EventLog Continued(const EventLog& base, const Rows& rows, uint32_t shards = 1) {
    const fs::path path = NewFolder();
    return Opened(path, WriteContinuedLog(path, base, Imported(rows, shards), base::NoProgress()));
  }
  EventLog Appended(const EventLog& base, const Rows& rows) {
    const fs::path path = NewFolder();
    return Opened(path, WriteAppendedLog(path, base, rows.events, rows.items, rows.users));
  }
  EventLog Compacted(const EventLog& log) {
    const fs::path path = NewFolder();
    return Opened(path, WriteCompactedLog(path, log, base::NoProgress()));
  }
  static std::vector<std::string> Gone(const EventLog& log, Entity entity) {
    std::vector<std::string> names;
    for (const uint32_t id : log.gone(entity)) {
      EXPECT_TRUE(log.IsGone(entity, id));
      names.push_back(NameOf(log, entity == Entity::kItem ? IdSpace::kItem : IdSpace::kUser, id));
    }
    return names;
  }
  // What users and items have, without those that are gone.
  static std::vector<std::string> Present(const EventLog& log) {
    std::vector<std::string> lines = TextOf(log);
    for (const auto& line : ItemsOf(log)) lines.push_back(line);
    for (const auto& line : UsersOf(log)) lines.push_back(line);
    std::erase_if(lines, [&](const std::string& line) {
      const std::string name = line.substr(0, line.find(' '));
      const uint32_t item = log.dictionary(IdSpace::kItem).Find(name);
      const uint32_t user = log.dictionary(IdSpace::kUser).Find(name);
      return (item != schema::kNone && log.IsGone(Entity::kItem, item)) ||
             (user != schema::kNone && log.IsGone(Entity::kUser, user));
    });
    return lines;
  }
  static Rows Random(base::Rng& rng, uint64_t names) {
    Rows rows;
    for (int i = 0; i < 200; ++i) {
      rows.events.push_back(Liked(fmt::format("u{}", rng.Below(names)),
                                  fmt::format("i{}", rng.Below(names)),
                                  static_cast<int64_t>(rng.Below(1000))));
      rows.events.back().region = fmt::format("r{}", rng.Below(9));
    }
    for (uint64_t i = 0; i < names; i += 1 + rng.Below(3)) {
      rows.items.push_back({.item = fmt::format("i{}", i),
                            .channel = fmt::format("c{}", rng.Below(5)),
                            .title = fmt::format("title {}", rng.Below(99)),
                            .topics = {fmt::format("t{}", rng.Below(4)), "all"}});
      rows.users.push_back({.user = fmt::format("u{}", i), .region = "r1"});
    }
    return rows;
  }

  base::TestFolder folder_;
  int made_ = 0;
  const Rows old_ = {.events = {Liked("a", "i", 10), Liked("b", "j", 20), Liked("b", "k", 30)},
                     .items = {{.item = "i", .title = "I"}, {.item = "j", .title = "J"}}};
};

TEST_F(ContinuedLogTest, NamesKeepTheirNumbersAndNewOnesGetTheNext) {
  const EventLog base = Imported(old_);
  const EventLog log = Continued(base, {.events = {Liked("b", "k", 5), Liked("aa", "h", 6)},
                                        .items = {{.item = "i", .removed = true}}});
  for (const IdSpace space : {IdSpace::kUser, IdSpace::kItem}) {
    for (uint32_t id = 0; id < base.dictionary(space).size(); ++id) {
      EXPECT_EQ(log.dictionary(space).name(id), base.dictionary(space).name(id));
    }
  }
  EXPECT_EQ(log.dictionary(IdSpace::kItem).Find("h"), base.items());
  EXPECT_EQ(log.dictionary(IdSpace::kUser).Find("aa"), base.users());
  EXPECT_THAT(log.lineage(), ElementsAre(base.digest(), log.digest()));
  EXPECT_THAT(TextOf(log), ElementsAre("aa 6 like h", "b 5 like k"));
  EXPECT_EQ(log.segments().size(), 1u);
  EXPECT_TRUE(log.item(log.dictionary(IdSpace::kItem).Find("i")).removed);
  EXPECT_THAT(Gone(log, Entity::kItem), ElementsAre("j"));
  EXPECT_THAT(Gone(log, Entity::kUser), ElementsAre("a"));
}

TEST_F(ContinuedLogTest, WhatIsGoneIsRemovedAndHasNothing) {
  const EventLog log = Continued(Imported(old_), {.events = {Liked("b", "k", 5)}});
  const uint32_t item = log.dictionary(IdSpace::kItem).Find("j");
  EXPECT_TRUE(log.item(item).removed);
  EXPECT_EQ(log.Value(Entity::kItem, schema::item_attribute::kRemoved, item).number, 1);
  EXPECT_EQ(log.item(item).title, "");
  EXPECT_EQ(log.present(Entity::kItem), 1u);
  EXPECT_EQ(log.present(Entity::kUser), 1u);
  const uint32_t user = log.dictionary(IdSpace::kUser).Find("a");
  EXPECT_EQ(log.begin(user), log.end(user));
  const uint32_t present = log.dictionary(IdSpace::kItem).Find("k");
  EXPECT_FALSE(log.IsGone(Entity::kItem, present));
  EXPECT_FALSE(log.item(present).removed);
}

TEST_F(ContinuedLogTest, ItReadsAsTheImportAloneDoes) {
  base::Rng rng(5);
  for (int round = 0; round < 8; ++round) {
    const uint32_t shards = 1 + round % 3;
    EventLog base = Imported(Random(rng, 20 + rng.Below(30)), shards);
    if (round % 2 == 1) base = Appended(base, Random(rng, 60));
    for (int again = 0; again < 3; ++again) {
      const Rows rows = Random(rng, 10 + rng.Below(60));
      const EventLog log = Continued(base, rows, shards);
      EXPECT_EQ(Present(log), Present(Imported(rows)));
      base = log;
    }
  }
}

TEST_F(ContinuedLogTest, WithoutNewNamesTheDictionariesAreTheSame) {
  const EventLog base = Imported(old_);
  const EventLog log = Continued(base, {.events = {Liked("b", "k", 5)}});
  EXPECT_EQ(log.digest(), base.digest());
  EXPECT_THAT(log.lineage(), ElementsAre(base.digest()));
  EXPECT_NE(log.content_digest(), base.content_digest());
  EXPECT_EQ(Continued(base, old_).content_digest(), base.content_digest());
}

TEST_F(ContinuedLogTest, WhatComesBackHasItsOldNumber) {
  const EventLog base = Imported(old_);
  const EventLog without = Continued(base, {.events = {Liked("b", "k", 5)}});
  const EventLog imported = Continued(without, old_);
  const EventLog appended = Appended(without, {.events = {Liked("a", "j", 7)}});
  for (const EventLog& log : {imported, appended}) {
    const uint32_t item = log.dictionary(IdSpace::kItem).Find("j");
    EXPECT_EQ(item, base.dictionary(IdSpace::kItem).Find("j"));
    EXPECT_FALSE(log.item(item).removed);
    EXPECT_FALSE(log.IsGone(Entity::kItem, item));
    EXPECT_THAT(Gone(log, Entity::kUser), IsEmpty());
  }
  EXPECT_EQ(Present(imported), Present(base));
  EXPECT_THAT(Gone(appended, Entity::kItem), ElementsAre("i"));
}

TEST_F(ContinuedLogTest, AppendsAndCompactionKeepWhatIsGone) {
  const EventLog without = Continued(Imported(old_), {.events = {Liked("b", "k", 5)}});
  const EventLog appended = Appended(without, {.events = {Liked("b", "k", 9)}});
  for (const EventLog& log : {appended, Compacted(appended)}) {
    EXPECT_THAT(Gone(log, Entity::kItem), ElementsAre("i", "j"));
    EXPECT_THAT(Gone(log, Entity::kUser), ElementsAre("a"));
    EXPECT_TRUE(log.item(log.dictionary(IdSpace::kItem).Find("j")).removed);
  }
}

TEST_F(ContinuedLogTest, NumbersStartAfreshWhenMostWouldBeUnused) {
  const EventLog base = Imported(old_);
  EXPECT_EQ(WhyNumberAfresh(base, Imported(old_)), "");
  EXPECT_EQ(WhyNumberAfresh(base, Imported({.events = {Liked("b", "k", 1), Liked("b", "j", 1)}})),
            "");
  EXPECT_EQ(WhyNumberAfresh(base, Imported({.events = {Liked("b", "k", 1)}})),
            "2 of 3 numbers of items would stand for names that no row mentions any more");
  // Exactly half is not more than half.
  EXPECT_EQ(WhyNumberAfresh(base, Imported({.events = {Liked("b", "k", 1), Liked("b", "l", 1)}})),
            "");
  // A few unused regions cost nothing.
  Rows abroad = old_;
  for (RawEvent& event : abroad.events) event.region = "r" + event.item;
  EXPECT_EQ(WhyNumberAfresh(Imported(abroad), base), "");
  const fs::path path = NewFolder();
  const auto priced = schema::Schema::Parse("schema.items.price = 'number'").value();
  const EventLog other = Opened(path, WriteEventLog(path, old_.events, {}, {}, 1, priced));
  EXPECT_EQ(WhyNumberAfresh(base, other), "the [schema] has changed");
}

// Writes a file of the log with `gone` changed, and the meta file to match.
void ForgeGone(const fs::path& log, std::string_view name, std::string_view kind,
               const std::vector<uint32_t>& gone) {
  const auto forge = [&](std::string_view file, std::string_view of, std::string_view section,
                         const std::function<std::string(std::string)>& change) {
    const auto source = base::SectionFile::Open(log / file, of, format::kVersion).value();
    const std::string bytes = base::ReadFile(log / file).value();
    auto writer = base::SectionWriter::Create(log / file, of, format::kVersion).value();
    for (const auto& part : source.sections()) {
      std::string content = bytes.substr(part.offset, part.size);
      if (part.name == section) content = change(content);
      ASSERT_TRUE(writer.Begin(part.name, part.type));
      ASSERT_TRUE(writer.Append(std::as_bytes(std::span(content))));
      ASSERT_TRUE(writer.End());
    }
    ASSERT_TRUE(writer.Commit());
  };
  const auto text = [](const auto& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const auto digest = [&] {
    return text(base::SectionFile::Open(log / name, kind, format::kVersion).value().digest());
  };
  const std::string before = digest();
  forge(name, kind, format::kGone, [&](const std::string&) {
    std::string changed;
    for (const uint32_t id : gone) changed += text(id);
    return changed;
  });
  forge(format::kMetaFile, format::kMetaKind, format::kDigests, [&](std::string digests) {
    digests.replace(digests.find(before), before.size(), digest());
    return digests;
  });
}

TEST_F(ContinuedLogTest, WrongNumbersOfWhatIsGoneAreDamage) {
  const auto refused = [&](std::string_view file, std::string_view kind,
                           const std::vector<uint32_t>& gone, std::string_view why) {
    const EventLog log = Continued(Imported(old_), {.events = {Liked("b", "k", 5)}});
    ForgeGone(log.directory(), file, kind, gone);
    const auto damaged = EventLog::Open(log.directory());
    ASSERT_FALSE(damaged) << why;
    EXPECT_EQ(damaged.error().code, Code::kDataLoss);
    EXPECT_THAT(damaged.error().message, HasSubstr(std::string(why)));
  };
  const std::string_view items = format::kItemsFile, users = format::kUsersFile;
  refused(items, format::kItemsKind, {0, 3}, "numbers below 3 in ascending order");
  refused(items, format::kItemsKind, {1, 1}, "numbers below 3 in ascending order");
  refused(items, format::kItemsKind, {0, 2}, "item 2 is gone, so it should be removed");
  refused(users, format::kUsersKind, {1}, "user 1 is gone, so it should have no events");
}

TEST_F(ContinuedLogTest, AnEventOfAnItemThatIsGoneIsDamage) {
  const EventLog log = Continued(
      Imported(old_), {.events = {Liked("b", "k", 5)}, .items = {{.item = "k", .removed = true}}});
  ForgeGone(log.directory(), format::kItemsFile, format::kItemsKind, {0, 2});
  const auto damaged = EventLog::Open(log.directory());
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message, HasSubstr("has item 2, which is gone"));
}

}  // namespace
}  // namespace upnext::log
