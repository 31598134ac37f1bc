#include "import/arrow_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace upnext::import {
namespace {

using Kind = ArrowType::Kind;

constexpr std::pair<std::string_view, Kind> kFormats[] = {
    {"n", Kind::kNull},     {"b", Kind::kBool},      {"c", Kind::kInt8},      {"C", Kind::kUint8},
    {"s", Kind::kInt16},    {"S", Kind::kUint16},    {"i", Kind::kInt32},     {"I", Kind::kUint32},
    {"l", Kind::kInt64},    {"L", Kind::kUint64},    {"f", Kind::kFloat},     {"g", Kind::kDouble},
    {"u", Kind::kText},     {"U", Kind::kLargeText}, {"vu", Kind::kTextView}, {"tdD", Kind::kDate},
    {"tdm", Kind::kDateMs}, {"+l", Kind::kList},     {"+L", Kind::kLargeList}};

constexpr std::pair<std::string_view, int64_t> kTimestamps[] = {
    {"tss:", 1}, {"tsm:", 1'000}, {"tsu:", 1'000'000}, {"tsn:", 1'000'000'000}};

bool ReadWhole(std::string_view& text, int64_t& value) {
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  text.remove_prefix(static_cast<size_t>(end - text.begin()));
  return error == std::errc();
}

// "d:12,2" or "d:12,2,128".
bool ReadDecimal(std::string_view text, ArrowType& type) {
  int64_t width = 0, scale = 0, bits = 128;
  if (!text.starts_with("d:")) return false;
  text.remove_prefix(2);
  if (!ReadWhole(text, width) || !text.starts_with(",")) return false;
  text.remove_prefix(1);
  if (!ReadWhole(text, scale)) return false;
  if (text.starts_with(",")) {
    text.remove_prefix(1);
    if (!ReadWhole(text, bits)) return false;
  }
  if (!text.empty() || bits != 128 || width < 1 || width > 38 || scale < 0 || scale > width) {
    return false;
  }
  type = {
      .kind = Kind::kDecimal, .width = static_cast<int>(width), .scale = static_cast<int>(scale)};
  return true;
}

bool IsIndex(Kind kind) { return kind >= Kind::kInt8 && kind <= Kind::kUint64; }

Result<ArrowType> ParsePlain(const ArrowSchema& schema) {
  const std::string_view format = schema.format == nullptr ? "" : schema.format;
  ArrowType type;
  const auto known = std::ranges::find(kFormats, format, &std::pair<std::string_view, Kind>::first);
  if (known != std::end(kFormats)) type.kind = known->second;
  for (const auto& [prefix, per_second] : kTimestamps) {
    if (!format.starts_with(prefix)) continue;
    return ArrowType{
        .kind = Kind::kTimestamp, .per_second = per_second, .zoned = format.size() > prefix.size()};
  }
  if (ReadDecimal(format, type)) return type;
  if (std::string_view rest = format; rest.starts_with("+w:")) {
    rest.remove_prefix(3);
    if (ReadWhole(rest, type.size) && rest.empty() && type.size >= 0) type.kind = Kind::kFixedList;
  }
  if (known == std::end(kFormats) && type.kind != Kind::kFixedList) {
    return InvalidArgument(
        "has the Arrow type '{}', which an import cannot read: expected numbers, texts, booleans, "
        "dates, timestamps, or lists of these; leave the column out or cast it",
        format);
  }
  if (type.kind == Kind::kList || type.kind == Kind::kLargeList || type.kind == Kind::kFixedList) {
    if (schema.n_children != 1) return InvalidArgument("is a list without a type of its values");
    UPNEXT_ASSIGN_OR_RETURN(ArrowType values, ArrowType::Parse(*schema.children[0]));
    if (!values.of.empty() && values.kind != Kind::kDictionary) {
      return InvalidArgument("is a list of lists, which an import cannot read");
    }
    type.of.push_back(std::move(values));
  }
  return type;
}

// Calls the release of a struct that was handed over, if it has any.
template <typename Struct>
void Release(Struct* one) {
  if (one->release != nullptr) one->release(one);
}

template <typename Struct>
struct Releaser {
  explicit Releaser(Struct* one) : one_(one) {}
  ~Releaser() { Release(one_); }
  Releaser(const Releaser&) = delete;
  Releaser& operator=(const Releaser&) = delete;

