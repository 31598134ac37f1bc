#include "interchange/example_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/test_folder.h"
#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "features/block_columns.h"
#include "features/feature_plan.h"
#include "import/duckdb.h"
#include "onnx/tensor_model.h"
#include "ranking/onnx_ranker.h"
#include "retrieval/test_reference.h"
#include "schema/attribute.h"

namespace upnext::interchange {
namespace {

using examples::SplitPart;
using features::Side;
using import::Chunk;

const std::vector<SplitPart> kAllParts = {SplitPart::kTrain, SplitPart::kValidation,
                                          SplitPart::kTest};

class ExampleTableTest : public testing::Test {
 protected:
  Result<uint64_t> Write(const ExampleOptions& options,
                         const std::vector<ranking::Objective>& objectives = {},
                         base::Progress& progress = base::NoProgress()) {
    return WriteExamples(world_.source, tables_, objectives, options, file_, pool_, progress);
  }
  // Columns by name, and the rows.
  void Read(
      const std::function<void(const std::map<std::string, size_t>&, const Chunk&, size_t)>& row) {
    Result<import::Database> db = import::Database::Open({.threads = 1});
    ASSERT_TRUE(db) << db.error().message;
    const std::string sql = "SELECT * FROM read_parquet(" + import::QuoteSql(file_.string()) + ")";
    const auto columns = db->Describe(sql);
    ASSERT_TRUE(columns) << columns.error().message;
    std::map<std::string, size_t> places;
    for (size_t c = 0; c < columns->size(); ++c) places[(*columns)[c].name] = c;
    const Status read = db->Query(sql, [&](const Chunk& chunk) {
      for (size_t i = 0; i < chunk.rows(); ++i) row(places, chunk, i);
      return Ok();
    });
    EXPECT_TRUE(read) << read.error().message;
  }
  ExampleRows Expected(const ExampleOptions& options) {
    const RowMaker maker(world_.source, tables_, options);
    ExampleRows rows;
    for (uint32_t user = 0; user < world_.log.users(); ++user) maker.AppendUser(user, &rows);
    return rows;
  }

