#include "retrieval/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/rng.h"
#include "base/section_file.h"
#include "retrieval/index_file.h"

namespace upnext::retrieval {
namespace {

using testing::HasSubstr;

// Vectors as training leaves them and worse: directions at random, lengths over a factor of 100.
nn::EmbeddingTable SkewedVectors(size_t rows, size_t dim, uint64_t seed = 1) {
  base::Rng rng(seed);
  nn::EmbeddingTable table({.rows = rows, .dim = dim}, rng);
  std::vector<float> vector(dim);
  for (uint32_t row = 1; row < rows; ++row) {
    const double length = std::pow(10.0, 2.0 * rng.Uniform() - 1.0);
    for (float& x : vector) x = static_cast<float>(rng.Normal() * length);
    table.SetRow(row, vector);
  }
  return table;
}

std::vector<float> RandomQuery(size_t dim, base::Rng& rng) {
  std::vector<float> query(dim);
  for (float& x : query) x = std::max(0.0f, static_cast<float>(rng.Normal()));  // as after a ReLU
  return query;
}

// The definition, in double.
std::vector<uint32_t> BruteForce(const nn::EmbeddingTable& vectors, std::span<const float> query,
                                 size_t n, const Index::Skip& skip = {}) {
  std::vector<std::pair<double, uint32_t>> all;
  for (uint32_t row = 1; row < vectors.rows(); ++row) {
    if (skip && skip(row)) continue;
    double score = 0;
    for (size_t d = 0; d < query.size(); ++d) score += double{query[d]} * vectors.Row(row)[d];
    all.emplace_back(-score, row);
  }
  std::ranges::sort(all);
  std::vector<uint32_t> rows;
  for (size_t i = 0; i < std::min(n, all.size()); ++i) rows.push_back(all[i].second);
  return rows;
}

std::vector<uint32_t> Rows(const std::vector<Hit>& hits) {
  std::vector<uint32_t> rows;
  for (const Hit& hit : hits) rows.push_back(hit.row);
  return rows;
}

std::unique_ptr<Index> Build(const nn::EmbeddingTable& vectors, IndexOptions options,
                             std::span<const float> queries = {}) {
  base::ThreadPool pool(2);
  auto index = BuildIndex(options, vectors, queries, pool, base::NoProgress());
  EXPECT_TRUE(index) << index.error().message;
  return index ? std::move(*index) : nullptr;
}

class IndexFile : public testing::Test {
 protected:
  IndexFile() {
    std::string name = (std::filesystem::temp_directory_path() / "upnext-index-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    path_ = directory_ / "index";
  }
  ~IndexFile() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_, path_;
};

TEST(ExactIndex, SV01_EqualsBruteForceBestFirst) {
  const nn::EmbeddingTable vectors = SkewedVectors(700, 24);
  const auto index = Build(vectors, {.kind = IndexOptions::Kind::kExact});
  base::Rng rng(3);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = RandomQuery(24, rng);
    std::vector<Hit> hits;
    index->Search(query, 50, {}, &hits);
    EXPECT_EQ(Rows(hits), BruteForce(vectors, query, 50));
  }
}

TEST(ExactIndex, TiesGoToTheSmallerRowAndRowZeroIsNeverFound) {
  base::Rng rng(1);
  nn::EmbeddingTable vectors({.rows = 6, .dim = 2}, rng);
  for (uint32_t row = 1; row < 6; ++row) vectors.SetRow(row, std::vector<float>{-1.0f, 0.0f});
  const auto index = Build(vectors, {});
  std::vector<Hit> hits;
  index->Search(std::vector<float>{1.0f, 0.0f}, 3, {}, &hits);
  EXPECT_EQ(Rows(hits), (std::vector<uint32_t>{1, 2, 3}));
  index->Search(std::vector<float>{1.0f, 0.0f}, 30, {}, &hits);
  EXPECT_EQ(Rows(hits), (std::vector<uint32_t>{1, 2, 3, 4, 5}));
}

TEST(ExactIndex, ABatchAnswersAsOneByOne) {
  const nn::EmbeddingTable vectors = SkewedVectors(5000, 16);
  const auto index = Build(vectors, {.kind = IndexOptions::Kind::kExact});
  base::Rng rng(4);
  std::vector<float> queries;
  for (int q = 0; q < 75; ++q) {
    const std::vector<float> query = RandomQuery(16, rng);
    queries.insert(queries.end(), query.begin(), query.end());
  }
  const auto skip = [](size_t query, uint32_t row) { return (row + query) % 3 == 0; };
  base::ThreadPool pool(2);
  std::vector<std::vector<Hit>> batch;
  index->SearchBatch(queries, 20, skip, pool, &batch);
  ASSERT_EQ(batch.size(), 75u);
  for (size_t q = 0; q < 75; ++q) {
    std::vector<Hit> hits;
    index->Search(
        std::span(queries).subspan(q * 16, 16), 20, [&](uint32_t row) { return skip(q, row); },
        &hits);
    ASSERT_EQ(Rows(batch[q]), Rows(hits)) << q;
    for (size_t i = 0; i < hits.size(); ++i) EXPECT_NEAR(batch[q][i].score, hits[i].score, 1e-3);
  }
}

TEST(GraphIndex, SV01_FindsTheLargestInnerProductsWhateverTheNorms) {
  const nn::EmbeddingTable vectors = SkewedVectors(8000, 32);
  const auto graph = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  base::Rng rng(5);
  double found = 0, wanted = 0;
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> query = RandomQuery(32, rng);
    const std::vector<uint32_t> best = BruteForce(vectors, query, 100);
    std::vector<Hit> hits;
    graph->Search(query, 100, {}, &hits);
    ASSERT_EQ(hits.size(), 100u);
    const std::vector<uint32_t> rows = Rows(hits);
    const std::set<uint32_t> answer(rows.begin(), rows.end());
    EXPECT_EQ(answer.size(), 100u);
    for (const uint32_t row : best) found += answer.contains(row) ? 1 : 0;
    wanted += 100;
  }
  EXPECT_GE(found / wanted, 0.95);
}

// Vectors as hard as they come for a graph: noise without any structure. A fixed effort falls short
// of what is asked for; the one that is measured on queries holds it on others.
TEST(GraphIndex, SV01_TheEffortIsChosenByTheRecallThatQueriesMeasure) {
  constexpr size_t kDim = 48;
  const nn::EmbeddingTable vectors = SkewedVectors(20'000, kDim);
  base::Rng rng(12);
  const auto draw = [&](size_t count) {
    std::vector<float> queries;
    for (size_t q = 0; q < count; ++q) {
      const std::vector<float> query = RandomQuery(kDim, rng);
      queries.insert(queries.end(), query.begin(), query.end());
    }
    return queries;
  };
  const std::vector<float> measured_on = draw(200), others = draw(100);
  const auto recall = [&](const Index& index) {
    double found = 0;
    for (size_t q = 0; q < 100; ++q) {
      const std::span<const float> query = std::span(others).subspan(q * kDim, kDim);
      std::vector<uint32_t> best = BruteForce(vectors, query, 100);
      std::ranges::sort(best);
      std::vector<Hit> hits;
      index.Search(query, 100, {}, &hits);
      for (const Hit& hit : hits) found += std::ranges::binary_search(best, hit.row) ? 1 : 0;
    }
    return found / 1e4;
  };
  const auto of = [&](double target) {
    return Build(vectors,
                 {.kind = IndexOptions::Kind::kGraph,
                  .graph_degree = 6,
                  .graph_build_effort = 40,
                  .graph_recall = target},
                 measured_on);
  };
  const auto low = of(0.5), high = of(0.97);
  EXPECT_LT(recall(*low), 0.95) << low->Describe();
  EXPECT_GE(recall(*high), 0.96) << high->Describe();
  EXPECT_THAT(high->Describe(), HasSubstr("recall@100 0.9"));
}

TEST(GraphIndex, SV01_AFixedEffortIsMeasuredAndKept) {
  const nn::EmbeddingTable vectors = SkewedVectors(3000, 16);
  base::Rng rng(13);
  std::vector<float> queries;
  for (int q = 0; q < 50; ++q) {
    const std::vector<float> query = RandomQuery(16, rng);
    queries.insert(queries.end(), query.begin(), query.end());
  }
  IndexOptions options{.kind = IndexOptions::Kind::kGraph, .graph_search_effort = 170};
  EXPECT_THAT(Build(vectors, options)->Describe(), testing::EndsWith("search effort 170"));
  EXPECT_THAT(Build(vectors, options, queries)->Describe(),
              HasSubstr("search effort 170, recall@100 "));
}

class Notes : public base::Progress {
 public:
  explicit Notes(bool stop = false) : stop_(stop) {}
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { lines += line; }
  bool stop_requested() const override { return stop_; }
  std::string lines;

 private:
  bool stop_;
};

// More than all cannot be found: the widest beam is kept, and it is said.
TEST(GraphIndex, SV01_ARecallThatCannotBeReachedIsSaid) {
  const nn::EmbeddingTable vectors = SkewedVectors(3000, 16);
  base::Rng rng(14);
  const std::vector<float> query = RandomQuery(16, rng);
  base::ThreadPool pool(2);
  Notes notes;
  const auto index = BuildIndex({.kind = IndexOptions::Kind::kGraph, .graph_recall = 1.5}, vectors,
                                query, pool, notes);
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_THAT((*index)->Describe(), HasSubstr("search effort 5743"));
  EXPECT_THAT(notes.lines, HasSubstr("less than graph_recall = 1.5 asks for"));
  Notes stopped(/*stop=*/true);
  const auto cancelled =
      BuildIndex({.kind = IndexOptions::Kind::kGraph}, vectors, query, pool, stopped);
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, Code::kCancelled);
}

TEST(GraphIndex, SkippedRowsDoNotShrinkTheAnswer) {
  const nn::EmbeddingTable vectors = SkewedVectors(3000, 16);
  const auto graph = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  base::Rng rng(6);
  double found = 0, wanted = 0;
  for (int i = 0; i < 10; ++i) {
    const std::vector<float> query = RandomQuery(16, rng);
    // What a user has watched, which is mostly what fits best, and a third of all the rest.
    const std::vector<uint32_t> best = BruteForce(vectors, query, 50);
    const std::set<uint32_t> watched(best.begin(), best.end());
    const auto skip = [&](uint32_t row) { return watched.contains(row) || row % 3 == 0; };
    std::vector<Hit> hits;
    graph->Search(query, 100, skip, &hits);
    ASSERT_EQ(hits.size(), 100u);
    const std::vector<uint32_t> expected = BruteForce(vectors, query, 100, skip);
    for (const uint32_t row : Rows(hits)) {
      EXPECT_FALSE(skip(row));
      found += std::ranges::count(expected, row) > 0 ? 1 : 0;
    }
    wanted += 100;
  }
  EXPECT_GE(found / wanted, 0.95);
}

TEST(GraphIndex, ReturnsEverythingWhenAskedForMoreThanThereIs) {
  const nn::EmbeddingTable vectors = SkewedVectors(300, 8);
  const auto graph = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  base::Rng rng(7);
  const std::vector<float> query = RandomQuery(8, rng);
  std::vector<Hit> hits;
  graph->Search(query, 1000, {}, &hits);
  EXPECT_EQ(Rows(hits), BruteForce(vectors, query, 1000));
  graph->Search(query, 1000, [](uint32_t row) { return row != 17; }, &hits);
  EXPECT_EQ(Rows(hits), (std::vector<uint32_t>{17}));
}

TEST(GraphIndex, TwoBuildsFromOneSeedAnswerAlike) {
  const nn::EmbeddingTable vectors = SkewedVectors(2000, 16);
  const IndexOptions options{.kind = IndexOptions::Kind::kGraph, .graph_search_effort = 10};
  const auto one = Build(vectors, options), two = Build(vectors, options);
  base::Rng rng(8);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = RandomQuery(16, rng);
    std::vector<Hit> hits_one, hits_two;
    one->Search(query, 10, {}, &hits_one);
    two->Search(query, 10, {}, &hits_two);
    EXPECT_EQ(hits_one, hits_two);
  }
}

