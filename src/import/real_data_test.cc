// The ready project files on the files they are for. Needs UPNEXT_DATA (the folder that holds
// kuairand/, ml-1m/ and beauty/), which cannot be shipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "base/config.h"
#include "base/test_folder.h"
#include "import/import.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

using ::testing::ElementsAre;

class RealData : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("UPNEXT_DATA") == nullptr) GTEST_SKIP() << "UPNEXT_DATA is not set";
  }
  // Imports with configs/<name>.toml and opens the log.
  log::EventLog ImportProject(const std::string& name) {
    const auto file = std::filesystem::path(UPNEXT_CONFIGS) / (name + ".toml");
    const base::Config config = base::Config::Load(file).value();
    ImportOptions options = ImportOptions::FromConfig(config.Table("import"));
    options.data = std::getenv("UPNEXT_DATA");
    const auto report = Import(options, folder_ / "log", base::NoProgress());
    if (!report) ADD_FAILURE() << report.error().message;
    report_ = report.value();
    EXPECT_EQ(report_.rejected_events + report_.rejected_items + report_.rejected_users, 0u);
    return log::EventLog::Open(folder_ / "log" / report_.version).value();
  }
  static uint64_t CountOf(const log::EventLog& log, schema::EventType type) {
    return log.stats().by_type[static_cast<size_t>(type)];
  }

  base::TestFolder folder_;
  ImportReport report_;
};

std::vector<std::string_view> TopicsOf(const log::EventLog& log, const schema::Item& item) {
  std::vector<std::string_view> names;
  for (const uint32_t topic : item.topics) {
    names.push_back(log.dictionary(schema::IdSpace::kTopic).name(topic));
  }
  return names;
}

TEST_F(RealData, MovieLensKeepsEveryLineInFileOrder) {
  const log::EventLog log = ImportProject("ml-1m");
  EXPECT_EQ(log.events(), 999'611u);
  EXPECT_EQ(log.users(), 6'040u);
  EXPECT_EQ(log.items(), 3'416u);
  EXPECT_EQ(CountOf(log, schema::EventType::kComplete), 999'611u);
  EXPECT_EQ(log.dictionary(schema::IdSpace::kUser).name(0), "1");
  EXPECT_EQ(log.item_of(log.begin(0)), log.dictionary(schema::IdSpace::kItem).Find("1"));
  EXPECT_EQ(log.time_ms(log.begin(0)), 1000);
  // sas item 1 is 1198, user 1 is 5988.
  const schema::Item item = log.item(0);
  EXPECT_EQ(item.title, "Raiders of the Lost Ark (1981)");
  EXPECT_THAT(TopicsOf(log, item), ElementsAre("Action", "Adventure"));
  EXPECT_FALSE(std::isnan(log.user(0).gender));
  EXPECT_GT(log.user(0).age, 0);
}

TEST_F(RealData, BeautyKeepsEveryLine) {
  const log::EventLog log = ImportProject("beauty");
  EXPECT_EQ(log.events(), 353'962u);
  EXPECT_EQ(log.users(), 40'226u);
  EXPECT_EQ(log.items(), 54'542u);
}

TEST_F(RealData, KuaiRandGivesAnImpressionALineWithWhatFollowed) {
  const log::EventLog log = ImportProject("kuairand");
  EXPECT_EQ(CountOf(log, schema::EventType::kImpression), 41'828u);
  EXPECT_EQ(CountOf(log, schema::EventType::kWatch), 41'828u);
  EXPECT_EQ(CountOf(log, schema::EventType::kLike) + CountOf(log, schema::EventType::kDislike),
            41'828u);
  EXPECT_EQ(log.users(), 664u);
  EXPECT_EQ(log.items(), 9'359u);
  EXPECT_NEAR(static_cast<double>(CountOf(log, schema::EventType::kClick)) / 41'828, .657, .0006);
  EXPECT_NEAR(static_cast<double>(CountOf(log, schema::EventType::kComplete)) / 41'828, .462,
              .0006);
  // The first line of the file: clicked, watched for 46.186 s, a long view, liked.
  const uint32_t user = log.dictionary(schema::IdSpace::kUser).Find("111");
  const uint32_t item = log.dictionary(schema::IdSpace::kItem).Find("3892024");
  ASSERT_NE(user, schema::kNone);
  ASSERT_NE(item, schema::kNone);
  std::vector<schema::EventType> types;
  for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
    const schema::Event event = log.event(row);
    if (event.item != item || event.time_ms != 1'649'581'149'287) continue;
    types.push_back(event.type);
    EXPECT_NE(event.request, 0u);
    if (event.type == schema::EventType::kWatch) {
      EXPECT_FLOAT_EQ(event.value, 46.186f);
    }
  }
  EXPECT_THAT(types, ElementsAre(schema::EventType::kImpression, schema::EventType::kClick,
                                 schema::EventType::kWatch, schema::EventType::kComplete,
                                 schema::EventType::kLike));
  EXPECT_FLOAT_EQ(log.item(item).duration_s, 45.916f);
}

}  // namespace
}  // namespace upnext::import