 private:
  Struct* one_;
};

std::string LastError(ArrowArrayStream* stream, int code) {
  const char* text = stream->get_last_error == nullptr ? nullptr : stream->get_last_error(stream);
  return text == nullptr ? std::string(std::strerror(code)) : text;
}

}  // namespace

Result<ArrowType> ArrowType::Parse(const ArrowSchema& schema) {
  UPNEXT_ASSIGN_OR_RETURN(ArrowType plain, ParsePlain(schema));
  if (schema.dictionary == nullptr) return plain;
  if (!IsIndex(plain.kind)) return InvalidArgument("is a dictionary whose indices are not whole");
  UPNEXT_ASSIGN_OR_RETURN(ArrowType values, ParsePlain(*schema.dictionary));
  if (!values.of.empty() || schema.dictionary->dictionary != nullptr) {
    return InvalidArgument("is a dictionary of lists, which an import cannot read");
  }
  ArrowType type{.kind = Kind::kDictionary, .index = plain.kind};
  type.of.push_back(std::move(values));
  return type;
}

ArrowTable::~ArrowTable() {
  for (ArrowArray& batch : batches_) Release(&batch);
}

Result<std::shared_ptr<const ArrowTable>> ArrowTable::Take(std::string name,
                                                           ArrowArrayStream* stream) {
  if (stream->release == nullptr) {
    return InvalidArgument("table {}: its stream was released already", name);
  }
  const Releaser stream_releaser(stream);
  if (name.empty() || name.contains('"') || name.contains('\0')) {
    return InvalidArgument("'{}' is no name of a table: expected a word, such as events", name);
  }
  std::shared_ptr<ArrowTable> table(new ArrowTable(std::move(name)));
  if (Status read = table->ReadAll(stream); !read) {
    return WithContext(std::move(read).error(), "table " + table->name_);
  }
  return table;
}

Status ArrowTable::ReadAll(ArrowArrayStream* stream) {
  ArrowSchema schema = {};
  if (const int code = stream->get_schema(stream, &schema); code != 0) {
    return InvalidArgument("its stream gives no schema: {}", LastError(stream, code));
  }
  const Releaser schema_releaser(&schema);
  if (schema.format == nullptr || std::string_view(schema.format) != "+s") {
    return InvalidArgument("expected a stream of record batches, found one of the type '{}'",
                           schema.format == nullptr ? "" : schema.format);
  }
  if (schema.n_children == 0) return InvalidArgument("it has no columns");
  for (int64_t i = 0; i < schema.n_children; ++i) {
    const ArrowSchema& child = *schema.children[i];
    const std::string column = child.name == nullptr ? "" : child.name;
    Result<ArrowType> type = ArrowType::Parse(child);
    if (!type) {
      return WithContext(std::move(type).error(), fmt::format("column '{}'", column));
    }
    fields_.push_back({column, *std::move(type)});
  }
  for (;;) {
    ArrowArray batch = {};
    if (const int code = stream->get_next(stream, &batch); code != 0) {
      return InvalidArgument("its stream fails after {} rows: {}", rows_, LastError(stream, code));
    }
    if (batch.release == nullptr) return Ok();
    batches_.push_back(batch);
    rows_ += static_cast<uint64_t>(batch.length);
    if (batch.n_children != static_cast<int64_t>(fields_.size())) {
      return InvalidArgument("its schema has {} columns, a batch {}", fields_.size(),
                             batch.n_children);
    }
  }
}

}  // namespace upnext::import