TEST(BuildIndex, ChoosesTheGraphAboveTheThreshold) {
  const nn::EmbeddingTable vectors = SkewedVectors(1201, 4);
  EXPECT_EQ(Build(vectors, {.exact_below = 1200})->Describe(), "exact scan of 1,200 vectors");
  EXPECT_THAT(Build(vectors, {.exact_below = 1199})->Describe(),
              HasSubstr("graph over 1,200 vectors"));
}

TEST(BuildIndex, RefusesVectorsThatAreNotNumbers) {
  nn::EmbeddingTable vectors = SkewedVectors(10, 2);
  vectors.SetRow(3, std::vector<float>{1.0f, std::nanf("")});
  base::ThreadPool pool(1);
  const auto index =
      BuildIndex({.kind = IndexOptions::Kind::kGraph}, vectors, {}, pool, base::NoProgress());
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code, Code::kInvalidArgument);
}

TEST_F(IndexFile, AGraphReadBackAnswersAlike) {
  const nn::EmbeddingTable vectors = SkewedVectors(2000, 16);
  const auto built = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  ASSERT_TRUE(built->Save(path_));
  const auto loaded = LoadIndex(path_, vectors);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->Describe(), built->Describe());
  base::Rng rng(9);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = RandomQuery(16, rng);
    std::vector<Hit> expected, hits;
    built->Search(query, 30, {}, &expected);
    (*loaded)->Search(query, 30, {}, &hits);
    EXPECT_EQ(hits, expected);
  }
}

