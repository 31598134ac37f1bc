#include "api/arrow_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace upnext::api {
namespace {

template <typename T>
std::vector<T> ValuesOf(const ArrowArray& array, int buffer = 1) {
  const T* values = static_cast<const T*>(array.buffers[buffer]);
  return {values, values + array.length};
}

std::vector<std::string> TextsIn(const ArrowArray& array) {
  const auto* offsets = static_cast<const int32_t*>(array.buffers[1]);
  const auto* bytes = static_cast<const char*>(array.buffers[2]);
  std::vector<std::string> texts;
  for (int64_t i = 0; i < array.length; ++i)
    texts.emplace_back(bytes + offsets[i], bytes + offsets[i + 1]);
  return texts;
}

ArrowResult SomeTable() {
  static const float kVectors[] = {1, 2, 3, 4};
  ArrowResult table = {.name = "t", .rows = 2};
  table.columns.push_back(TextColumn("text", {"a", "longer"}));
  table.columns.push_back(DictionaryColumn("word", {1, 0}, {"x", "y"}));
  table.columns.push_back(Int32Column("rank", {7, 8}));
  table.columns.push_back(DoubleColumn("score", {.5, 1.5}));
  table.columns.push_back(VectorColumn("vector", 2, 2, kVectors, nullptr));
  return table;
}

TEST(ArrowExport, GivesAStructOfTheColumns) {
  ArrowSchema schema;
  ArrowArray array;
  ExportTable(SomeTable(), &schema, &array);
  EXPECT_STREQ(schema.format, "+s");
  ASSERT_EQ(schema.n_children, 5);
  ASSERT_EQ(array.n_children, 5);
  EXPECT_EQ(array.length, 2);
  EXPECT_EQ(array.n_buffers, 1);
  std::vector<std::string> formats, names;
  for (int i = 0; i < 5; ++i) {
    formats.emplace_back(schema.children[i]->format);
    names.emplace_back(schema.children[i]->name);
    EXPECT_EQ(array.children[i]->length, 2);
    EXPECT_EQ(array.children[i]->null_count, 0);
    EXPECT_EQ(array.children[i]->buffers[0], nullptr);
  }
  EXPECT_THAT(formats, testing::ElementsAre("u", "i", "i", "g", "+w:2"));
  EXPECT_THAT(names, testing::ElementsAre("text", "word", "rank", "score", "vector"));
  EXPECT_THAT(TextsIn(*array.children[0]), testing::ElementsAre("a", "longer"));
  EXPECT_THAT(ValuesOf<int32_t>(*array.children[1]), testing::ElementsAre(1, 0));
  EXPECT_STREQ(schema.children[1]->dictionary->format, "u");
  EXPECT_THAT(TextsIn(*array.children[1]->dictionary), testing::ElementsAre("x", "y"));
  EXPECT_THAT(ValuesOf<double>(*array.children[3]), testing::ElementsAre(.5, 1.5));
  const ArrowArray& floats = *array.children[4]->children[0];
  EXPECT_EQ(array.children[4]->n_buffers, 1);
  EXPECT_THAT(ValuesOf<float>(floats), testing::ElementsAre(1, 2, 3, 4));
  schema.release(&schema);
  array.release(&array);
  EXPECT_EQ(schema.release, nullptr);
  EXPECT_EQ(array.release, nullptr);
}

// A receiver may take a child out, which ends with a release of its own.
TEST(ArrowExport, AChildOutlivesItsParent) {
  ArrowSchema schema;
  ArrowArray array;
  ExportTable(SomeTable(), &schema, &array);
  ArrowArray word = *array.children[1];
  array.children[1]->release = nullptr;
  array.release(&array);
  schema.release(&schema);
  EXPECT_THAT(TextsIn(*word.dictionary), testing::ElementsAre("x", "y"));
  word.release(&word);
}

TEST(ArrowExport, MemoryIsHeldUntilTheLastRelease) {
  auto owner = std::make_shared<const std::vector<float>>(std::vector<float>{1, 2});
  const std::weak_ptr<const std::vector<float>> watched = owner;
  ArrowResult table = {.name = "t", .rows = 1};
  table.columns.push_back(VectorColumn("v", 1, 2, owner->data(), owner));
  ArrowSchema schemas[2];
  ArrowArray arrays[2];
  for (int i = 0; i < 2; ++i) ExportTable(table, &schemas[i], &arrays[i]);
  table = {};
  owner.reset();
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(watched.expired());
    schemas[i].release(&schemas[i]);
    arrays[i].release(&arrays[i]);
  }
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace upnext::api