  const examples::World world_{examples::RandomWorld(5, 40)};
  // The first half of the log has no user vectors.
  const features::FeatureSpec spec_{.ranking = {{"dot", "request.retrieval_score", ""},
                                                {"vector", "vector(request.user_vector, 4)", ""}}};
  const features::FeatureStatistics tables_ = world_.Learn(
      spec_, 1,
      retrieval::RandomReference(world_.Learn(spec_), 4, examples::kStart + 5 * examples::kDay));
  const base::TestFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "examples.parquet";
  base::ThreadPool pool_{2};
};

float FloatOr(const Chunk& chunk, size_t column, size_t row, float otherwise) {
  return chunk.valid(column, row) ? chunk.Values<float>(column)[row] : otherwise;
}

// The block of one row that these columns stand for. What hat functions say of their number is that
// of `expected`.
features::FeatureBlock BlockOf(const features::FeatureBlock& expected,
                               const features::SidePlan& plan, const std::string& side,
                               const std::map<std::string, size_t>& places, const Chunk& chunk,
                               size_t row) {
  features::FeatureBlock block;
  block.raw_width = plan.raw_width;
  block.dense_width = plan.dense_width;
  block.raw.resize(plan.raw_width);
  block.dense.resize(plan.dense_width);
  block.rows = 1;
  for (const features::Feature& feature : plan.categories) {
    const size_t column = places.at(side + "." + feature.name);
    features::Bags& bags = block.categorical.emplace_back();
    if (feature.kind == features::FeatureKind::kMultivalent) {
      const auto ids = chunk.List<int32_t>(column, row);
      const auto weights =
          chunk.List<float>(places.at(side + "." + feature.name + ".weights"), row);
      for (size_t i = 0; i < ids.size(); ++i) {
        bags.ids.push_back(static_cast<uint32_t>(ids[i]));
        bags.Weigh(i, weights[i]);
      }
    } else if (chunk.valid(column, row)) {
      bags.ids.push_back(static_cast<uint32_t>(chunk.Values<int32_t>(column)[row]));
    }
    bags.Close();
  }
  for (const features::Feature& feature : plan.numbers) {
    const std::string name = side + "." + feature.name;
    float* const dense = block.dense.data() + feature.dense;
    if (feature.by_quantiles()) {
      block.raw[feature.raw] = FloatOr(chunk, places.at(name), row, schema::kAbsent);
      const float x = FloatOr(chunk, places.at(name + ".normal"), row, -1);
      if (x < 0) {
        dense[3] = 1;
      } else {
        dense[0] = x;
        dense[1] = x * x;
        dense[2] = std::sqrt(x);
      }
    } else if (feature.number.encoding == features::NumberOp::Encoding::kPlain) {
      const float x = FloatOr(chunk, places.at(name), row, -1);
      (x < 0 ? dense[1] : dense[0]) = x < 0 ? 1 : x;
    } else if (feature.number.encoding == features::NumberOp::Encoding::kVector) {
      if (chunk.valid(places.at(name), row)) {
        std::ranges::copy(chunk.List<float>(places.at(name), row), dense);
      }
    } else {
      std::copy_n(expected.dense.data() + feature.dense, feature.number.width(), dense);
      dense[0] = FloatOr(chunk, places.at(name), row, -1);
    }
  }
  return block;
}

TEST_F(ExampleTableTest, ColumnsAreTheFeaturesAndLabelsOfTraining) {
  const std::vector<ranking::Objective> objectives = {
      {.name = "click", .loss_weight = 2},
      {.name = "stars", .label = ranking::Objective::Label::kRating},
      {.name = "share", .label = ranking::Objective::Label::kCompletion}};
  const ExampleOptions options{.parts = kAllParts};
  const Result<uint64_t> written = Write(options, objectives);
  ASSERT_TRUE(written) << written.error().message;
  const ExampleRows expected = Expected(options);
  ASSERT_EQ(*written, expected.size());
  const auto& plan = tables_.plan;
  size_t n = 0, clicks = 0, masked = 0;
  Read([&](const std::map<std::string, size_t>& places, const Chunk& chunk, size_t row) {
    const ExampleRows::Origin& origin = expected.origins[n];
    EXPECT_EQ(chunk.Text(places.at("user"), row),
              world_.catalogue.Name(schema::IdSpace::kUser, origin.user));
    EXPECT_EQ(chunk.Text(places.at("item"), row),
              world_.catalogue.Name(schema::IdSpace::kItem, origin.item));
    EXPECT_EQ(chunk.Values<int64_t>(places.at("time"))[row], origin.time_ms * 1000);
    const float duration_s = FloatOr(chunk, places.at("duration_s"), row, schema::kAbsent);
    const bool clicked = expected.labels[n].Has(schema::EventType::kClick);
    clicks += clicked ? 1 : 0;
    EXPECT_EQ(chunk.Values<float>(places.at("label.click"))[row], clicked ? 1 : 0);
    EXPECT_EQ(chunk.Values<float>(places.at("weight.click"))[row], 2);
    EXPECT_FALSE(chunk.valid(places.at("label.stars"), row));  // the log has no ratings
    EXPECT_EQ(chunk.Values<float>(places.at("weight.stars"))[row], 0);
    EXPECT_EQ(chunk.valid(places.at("label.share"), row), !std::isnan(duration_s));
    masked += std::isnan(duration_s) ? 1 : 0;

    features::FeatureBlock query, impression;
    query.AppendRow(expected.queries, expected.query_of[n]);
    impression.AppendRow(expected.impressions, n);
    features::FeatureBlock read =
        BlockOf(impression, plan.side(features::Model::kRanking, Side::kImpression), "impression",
                places, chunk, row);
    read.duration_s = {duration_s};
    EXPECT_EQ(features::Digest(read), features::Digest(impression)) << n;
    read = BlockOf(query, plan.side(features::Model::kRanking, Side::kQuery), "query", places,
                   chunk, row);
    EXPECT_EQ(features::Digest(read), features::Digest(query)) << n;
    ++n;
  });
  EXPECT_EQ(n, expected.size());
  EXPECT_GT(clicks, 0u);
  EXPECT_GT(masked, 0u);
}

// Columns of one number, side by side, and a list of ids alone, as the manifest of a network of others
// has them; [rows, ...] of the examples.
TEST_F(ExampleTableTest, ANetworkOfOthersReadsWhatIsWritten) {
  constexpr size_t kLength = 3;
  const ExampleOptions options{.parts = kAllParts};
  ASSERT_TRUE(Write(options));
  const ExampleRows expected = Expected(options);
  std::vector<std::string> names = {"duration_s"};
  std::set<std::string> integers;
  std::string list;
  for (const Side side : {Side::kQuery, Side::kImpression}) {
    const std::string name = features::kSideNames[static_cast<size_t>(side)];
    for (const features::BlockColumn& column :
         features::ColumnsOf(tables_.plan.side(features::Model::kRanking, side), name)) {
      using Kind = features::BlockColumn::Kind;
      if (column.kind == Kind::kIds && list.empty()) list = column.name;
      if (column.kind == Kind::kId) integers.insert(column.name);
      if (column.kind == Kind::kId || column.kind == Kind::kNumber) names.push_back(column.name);
    }
  }
  std::vector<onnx::Input> inputs(2);
  inputs[0].name = "numbers";
  for (const std::string& name : names) inputs[0].columns.push_back({.name = name, .missing = {}});
  inputs[1].name = "list";
  inputs[1].list = list;
  inputs[1].length = kLength;
  const auto bound = onnx::Inputs::Bind(inputs,
                                        {{"numbers", onnx::TensorType::kFloat, "", {-1, -1}},
                                         {"list", onnx::TensorType::kInt64, "", {-1, -1}}},
                                        tables_.plan, onnx::RowsOf(tables_), onnx::Of::kRanker);
  ASSERT_TRUE(bound) << bound.error().message;
  const auto tensors = bound->Make(expected.queries, expected.impressions, expected.query_of);
  const auto& numbers = std::get<std::vector<float>>(tensors[0].values);
  const auto& ids = std::get<std::vector<int64_t>>(tensors[1].values);
  ASSERT_EQ(numbers.size(), expected.size() * names.size());
  size_t n = 0, nulls = 0, listed = 0;
  Read([&](const std::map<std::string, size_t>& places, const Chunk& chunk, size_t row) {
    for (size_t c = 0; c < names.size(); ++c) {
      const float read = numbers[n * names.size() + c];
      const size_t column = places.at(names[c]);
      if (!chunk.valid(column, row)) {
        ++nulls;
        EXPECT_TRUE(std::isnan(read)) << names[c];
        continue;
      }
      const float written = integers.contains(names[c])
                                ? static_cast<float>(chunk.Values<int32_t>(column)[row])
                                : chunk.Values<float>(column)[row];
      EXPECT_EQ(std::bit_cast<uint32_t>(read), std::bit_cast<uint32_t>(written)) << names[c];
    }
    const auto written = chunk.List<int32_t>(places.at(list), row);
    listed += written.size();
    for (size_t i = 0; i < kLength; ++i) {
      const size_t back = kLength - i;  // from the end
      EXPECT_EQ(ids[n * kLength + i], back > written.size() ? 0 : written[written.size() - back]);
    }
    ++n;
  });
  EXPECT_EQ(n, expected.size());
  EXPECT_GT(nulls, 0u);
  EXPECT_GT(listed, n);
}

TEST_F(ExampleTableTest, OfTheCandidateModelHaveTheItemAsLabel) {
  const ExampleOptions options{.stage = Stage::kRetrieval, .parts = kAllParts};
  const Result<uint64_t> written = Write(options);
  ASSERT_TRUE(written) << written.error().message;
  const ExampleRows expected = Expected(options);
  const features::Vocabulary& items = tables_.vocabulary(features::kItemVocabulary);
  const features::SidePlan& plan = tables_.plan.side(features::Model::kRetrieval, Side::kQuery);
  size_t n = 0;
  Read([&](const std::map<std::string, size_t>& places, const Chunk& chunk, size_t row) {
    const ExampleRows::Origin& origin = expected.origins[n];
    EXPECT_EQ(chunk.Values<int32_t>(places.at("label"))[row],
              static_cast<int32_t>(items.Row(origin.item)));
    EXPECT_EQ(chunk.Text(places.at("part"), row),
              (std::vector<const char*>{"train", "validation",
                                        "test"})[static_cast<size_t>(origin.part)]);
    features::FeatureBlock query;
    query.AppendRow(expected.queries, n);
    EXPECT_EQ(features::Digest(BlockOf(query, plan, "query", places, chunk, row)),
              features::Digest(query))
        << n;
    ++n;
  });
  EXPECT_EQ(n, expected.size());
  EXPECT_EQ(*written, n);
}

// Whatever rows are written: requests have ids that no example has.
TEST_F(ExampleTableTest, TheMetadataSaysHowManyRowsVocabulariesHave) {
  const auto metadata = [&] {
    std::map<std::string, uint32_t> rows;
    Result<import::Database> db = import::Database::Open({.threads = 1});
    const Status read =
        db->Query("SELECT decode(value) FROM parquet_kv_metadata(" +
                      import::QuoteSql(file_.string()) + ") WHERE decode(key) = 'upnext.rows'",
                  [&](const Chunk& chunk) {
                    for (size_t i = 0; i < chunk.rows(); ++i) {
                      rows.merge(nlohmann::json::parse(chunk.Text(0, i)).get<decltype(rows)>());
                    }
                    return Ok();
                  });
    EXPECT_TRUE(read) << read.error().message;
    return rows;
  };
  std::map<std::string, uint32_t> expected;
  const auto expect = [&](features::Model model, Side side) {
    const char* const name = features::kSideNames[static_cast<size_t>(side)];
    const auto& categories = tables_.plan.side(model, side).categories;
    for (const features::Feature& feature : categories) {
      expected[std::string(name) + "." + feature.name] = tables_.rows(feature.vocabulary);
    }
  };
  expect(features::Model::kRanking, Side::kQuery);
  expect(features::Model::kRanking, Side::kImpression);
  EXPECT_GT(expected.size(), 3u);
  ASSERT_TRUE(Write({.parts = {SplitPart::kTest}, .limit = 1}));
  EXPECT_EQ(metadata(), expected);
  expected = {{"label", tables_.vocabulary(features::kItemVocabulary).rows()}};
  expect(features::Model::kRetrieval, Side::kQuery);
  ASSERT_TRUE(Write({.stage = Stage::kRetrieval, .parts = kAllParts}));
  EXPECT_EQ(metadata(), expected);
}

TEST_F(ExampleTableTest, ALimitTakesRandomUsers) {
  std::set<std::set<std::string>> chosen;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const Result<uint64_t> written = Write({.parts = kAllParts, .limit = 20, .seed = seed});
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(*written, 20u);
    std::set<std::string> users;
    Read([&](const std::map<std::string, size_t>& places, const Chunk& chunk, size_t row) {
      users.insert(std::string(chunk.Text(places.at("user"), row)));
    });
    chosen.insert(users);
  }
  EXPECT_GT(chosen.size(), 1u);
}

class Stopped : public base::Progress {
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  bool stop_requested() const override { return true; }
};

TEST_F(ExampleTableTest, AStopLeavesTheFileThatWasThere) {
  ASSERT_TRUE(Write({.limit = 5}));
  Stopped stopped;
  const Result<uint64_t> written = Write({}, {}, stopped);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kCancelled);
  size_t rows = 0;
  Read([&](const auto&, const Chunk&, size_t) { ++rows; });
  EXPECT_EQ(rows, 5u);
  EXPECT_FALSE(std::filesystem::exists(file_.string() + ".unfinished"));
}

}  // namespace
}  // namespace upnext::interchange
