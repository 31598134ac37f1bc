#include "base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_folder.h"

namespace upnext::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Config Parsed(std::string_view toml) {
  Result<Config> config = Config::Parse(toml, "upnext.toml");
  EXPECT_TRUE(config) << config.error().message;
  return config ? *config : Config();
}

// The message of Check() after `read` has read its keys, or "".
template <typename Read>
std::string Mistake(std::string_view toml, Read read) {
  const Config config = Parsed(toml);
  read(config.root());
  const Status status = config.Check();
  if (status) return "";
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
  return status.error().message;
}

TEST(Config, KnowsValuesThatMayBeTables) {
  const Config config = Parsed("a = 1\nb = { c = 2 }\n[d]\n");
  EXPECT_FALSE(config.root().IsTable("a"));
  EXPECT_TRUE(config.root().IsTable("b"));
  EXPECT_TRUE(config.root().IsTable("d"));
  EXPECT_FALSE(config.root().IsTable("e"));
}

TEST(Config, ReadsEveryKindOfValue) {
  const Config config = Parsed(R"(
name = "films"
[retrieval]
dim = 32
rate = 1            # an integer where a number is meant
deep = true
loss = "full"
layers = [64, 32]
[[source]]
path = "a.csv"
[[source]]
path = "b.csv"
tags = ["x", "y"]
)");
  EXPECT_EQ(config.root().Text("name", ""), "films");
  const ConfigTable retrieval = config.Table("retrieval");
  EXPECT_EQ(retrieval.Int("dim", 64, {.min = 1, .max = 4096}), 32);
  EXPECT_EQ(retrieval.Real("rate", 0.1), 1.0);
  EXPECT_TRUE(retrieval.Bool("deep", false));
  EXPECT_EQ(retrieval.Choice("loss", {"sampled", "full"}, 0), 1u);
  EXPECT_THAT(retrieval.Ints("layers", {}), ElementsAre(64, 32));
  const std::vector<ConfigTable> sources = config.root().Tables("source");
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].Text("path", ""), "a.csv");
  EXPECT_EQ(sources[1].Text("path", ""), "b.csv");
  EXPECT_THAT(sources[1].Texts("tags", {}), ElementsAre("x", "y"));
  EXPECT_TRUE(config.Check()) << config.Check().error().message;
}

TEST(Config, AbsentKeysAndTablesGiveTheDefaults) {
  const Config config = Parsed("");
  const ConfigTable table = config.Table("retrieval").Table("index");
  EXPECT_EQ(table.Int("m", 16), 16);
  EXPECT_EQ(table.Text("kind", "exact"), "exact");
  EXPECT_EQ(table.Choice("kind2", {"a", "b"}, 1), 1u);
  EXPECT_THAT(table.Ints("layers", {3}), ElementsAre(3));
  EXPECT_TRUE(table.Tables("more").empty());
  EXPECT_FALSE(table.Has("m"));
  EXPECT_TRUE(config.Check());
  EXPECT_EQ(ConfigTable().Int("x", 5), 5);
}

TEST(Config, UnknownKeyNamesPlaceAndNearestKey) {
  const auto read = [](const ConfigTable& root) {
    root.Table("retrieval").Int("dim", 64);
    root.Table("retrieval").Int("epochs", 1);
  };
  EXPECT_EQ(Mistake("[retrieval]\n  dmi = 3\n", read),
            "upnext.toml:2:3: retrieval.dmi: unknown key; did you mean 'dim'?");
  EXPECT_EQ(Mistake("[retrival]\ndim = 3\n", read),
            "upnext.toml:1:2: retrival: unknown table; did you mean 'retrieval'?");
  EXPECT_EQ(Mistake("[retrieval]\ncolour = 3\n", read),
            "upnext.toml:2:1: retrieval.colour: unknown key; known are dim, epochs");
}

TEST(Config, ReportsTheFirstMistakeInFileOrderForAnyOrderOfReading) {
  const auto read = [](const ConfigTable& root) {
    root.Table("b").Int("y", 0);
    root.Table("b").Int("x", 0);
    root.Table("a").Int("z", 0);
  };
  EXPECT_THAT(Mistake("[b]\nx = 'no'\ny = 'no'\n[a]\nz = 'no'\n", read),
              StartsWith("upnext.toml:2:"));
  EXPECT_THAT(Mistake("[a]\nw = 1\n[b]\nx = 'no'\n", read),
              StartsWith("upnext.toml:2:1: a.w: unknown key"));
  EXPECT_THAT(Mistake("[b]\nx = 'no'\n[a]\nw = 1\n", read), StartsWith("upnext.toml:2:5: b.x: "));
}

