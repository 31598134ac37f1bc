#include "api/arrow_export.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>
#include <utility>

namespace upnext::api {
namespace {

// What a struct of Arrow needs to stay alive. Each has its own, since a receiver may take a child out and release the
// parent.
struct SchemaParts {
  std::string format, name;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> pointers;
  ArrowSchema dictionary = {};
};
struct ArrayParts {
  std::shared_ptr<const void> owner;
  std::vector<const void*> buffers;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> pointers;
  ArrowArray dictionary = {};
};

template <typename Struct, typename Parts>
void ReleaseStruct(Struct* one) {
  for (int64_t i = 0; i < one->n_children; ++i) {
    if (one->children[i]->release != nullptr) one->children[i]->release(one->children[i]);
  }
  if (one->dictionary != nullptr && one->dictionary->release != nullptr) {
    one->dictionary->release(one->dictionary);
  }
  delete static_cast<Parts*>(one->private_data);
  one->release = nullptr;
}

// Frees what was made of a struct when a later part of it fails.
template <typename Struct>
struct Unfinished {
  explicit Unfinished(Struct* one) : one_(one) {}
  ~Unfinished() {
    if (one_ != nullptr && one_->release != nullptr) one_->release(one_);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  void Finish() { one_ = nullptr; }

 private:
  Struct* one_;
};

template <typename Struct, typename Parts, typename Fill>
void MakeStruct(const ArrowColumn& column, Struct* out, const Fill& fill) {
  auto parts = std::make_unique<Parts>();
  parts->children.resize(column.children.size());
  for (Struct& child : parts->children) parts->pointers.push_back(&child);
  *out = {};
  fill(*parts, out);
  Parts& kept = *parts;
  out->private_data = parts.release();
  out->release = ReleaseStruct<Struct, Parts>;
  Unfinished unfinished(out);
  // Children that are not made yet have no release.
  out->n_children = static_cast<int64_t>(kept.children.size());
  out->children = kept.pointers.data();
  for (size_t i = 0; i < kept.children.size(); ++i) {
    MakeStruct<Struct, Parts>(column.children[i], &kept.children[i], fill.Of(column.children[i]));
  }
  if (column.dictionary != nullptr) {
    out->dictionary = &kept.dictionary;
    MakeStruct<Struct, Parts>(*column.dictionary, &kept.dictionary, fill.Of(*column.dictionary));
  }
  unfinished.Finish();
}

struct FillSchema {
  const ArrowColumn& column;
  FillSchema Of(const ArrowColumn& other) const { return {other}; }
  void operator()(SchemaParts& parts, ArrowSchema* out) const {
    parts.format = column.format;
    parts.name = column.name;
    out->format = parts.format.c_str();
    out->name = parts.name.c_str();
    out->flags = column.flags;
  }
};

struct FillArray {
  const ArrowColumn& column;
  FillArray Of(const ArrowColumn& other) const { return {other}; }
  void operator()(ArrayParts& parts, ArrowArray* out) const {
    parts.owner = column.owner;
    parts.buffers.push_back(nullptr);  // no value is null
    parts.buffers.insert(parts.buffers.end(), column.buffers.begin(), column.buffers.end());
    out->length = column.length;
    out->n_buffers = static_cast<int64_t>(parts.buffers.size());
    out->buffers = parts.buffers.data();
  }
};

// Offsets and bytes of texts.
template <typename Offset>
ArrowColumn TextsOf(const std::string& name, const char* format,
                    const std::vector<std::string>& texts, size_t bytes) {
  struct Texts {
    std::vector<Offset> offsets;
    std::string bytes;
  };
  auto made = std::make_shared<Texts>();
  made->offsets.reserve(texts.size() + 1);
  made->bytes.reserve(bytes);
  made->offsets.push_back(0);
  for (const std::string& text : texts) {
    made->bytes += text;
    made->offsets.push_back(static_cast<Offset>(made->bytes.size()));
  }
  return {.name = name,
          .format = format,
          .length = static_cast<int64_t>(texts.size()),
          .buffers = {made->offsets.data(), made->bytes.data()},
          .owner = made};
}

template <typename T>
ArrowColumn NumbersOf(const std::string& name, const char* format, std::vector<T> values) {
  const auto kept = std::make_shared<const std::vector<T>>(std::move(values));
  return {.name = name,
          .format = format,
          .length = static_cast<int64_t>(kept->size()),
          .buffers = {kept->data()},
          .owner = kept};
}

}  // namespace

ArrowColumn TextColumn(const std::string& name, const std::vector<std::string>& texts) {
  size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  return bytes <= std::numeric_limits<int32_t>::max() ? TextsOf<int32_t>(name, "u", texts, bytes)
                                                      : TextsOf<int64_t>(name, "U", texts, bytes);
}

ArrowColumn Int32Column(const std::string& name, std::vector<int32_t> values) {
  return NumbersOf(name, "i", std::move(values));
}

ArrowColumn DoubleColumn(const std::string& name, std::vector<double> values) {
  return NumbersOf(name, "g", std::move(values));
}

ArrowColumn DictionaryColumn(const std::string& name, std::vector<int32_t> numbers,
                             const std::vector<std::string>& texts) {
  ArrowColumn column = Int32Column(name, std::move(numbers));
  column.dictionary = std::make_shared<const ArrowColumn>(TextColumn("", texts));
  return column;
}

ArrowColumn VectorColumn(std::string name, int64_t rows, size_t width, const float* values,
                         std::shared_ptr<const void> owner) {
  ArrowColumn floats = {.name = "item",
                        .format = "f",
                        .length = rows * static_cast<int64_t>(width),
                        .buffers = {values},
                        .owner = std::move(owner)};
  return {.name = std::move(name),
          .format = fmt::format("+w:{}", width),
          .length = rows,
          .children = {std::move(floats)}};
}

void ExportSchema(const ArrowColumn& column, ArrowSchema* schema) {
  ArrowSchema made = {};
  MakeStruct<ArrowSchema, SchemaParts>(column, &made, FillSchema{column});
  *schema = made;
}

void ExportTable(const ArrowResult& table, ArrowSchema* schema, ArrowArray* array) {
  const ArrowColumn all = {
      .name = table.name, .format = "+s", .length = table.rows, .children = table.columns};
  ArrowSchema made_schema = {};
  ExportSchema(all, &made_schema);
  Unfinished unfinished(&made_schema);
  ArrowArray made_array = {};
  MakeStruct<ArrowArray, ArrayParts>(all, &made_array, FillArray{all});
  unfinished.Finish();
  *schema = made_schema;
  *array = made_array;
}

}  // namespace upnext::api
