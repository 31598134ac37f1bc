#include "catalogue/catalogue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "catalogue/test_log.h"

namespace upnext::catalogue {
namespace {

using schema::IdSpace;

TestLog TwoItems() {
  schema::RawUser user;
  user.user = "u";
  user.age = 30;
  return TestLog({Watch("u", "a", kStartMs, 10), Watch("u", "b", Minutes(1), 10)},
                 {ItemOf("a", 60, "c", {"x", "y"})}, {user});
}

TEST(Catalogue, NewNamesGoOnWhereTheLogEnds) {
  const TestLog log = TwoItems();
  Catalogue& catalogue = log.catalogue();
  EXPECT_EQ(catalogue.Find(IdSpace::kItem, "z"), schema::kNone);
  EXPECT_EQ(catalogue.FindOrAdd(IdSpace::kItem, "b"), log.item("b"));
  EXPECT_EQ(catalogue.FindOrAdd(IdSpace::kItem, "z"), 2u);
  EXPECT_EQ(catalogue.FindOrAdd(IdSpace::kItem, "y"), 3u);
  EXPECT_EQ(catalogue.FindOrAdd(IdSpace::kItem, "z"), 2u);
  EXPECT_EQ(catalogue.Find(IdSpace::kItem, "z"), 2u);
  EXPECT_EQ(catalogue.Find(IdSpace::kUser, "z"), schema::kNone) << "id spaces are apart";
  EXPECT_EQ(catalogue.size(IdSpace::kItem), 4u);
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, 2), "z");
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, log.item("a")), "a");
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, 4), "");
  EXPECT_EQ(catalogue.Name(IdSpace::kItem, schema::kNone), "");
}

TEST(Catalogue, AttributesOfUnknownIdsAreAbsent) {
  const TestLog log = TwoItems();
  const schema::Item known = log.catalogue().item(log.item("a"));
  EXPECT_EQ(known.duration_s, 60);
  EXPECT_EQ(known.topics.size(), 2u);
  for (const uint32_t id : {log.catalogue().FindOrAdd(IdSpace::kItem, "z"), schema::kNone}) {
    const schema::Item item = log.catalogue().item(id);
    EXPECT_TRUE(std::isnan(item.duration_s));
    EXPECT_EQ(item.channel, schema::kNone);
    EXPECT_TRUE(item.topics.empty());
  }
  EXPECT_EQ(log.catalogue().user(0).age, 30);
  EXPECT_TRUE(std::isnan(log.catalogue().user(7).age));
}

TEST(Catalogue, ReadersAndWritersRunTogether) {
  const TestLog log = TwoItems();
  Catalogue& catalogue = log.catalogue();
  constexpr uint32_t kNames = 500;
  std::atomic<uint32_t> wrong = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint32_t i = 0; i < kNames; ++i) {
        const std::string name = Numbered("n", i);
        const uint32_t id = catalogue.FindOrAdd(IdSpace::kItem, name);
        if (catalogue.Find(IdSpace::kItem, name) != id) ++wrong;
        if (catalogue.Name(IdSpace::kItem, id) != name) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(catalogue.size(IdSpace::kItem), 2 + kNames);
}

}  // namespace
}  // namespace upnext::catalogue