TEST(Config, WrongTypeSaysExpectedAndFound) {
  EXPECT_EQ(Mistake("dim = 'big'", [](const ConfigTable& t) { t.Int("dim", 1); }),
            "upnext.toml:1:7: dim: expected an integer, found the text \"big\"");
  EXPECT_EQ(Mistake("dim = 6.5", [](const ConfigTable& t) { t.Int("dim", 1); }),
            "upnext.toml:1:7: dim: expected an integer, found the number 6.5");
  EXPECT_EQ(Mistake("on = 1", [](const ConfigTable& t) { t.Bool("on", false); }),
            "upnext.toml:1:6: on: expected true or false, found the integer 1");
  EXPECT_EQ(Mistake("name = [1, 2]", [](const ConfigTable& t) { t.Text("name", ""); }),
            "upnext.toml:1:8: name: expected text in quotes, found a list of 2");
  EXPECT_EQ(Mistake("[dim]", [](const ConfigTable& t) { t.Int("dim", 1); }),
            "upnext.toml:1:1: dim: expected an integer, found a table");
  EXPECT_EQ(Mistake("index = 1", [](const ConfigTable& t) { t.Table("index").Int("m", 1); }),
            "upnext.toml:1:9: index: expected a table, found the integer 1");
  EXPECT_THAT(Mistake("[source]\n", [](const ConfigTable& t) { t.Tables("source"); }),
              HasSubstr("expected tables that each begin with [[source]], found a table"));
  EXPECT_THAT(Mistake("day = 2024-01-01", [](const ConfigTable& t) { t.Text("day", ""); }),
              HasSubstr("found a date or time"));
}

TEST(Config, RangesNameTheBoundsThatWereGiven) {
  const auto both = [](const ConfigTable& t) { t.Int("n", 1, {.min = 1, .max = 8}); };
  EXPECT_EQ(Mistake("n = 9", both),
            "upnext.toml:1:5: n: expected an integer from 1 to 8, found the integer 9");
  EXPECT_EQ(Mistake("n = 8", both), "");
  EXPECT_EQ(Mistake("n = 1", both), "");
  const auto low = [](const ConfigTable& t) { t.Real("n", 1, {.min = 0}); };
  EXPECT_EQ(Mistake("n = -0.5", low),
            "upnext.toml:1:5: n: expected a number of at least 0, found the number -0.5");
  EXPECT_THAT(Mistake("n = nan", low), HasSubstr("expected a number"));
  EXPECT_THAT(Mistake("n = inf", low), HasSubstr("expected a number"));
}

TEST(Config, ListsNameTheElement) {
  const auto read = [](const ConfigTable& t) { t.Ints("layers", {}, {.min = 1}); };
  EXPECT_EQ(Mistake("layers = [64, 0]", read),
            "upnext.toml:1:15: layers[1]: expected an integer of at least 1, found the integer 0");
  EXPECT_THAT(Mistake("layers = 64", read),
              HasSubstr("expected a list, each an integer of at least 1"));
  EXPECT_EQ(Mistake("[[s]]\nn = 1\n[[s]]\nn = 'x'\n",
                    [](const ConfigTable& t) {
                      for (const ConfigTable& s : t.Tables("s")) s.Int("n", 0);
                    }),
            "upnext.toml:4:5: s[1].n: expected an integer, found the text \"x\"");
}

TEST(Config, ChoiceListsTheChoicesAndTheNearest) {
  EXPECT_EQ(
      Mistake("loss = 'fulll'",
              [](const ConfigTable& t) { t.Choice("loss", {"sampled", "full"}, 0); }),
      "upnext.toml:1:8: loss: expected one of \"sampled\", \"full\", found the text \"fulll\"; "
      "did you mean 'full'?");
}

TEST(Config, FailPointsAtTheKeyOrAtItsTable) {
  EXPECT_EQ(Mistake("a = 1\nb = 2\n",
                    [](const ConfigTable& t) {
                      t.Int("a", 0);
                      t.Fail("b", "expected more than a");
                    }),
            "upnext.toml:2:1: b: expected more than a");
  EXPECT_EQ(Mistake("\n[events]\n",
                    [](const ConfigTable& t) { t.Table("events").Fail("sql", "is needed"); }),
            "upnext.toml:2:1: events.sql: is needed");
}

TEST(Config, KeysComeInFileOrderAndStayUnknownUntilAskedFor) {
  const Config config = Parsed("[weights]\nwatch = 2\nclick = 1\nlike = 3\n");
  const ConfigTable weights = config.Table("weights");
  EXPECT_THAT(weights.Keys(), ElementsAre("watch", "click", "like"));
  EXPECT_FALSE(config.Check());
  for (const std::string& key : weights.Keys()) weights.Real(key, 0);
  EXPECT_TRUE(config.Check());
}

