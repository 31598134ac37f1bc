#include "api/shown_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/file.h"
#include "base/test_folder.h"

namespace upnext::api {
namespace {

TEST(ShownConfig, HasEveryKeyThatTheProgramReadsWithItsOrigin) {
  const base::TestFolder folder;
  const std::string file = (folder.path() / "shop.toml").string();
  ASSERT_TRUE(base::WriteFileAtomic(
      file,
      "[retrieval]\ndim = 32\n[import]\n"
      "events = \"SELECT * FROM postgres_scan('host=db password=hunter2', 'public', 'e')\"\n"));
  const auto settings = Settings::Load({.config = file, .directory = "elsewhere"});
  ASSERT_TRUE(settings) << settings.error().message;
  std::map<std::string, std::pair<std::string, std::string>> shown;
  for (const base::ConfigValue& one : ShownConfig(*settings)) {
    shown[one.key] = {one.value, one.origin};
  }
  using Shown = std::pair<std::string, std::string>;
  EXPECT_EQ(shown["retrieval.dim"], Shown("32", file + ":2"));
  EXPECT_EQ(shown["server.timeout"], Shown("30", "default"));
  EXPECT_EQ(shown["project.directory"], Shown("\"elsewhere\"", "--project-dir"));
  EXPECT_EQ(shown["import.events"], Shown("\"(hidden)\"", file + ":4"));
  EXPECT_EQ(shown["train.threads"], Shown("0", "default"));
  EXPECT_GT(shown.size(), 100u);
}

TEST(MayHoldSecret, LooksForPasswordsAndUrlsThatHaveOne) {
  EXPECT_TRUE(MayHoldSecret("\"https://me:pw@db.example/x\""));
  EXPECT_TRUE(MayHoldSecret("\"... Password = 'x'\""));
  EXPECT_FALSE(MayHoldSecret("\"https://db.example/x?to=me@example.com\""));
  EXPECT_FALSE(MayHoldSecret("\"tokens(item.title, 50000)\""));
}

}  // namespace
}  // namespace upnext::api
