#include "ann/index_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "ann/test_vectors.h"
#include "base/test_folder.h"

namespace upnext::ann {
namespace {

using testing::HasSubstr;

class IndexFile : public testing::Test {
 protected:
  const base::TestFolder folder_;
  const std::filesystem::path path_ = folder_ / "index";
};

TEST_F(IndexFile, AGraphReadBackAnswersAlike) {
  const TestVectors vectors = SkewedVectors(2000, 16);
  const auto built = Build(vectors, {.kind = IndexOptions::Kind::kGraph});
  ASSERT_TRUE(built->Save(path_));
  const auto loaded = LoadIndex(path_, vectors);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->Describe(), built->Describe());
  base::Rng rng(9);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> query = RandomQueries(1, 16, rng);
    EXPECT_EQ(Search(**loaded, query, 30), Search(*built, query, 30));
  }
}

TEST_F(IndexFile, SV03_IsRefusedWithOtherVectors) {
  for (const auto kind : {IndexOptions::Kind::kExact, IndexOptions::Kind::kGraph}) {
    TestVectors vectors = SkewedVectors(200, 4);
    ASSERT_TRUE(Build(vectors, {.kind = kind})->Save(path_));
    EXPECT_TRUE(LoadIndex(path_, vectors));
    vectors.values[4 * 100] += 1;
    const auto loaded = LoadIndex(path_, vectors);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(loaded.error().message, HasSubstr("build the index again"));
  }
}

TEST_F(IndexFile, AnOlderVersionIsRefusedWithAdvice) {
  auto writer = base::SectionWriter::Create(path_, kIndexFileKind, kIndexFileVersion - 1);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->Commit());
  const auto loaded = LoadIndex(path_, SkewedVectors(3, 2));
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kDataLoss);
  EXPECT_THAT(loaded.error().message, HasSubstr("expected version 3"));
  EXPECT_THAT(loaded.error().message, HasSubstr("create the file again"));
}

TEST_F(IndexFile, AFlippedByteAnywhereIsFound) {
  const TestVectors vectors = SkewedVectors(60, 4);
  ASSERT_TRUE(Build(vectors, {.kind = IndexOptions::Kind::kGraph})->Save(path_));
  std::ifstream in(path_, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  size_t flipped = 0, found = 0;
  for (size_t at = 0; at < bytes.size(); at += 97, ++flipped) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    std::ofstream(path_, std::ios::binary) << damaged;
    // Padding between sections has no checksum; everything else has.
    const auto loaded = LoadIndex(path_, vectors);
    if (loaded) continue;
    ++found;
    EXPECT_THAT(loaded.error().message, HasSubstr(path_.string()));
  }
  EXPECT_GE(found, flipped - flipped / 20);
}

// A file that is whole but wrong: its links would lead out of the table.
TEST_F(IndexFile, LinksOutOfBoundsAreRefused) {
  const TestVectors vectors = SkewedVectors(3, 2);
  const auto write = [&](const std::vector<uint32_t>& graph, const std::vector<uint32_t>& base,
                         const std::vector<uint32_t>& upper,
                         const std::vector<uint32_t>& upper_begin) {
    auto writer = CreateIndexFile(path_, kGraphKind, vectors);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->Add<uint32_t>("graph", graph));
    ASSERT_TRUE(writer->Add<float>("recall", std::vector<float>{1.0f}));
    ASSERT_TRUE(writer->Add<uint32_t>("base", base));
    ASSERT_TRUE(writer->Add<uint32_t>("upper", upper));
    ASSERT_TRUE(writer->Add<uint32_t>("upper_begin", upper_begin));
    ASSERT_TRUE(writer->Commit());
  };
  const std::vector<uint32_t> base = {1, 1, 0, 0, 0,  //
                                      2, 0, 2, 0, 0,  //
                                      1, 1, 0, 0, 0};
  write({2, 10, 0}, base, {}, {0, 0, 0, 0});
  EXPECT_TRUE(LoadIndex(path_, vectors));
  const auto refused = [&] {
    const auto loaded = LoadIndex(path_, vectors);
    return !loaded && loaded.error().code == Code::kDataLoss;
  };
  std::vector<uint32_t> wrong = base;
  wrong[1] = 3;  // no such row
  write({2, 10, 0}, wrong, {}, {0, 0, 0, 0});
  EXPECT_TRUE(refused());
  wrong = base;
  wrong[0] = 5;  // longer than a list can be
  write({2, 10, 0}, wrong, {}, {0, 0, 0, 0});
  EXPECT_TRUE(refused());
  write({2, 10, 3}, base, {}, {0, 0, 0, 0});  // no such entry
  EXPECT_TRUE(refused());
  write({2, 4'000'000'000, 0}, base, {}, {0, 0, 0, 0});  // a search that would never end
  EXPECT_TRUE(refused());
  write({2, 10, 0}, base, {1, 1, 0}, {0, 1, 1, 1});  // row 1 has no upper list
  EXPECT_TRUE(refused());
  write({2, 10, 0}, base, {}, {0, 1, 1, 1});  // a list that is not there
  EXPECT_TRUE(refused());
}

}  // namespace
}  // namespace upnext::ann