TEST(Config, TwoRoomsMayReadOneTable) {
  EXPECT_EQ(Mistake("[shared]\na = 1\nb = 2\n",
                    [](const ConfigTable& t) {
                      t.Table("shared").Int("a", 0);
                      t.Table("shared").Int("b", 0);
                    }),
            "");
}

TEST(Config, SyntaxErrorsHaveLineAndColumn) {
  const Result<Config> config = Config::Parse("a = 1\nb = = 2\n", "upnext.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Code::kInvalidArgument);
  EXPECT_THAT(config.error().message, StartsWith("upnext.toml:2:5: not TOML: "));
  EXPECT_THAT(Config::Parse("a = 1\na = 2\n", "x.toml").error().message, StartsWith("x.toml:2:"));
  EXPECT_FALSE(Config::Parse("a = \"\xff\"", "x.toml"));
}

// Found by fuzzing: each of these caused undefined behaviour inside toml++.
TEST(Config, ParserDefectsAreReportedAsErrors) {
  for (const std::string_view toml : {"[[[a]]]", "[[=", "[\b]", "größe = 3\n", "a = ü",
                                      "[straße]\n", "[a\u039c", "a\u3042 = 1"}) {
    const Result<Config> config = Config::Parse(toml, "x.toml");
    ASSERT_FALSE(config) << toml;
    EXPECT_THAT(config.error().message, StartsWith("x.toml:1:")) << toml;
  }
  EXPECT_TRUE(Config::Parse("a = \"größe\"  # Straße\n\"ключ\" = 1\n", "x.toml"));
}

TEST(Config, LoadKeepsTheTextAndNamesTheFile) {
  const TestFolder folder;
  const fs::path path = folder / "upnext.toml";
  ASSERT_TRUE(WriteFileAtomic(path, "a = 1 # one\n"));
  const Config config = Config::Load(path).value();
  EXPECT_EQ(config.text(), "a = 1 # one\n");
  EXPECT_THAT(config.Check().error().message, StartsWith(path.string() + ":1:1: a: unknown key"));
  const Result<Config> missing = Config::Load(folder / "none.toml");
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("none.toml: expected a project file"));
}

TEST(Config, LinesDescribeATableIndependentlyOfItsLayout) {
  const auto lines = [](std::string_view toml) {
    const auto config = Config::Parse(toml, "test.toml");
    EXPECT_TRUE(config);
    return config->Table("retrieval").Lines();
  };
  EXPECT_EQ(
      lines("[retrieval]\nrecent = [1,5]\ndim=64\nindex = {kind = \"exact\"}\n"
            "[[retrieval.head]]\nname = \"a\"\n[[retrieval.head]]\nname = \"b\"\n"),
      (std::vector<std::string>{"retrieval.dim = 64", "retrieval.head[0].name = 'a'",
                                "retrieval.head[1].name = 'b'", "retrieval.index.kind = 'exact'",
                                "retrieval.recent = [ 1, 5 ]"}));
  EXPECT_EQ(lines("retrieval.dim = 64 # a word"), lines("[retrieval]\n\ndim = 64\n"));
  EXPECT_NE(lines("retrieval.dim = 64"), lines("retrieval.dim = 65"));
  EXPECT_TRUE(lines("[other]\ndim = 64").empty());
  EXPECT_EQ(lines("[retrieval]\nshare = 0.3\nshares = [0.1, 1e-7]\nnone = []\n"),
            (std::vector<std::string>{"retrieval.none = []", "retrieval.share = 0.3",
                                      "retrieval.shares = [ 0.1, 1e-07 ]"}))
      << "numbers as short as they can be read back";
}

TEST(Config, SaysWhereValuesAndTablesBegin) {
  const std::string text =
      "# \u00e9\na = { t = \"\u00e9\", n = 3 }\r\n[[b.c]]\n  k= -1.5 # x\n[[b.c]]\n";
  const Config config = Parsed(text);
  const auto from = [&](std::optional<size_t> offset) {
    return offset ? std::string_view(text).substr(*offset, 4) : "none";
  };
  EXPECT_EQ(from(config.root().OffsetOf("a")), "{ t ");
  EXPECT_EQ(from(config.Table("a").OffsetOf("n")), "3 }\r");
  EXPECT_EQ(from(config.Table("a").OffsetOf("m")), "none");
  const std::vector<ConfigTable> tables = config.Table("b").Tables("c");
  ASSERT_EQ(tables.size(), 2u);
  EXPECT_EQ(from(tables[0].OffsetOf("k")), "-1.5");
  EXPECT_EQ(*tables[1].Offset(), text.rfind("[[b.c]]"));
  EXPECT_EQ(from(ConfigTable().Offset()), "none");
  EXPECT_THAT(config.root().Lines(), ElementsAre("a.n = 3", "a.t = '\u00e9'", "b.c[0].k = -1.5"));
}

}  // namespace
}  // namespace upnext::base