TEST_F(IndexFile, SV03_IsRefusedWithOtherVectors) {
  for (const auto kind : {IndexOptions::Kind::kExact, IndexOptions::Kind::kGraph}) {
    nn::EmbeddingTable vectors = SkewedVectors(200, 4);
    ASSERT_TRUE(Build(vectors, {.kind = kind})->Save(path_));
    EXPECT_TRUE(LoadIndex(path_, vectors));
    vectors.SetRow(100, std::vector<float>{1, 2, 3, 4});
    const auto loaded = LoadIndex(path_, vectors);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(loaded.error().message, HasSubstr("build the index again"));
  }
}

TEST_F(IndexFile, AFlippedByteAnywhereIsFound) {
  const nn::EmbeddingTable vectors = SkewedVectors(60, 4);
  ASSERT_TRUE(Build(vectors, {.kind = IndexOptions::Kind::kGraph})->Save(path_));
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  size_t flipped = 0, found = 0;
  for (size_t at = 0; at < bytes.size(); at += 97, ++flipped) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    std::ofstream(path_, std::ios::binary) << damaged;
    // Padding between sections is nobody's; anything else is somebody's.
    const auto loaded = LoadIndex(path_, vectors);
    if (loaded) continue;
    ++found;
    EXPECT_THAT(loaded.error().message, HasSubstr(path_.string()));
  }
  EXPECT_GE(found, flipped - flipped / 20);
}

