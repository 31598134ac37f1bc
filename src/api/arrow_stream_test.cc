#include "api/arrow_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/arrow_export.h"

namespace upnext::api {
namespace {

// A struct of a column of numbers and one of texts by their numbers, in the memory of a test.
struct Lent {
  Lent() {
    const auto set = [&](ArrowSchema& type, const char* format, const char* name,
                         ArrowArray& values, int64_t length, const void** of) {
      type.format = format;
      type.name = name;
      values.length = length;
      values.n_buffers = of == buffers ? 2 : 1;
      values.buffers = of;
    };
    set(types[0], "i", "a", arrays[0], 2, buffers);
    set(types[1], "i", "b", arrays[1], 2, buffers);
    set(types[2], "u", "", arrays[2], 0, no_buffers);
    set(schema, "+s", "", array, 2, no_buffers);
    types[0].flags = ARROW_FLAG_NULLABLE;
    types[1].dictionary = &types[2];
    arrays[1].dictionary = &arrays[2];
    schema.n_children = array.n_children = 2;
    schema.children = type_pointers;
    array.children = pointers;
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;

  int32_t numbers[2] = {5, 7};
  const void* buffers[2] = {nullptr, numbers};
  const void* no_buffers[1] = {nullptr};
  ArrowSchema types[3] = {}, schema = {};
  ArrowArray arrays[3] = {}, array = {};
  ArrowSchema* type_pointers[2] = {&types[0], &types[1]};
  ArrowArray* pointers[2] = {&arrays[0], &arrays[1]};
  int64_t in_use = -1;
};

TEST(ArrowStream, GivesItsBatchOnceAndItsSchemaEachTime) {
  Lent lent;
  LendArray(&lent.array, &lent.in_use);
  EXPECT_EQ(lent.in_use, 4);
  ArrowArrayStream stream;
  MakeStream(lent.schema, &lent.array, &stream);
  EXPECT_EQ(lent.array.release, nullptr) << "it was taken over";
  lent.schema = {};
  for (int i = 0; i < 2; ++i) {
    ArrowSchema schema;
    ASSERT_EQ(stream.get_schema(&stream, &schema), 0);
    EXPECT_EQ(std::string(schema.format), "+s");
    ASSERT_EQ(schema.n_children, 2);
    EXPECT_EQ(std::string(schema.children[0]->name), "a");
    EXPECT_EQ(schema.children[0]->flags, ARROW_FLAG_NULLABLE);
    EXPECT_EQ(std::string(schema.children[1]->dictionary->format), "u");
    schema.release(&schema);
  }
  ArrowArray array, end;
  ASSERT_EQ(stream.get_next(&stream, &array), 0);
  ASSERT_EQ(stream.get_next(&stream, &end), 0);
  EXPECT_EQ(end.release, nullptr);
  stream.release(&stream);
  EXPECT_EQ(stream.release, nullptr);
  EXPECT_EQ(lent.in_use, 4);
  EXPECT_EQ(array.children[0]->buffers[1], lent.numbers) << "nothing is copied";
  array.release(&array);
  EXPECT_EQ(lent.in_use, 0);
}

TEST(ArrowStream, FreesABatchThatNobodyTook) {
  Lent lent;
  LendArray(&lent.array, &lent.in_use);
  ArrowArrayStream stream;
  MakeStream(lent.schema, &lent.array, &stream);
  stream.release(&stream);
  EXPECT_EQ(lent.in_use, 0);
}

TEST(ArrowStream, AChildThatWasTakenOutKeepsTheMemory) {
  Lent lent;
  LendArray(&lent.array, &lent.in_use);
  ArrowArray child = *lent.array.children[1];
  lent.array.children[1]->release = nullptr;
  lent.array.release(&lent.array);
  EXPECT_EQ(lent.in_use, 2) << "the child and its dictionary";
  child.release(&child);
  EXPECT_EQ(lent.in_use, 0);
}

}  // namespace
}  // namespace upnext::api
