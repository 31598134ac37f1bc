// Arrow streams made by hand, with a count of what was released. For tests only.
#ifndef UPNEXT_IMPORT_TEST_ARROW_H_
#define UPNEXT_IMPORT_TEST_ARROW_H_

#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/arrow_c.h"

namespace upnext::import {

struct TestArrowColumn {
  std::string name = {}, format = {};
  int64_t length = 0;
  std::vector<std::string> buffers = {};  // bytes; an empty first one: no validity
  int64_t offset = 0;
  std::vector<TestArrowColumn> children = {}, dictionary = {};
};

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <typename T>
TestArrowColumn ArrowNumbers(std::string name, std::string format, const std::vector<T>& values) {
  return {.name = std::move(name),
          .format = std::move(format),
          .length = static_cast<int64_t>(values.size()),
          .buffers = {"", BytesOf(values)}};
}

inline TestArrowColumn ArrowTexts(std::string name, const std::vector<std::string>& texts) {
  std::vector<int32_t> offsets = {0};
  std::string bytes;
  for (const std::string& text : texts) {
    bytes += text;
    offsets.push_back(static_cast<int32_t>(bytes.size()));
  }
  return {.name = std::move(name),
          .format = "u",
          .length = static_cast<int64_t>(texts.size()),
          .buffers = {"", BytesOf(offsets), bytes}};
}

// Hands out its batches, each a list of columns, as a stream. Must outlive what is made of it.
class TestArrowStream {
 public:
  explicit TestArrowStream(std::vector<std::vector<TestArrowColumn>> batches)
      : batches_(std::move(batches)) {
    stream_ = {.get_schema =
                   [](ArrowArrayStream* stream, ArrowSchema* out) {
                     auto* self = static_cast<TestArrowStream*>(stream->private_data);
                     self->FillSchema({.format = "+s", .children = self->batches_.at(0)}, out);
                     return 0;
                   },
               .get_next =
                   [](ArrowArrayStream* stream, ArrowArray* out) {
                     auto* self = static_cast<TestArrowStream*>(stream->private_data);
                     return self->Next(out);
                   },
               .get_last_error = [](ArrowArrayStream*) { return "the disk is gone"; },
               .release =
                   [](ArrowArrayStream* stream) {
                     ++static_cast<TestArrowStream*>(stream->private_data)->streams_released;
                     stream->release = nullptr;
                   },
               .private_data = this};
  }
  ArrowArrayStream* get() { return &stream_; }
  // After so many batches get_next fails.
  void FailAfter(size_t batches) { fail_after_ = batches; }

  int streams_released = 0, arrays_released = 0;

 private:
  int Next(ArrowArray* out) {
    if (next_ == fail_after_) return EIO;
    *out = {};
    if (next_ == batches_.size()) return 0;
    const std::vector<TestArrowColumn>& columns = batches_[next_++];
    FillArray({.format = "+s",
               .length = columns.empty() ? 0 : columns.front().length,
               .buffers = {""},
               .children = columns},
              out);
    out->private_data = this;
    out->release = [](ArrowArray* array) {
      ++static_cast<TestArrowStream*>(array->private_data)->arrays_released;
      array->release = nullptr;
    };
    return 0;
  }
  const char* Keep(const std::string& text) { return texts_.emplace_back(text).c_str(); }
  void FillSchema(const TestArrowColumn& column, ArrowSchema* out) {
    *out = {};
    out->format = Keep(column.format);
    out->name = Keep(column.name);
    out->release = [](ArrowSchema* schema) { schema->release = nullptr; };
    auto& pointers = schema_pointers_.emplace_back();
    for (const TestArrowColumn& child : column.children) {
      FillSchema(child, pointers.emplace_back(&schemas_.emplace_back()));
    }
    out->n_children = static_cast<int64_t>(pointers.size());
    out->children = pointers.data();
    if (column.dictionary.empty()) return;
    out->dictionary = &schemas_.emplace_back();
    FillSchema(column.dictionary[0], out->dictionary);
  }
  void FillArray(const TestArrowColumn& column, ArrowArray* out) {
    *out = {};
    out->length = column.length;
    out->offset = column.offset;
    out->null_count = -1;
    auto& buffers = buffer_pointers_.emplace_back();
    for (const std::string& bytes : column.buffers) {
      buffers.push_back(buffers.empty() && bytes.empty() ? nullptr : Aligned(bytes));
    }
    out->n_buffers = static_cast<int64_t>(buffers.size());
    out->buffers = buffers.data();
    auto& pointers = array_pointers_.emplace_back();
    for (const TestArrowColumn& child : column.children) {
      FillArray(child, pointers.emplace_back(&arrays_.emplace_back()));
    }
    out->n_children = static_cast<int64_t>(pointers.size());
    out->children = pointers.data();
    if (column.dictionary.empty()) return;
    out->dictionary = &arrays_.emplace_back();
    FillArray(column.dictionary[0], out->dictionary);
  }
  const void* Aligned(const std::string& bytes) {
    auto& words = memory_.emplace_back(bytes.size() / 16 + 1);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    return words.data();
  }

  struct alignas(16) Words {
    char bytes[16];
  };
  std::vector<std::vector<TestArrowColumn>> batches_;
  ArrowArrayStream stream_ = {};
  size_t next_ = 0, fail_after_ = SIZE_MAX;
  std::deque<std::string> texts_;
  std::deque<ArrowSchema> schemas_;
  std::deque<ArrowArray> arrays_;
  std::deque<std::vector<ArrowSchema*>> schema_pointers_;
  std::deque<std::vector<ArrowArray*>> array_pointers_;
  std::deque<std::vector<const void*>> buffer_pointers_;
  std::deque<std::vector<Words>> memory_;
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_TEST_ARROW_H_