// A file that is whole but wrong: its links would lead out of the table.
TEST_F(IndexFile, LinksOutOfBoundsAreRefused) {
  const nn::EmbeddingTable vectors = SkewedVectors(4, 2);
  const auto write = [&](std::vector<uint32_t> graph, std::vector<uint32_t> base,
                         std::vector<uint32_t> upper, std::vector<uint32_t> upper_begin) {
    auto writer = CreateIndexFile(path_, kGraphKind, VectorsDigest(vectors));
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->Add<uint32_t>("graph", graph));
    ASSERT_TRUE(writer->Add<float>("recall", std::vector<float>{1.0f}));
    ASSERT_TRUE(writer->Add<uint32_t>("base", base));
    ASSERT_TRUE(writer->Add<uint32_t>("upper", upper));
    ASSERT_TRUE(writer->Add<uint32_t>("upper_begin", upper_begin));
    ASSERT_TRUE(writer->Commit());
  };
  const std::vector<uint32_t> base = {0, 0, 0, 0, 0,  //
                                      1, 2, 0, 0, 0,  //
                                      2, 1, 3, 0, 0,  //
                                      1, 2, 0, 0, 0};
  write({2, 10, 1}, base, {}, {0, 0, 0, 0, 0});
  EXPECT_TRUE(LoadIndex(path_, vectors));
  const auto refused = [&] {
    const auto loaded = LoadIndex(path_, vectors);
    return !loaded && loaded.error().code == Code::kDataLoss;
  };
  std::vector<uint32_t> wrong = base;
  wrong[6] = 4;  // no such row
  write({2, 10, 1}, wrong, {}, {0, 0, 0, 0, 0});
  EXPECT_TRUE(refused());
  wrong = base;
  wrong[5] = 5;  // longer than a list can be
  write({2, 10, 1}, wrong, {}, {0, 0, 0, 0, 0});
  EXPECT_TRUE(refused());
  write({2, 10, 4}, base, {}, {0, 0, 0, 0, 0});  // no such entry
  EXPECT_TRUE(refused());
  write({2, 4'000'000'000, 1}, base, {}, {0, 0, 0, 0, 0});  // a search that would never end
  EXPECT_TRUE(refused());
  write({2, 10, 1}, base, {1, 2, 0}, {0, 0, 1, 1, 1});  // row 2 has no upper list
  EXPECT_TRUE(refused());
  write({2, 10, 1}, base, {}, {0, 0, 1, 1, 1});  // a list that is not there
  EXPECT_TRUE(refused());
}

TEST(IndexOptions, ReadsItsTable) {
  const auto config = base::Config::Parse(
      "[retrieval.index]\nkind = \"graph\"\ngraph_degree = 24\nexact_below = 7\n"
      "graph_search_effort = 70\ngraph_recall = 0.8\n",
      "test");
  ASSERT_TRUE(config);
  const IndexOptions options = IndexOptions::FromConfig(config->Table("retrieval").Table("index"));
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(options.kind, IndexOptions::Kind::kGraph);
  EXPECT_EQ(options.graph_degree, 24u);
  EXPECT_EQ(options.exact_below, 7u);
  EXPECT_EQ(options.graph_search_effort, 70u);
  EXPECT_DOUBLE_EQ(options.graph_recall, 0.8);
}

}  // namespace
}  // namespace upnext::retrieval
