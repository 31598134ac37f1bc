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
  EXPECT_THAT(loaded.error().message, HasSubstr("expected version 4"));
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
  constexpr uint32_t kNone = UINT32_MAX;
  const auto write = [&](const std::vector<uint32_t>& graph, const std::vector<uint32_t>& links,
                         const std::vector<uint32_t>& entries) {
    auto writer = CreateIndexFile(path_, kGraphKind, vectors);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->Add<uint32_t>("graph", graph));
    ASSERT_TRUE(writer->Add<float>("quality", std::vector<float>{1.0f, 1.0f}));
    ASSERT_TRUE(writer->Add<uint32_t>("links", links));
    ASSERT_TRUE(writer->Add<uint32_t>("entries", entries));
    ASSERT_TRUE(writer->Commit());
  };
  const std::vector<uint32_t> header = {2, 10, 10, 0, 0}, links = {1, kNone, 0, 2, 1, kNone};
  write(header, links, {0});
  EXPECT_TRUE(LoadIndex(path_, vectors));
  const auto refused = [&] {
    const auto loaded = LoadIndex(path_, vectors);
    return !loaded && loaded.error().code == Code::kDataLoss;
  };
  write(header, {3, kNone, 0, 2, 1, kNone}, {0});  // no such row
  EXPECT_TRUE(refused());
  write(header, {kNone, 1, 0, 2, 1, kNone}, {0});  // a link after the last
  EXPECT_TRUE(refused());
  write(header, {1, kNone, 0, 2}, {0});  // a list is missing
  EXPECT_TRUE(refused());
  write(header, links, {3});  // no such entry
  EXPECT_TRUE(refused());
  write({2, 4'000'000'000, 10, 0, 0}, links, {0});  // a search that would never end
  EXPECT_TRUE(refused());
  write({2, 10, 0, 0, 0}, links, {0});  // a measure of nothing
  EXPECT_TRUE(refused());
}

}  // namespace
}  // namespace upnext::ann
