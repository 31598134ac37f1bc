#include "base/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "base/file.h"

namespace upnext::base {
namespace {

constexpr std::string_view kNpyMagic = "\x93NUMPY";

// What the header says: a literal of a Python dictionary of three keys, in any order.
struct NpyHeader {
  std::string type;  // '<f4'
  std::optional<bool> by_columns;
  std::optional<std::vector<uint64_t>> shape;
};

class NpyHeaderReader {
 public:
  explicit NpyHeaderReader(std::string_view text) : text_(text) {}

  // None where it is no such dictionary.
  std::optional<NpyHeader> Read() {
    NpyHeader header;
    if (!Take("{")) return std::nullopt;
    while (!Take("}")) {
      std::string key;
      if (!TakeText(&key) || !Take(":") || !TakeValue(key, &header)) return std::nullopt;
      if (Take("}")) break;
      if (!Take(",")) return std::nullopt;
    }
    SkipSpace();
    const bool complete = !header.type.empty() && header.by_columns && header.shape;
    return complete && text_.empty() ? std::optional(std::move(header)) : std::nullopt;
  }

 private:
  void SkipSpace() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n"), text_.size())); }
  bool Take(std::string_view word) {
    SkipSpace();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  bool TakeText(std::string* text) {
    const char* const quote = Take("'") ? "'" : Take("\"") ? "\"" : nullptr;
    const size_t end = quote == nullptr ? std::string_view::npos : text_.find(quote);
    if (end == std::string_view::npos) return false;
    *text = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return true;
  }
  bool TakeCount(uint64_t* count) {
    SkipSpace();
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), *count);
    if (error != std::errc()) return false;
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return true;
  }
  bool TakeShape(std::vector<uint64_t>* shape) {
    if (!Take("(")) return false;
    while (!Take(")")) {
      if (!TakeCount(&shape->emplace_back())) return false;
      if (Take(")")) return true;
      if (!Take(",")) return false;
    }
    return true;
  }
  bool TakeValue(std::string_view key, NpyHeader* header) {
    if (key == "descr") return TakeText(&header->type);
    if (key == "shape") return TakeShape(&header->shape.emplace());
    if (key != "fortran_order") return false;
    header->by_columns = Take("True");
    return *header->by_columns || Take("False");
  }

  std::string_view text_;
};

// As in messages; the text is anyone's.
std::string TypeText(std::string_view type) {
  const bool plain =
      type.size() <= 16 && std::ranges::all_of(type, [](char c) { return c > ' ' && c <= '~'; });
  return plain ? fmt::format("'{}'", type) : "another type";
}

std::unexpected<Error> NoMatrix(std::string_view name, std::string_view found) {
  return InvalidArgument(
      "{}: expected a matrix of float32 in NumPy's format, found {}; save it with numpy.save(path, "
      "numpy.ascontiguousarray(vectors, numpy.float32))",
      name, found);
}

// Takes the header from `bytes`, which begin behind the magic, and leaves the numbers.
std::optional<NpyHeader> TakeHeader(std::string_view* bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>((*bytes)[i]); };
  const size_t width = byte(0) == 1 ? 2 : 4;  // of the length, by version
  if (bytes->size() < 2 + width) return std::nullopt;
  size_t size = 0;
  for (size_t i = 0; i < width; ++i) size |= static_cast<size_t>(byte(2 + i)) << (8 * i);
  bytes->remove_prefix(2 + width);
  if (size > bytes->size()) return std::nullopt;
  std::optional<NpyHeader> header = NpyHeaderReader(bytes->substr(0, size)).Read();
  bytes->remove_prefix(size);
  return header;
}

template <typename T>
std::vector<float> NumbersOf(std::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(T));
  if constexpr (sizeof(T) == sizeof(float)) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  } else {
    for (size_t i = 0; i < values.size(); ++i) {
      T value;
      std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
      values[i] = static_cast<float>(value);
    }
  }
  return values;
}

}  // namespace

Result<NpyMatrix> ParseNpy(std::string_view bytes, std::string_view name) {
  if (!bytes.starts_with(kNpyMagic) || bytes.size() < kNpyMagic.size() + 2) {
    return NoMatrix(name, "another format");
  }
  bytes.remove_prefix(kNpyMagic.size());
  if (const int version = static_cast<uint8_t>(bytes[0]); version != 1 && version != 2) {
    return NoMatrix(name, fmt::format("version {} of it, of which 1 and 2 are read", version));
  }
  const std::optional<NpyHeader> header = TakeHeader(&bytes);
  if (!header) return NoMatrix(name, "a header that is not of one array of numbers");
  const size_t width = header->type == "<f4"   ? sizeof(float)
                       : header->type == "<f8" ? sizeof(double)
                                               : 0;
  if (width == 0) {
    return NoMatrix(name, fmt::format("numbers of {}", TypeText(header->type)));
  }
  if (header->shape->size() != 2) {
    return NoMatrix(name, fmt::format("an array of {} dimensions", header->shape->size()));
  }
  if (*header->by_columns) return NoMatrix(name, "one that is stored by columns (fortran_order)");
  const uint64_t rows = (*header->shape)[0], columns = (*header->shape)[1];
  const uint64_t numbers = bytes.size() / width;
  if (rows == 0 || columns == 0 || bytes.size() % width != 0 || numbers % columns != 0 ||
      numbers / columns != rows) {
    return NoMatrix(name, fmt::format("{} bytes of numbers for the shape [{}, {}]", bytes.size(),
                                      rows, columns));
  }
  return NpyMatrix{
      .rows = rows,
      .columns = columns,
      .values = width == sizeof(float) ? NumbersOf<float>(bytes) : NumbersOf<double>(bytes)};
}

Result<NpyMatrix> ReadNpy(const std::filesystem::path& file) {
  UPNEXT_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(file));
  const std::span<const std::byte> bytes = mapped.bytes();
  return ParseNpy({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.string());
}

Status WriteNpy(const std::filesystem::path& file, std::span<const float> values, size_t columns) {
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
                  values.size() / columns, columns);
  constexpr size_t kBefore = kNpyMagic.size() + 4, kAlignment = 64;
  header.resize((kBefore + header.size() + kAlignment) / kAlignment * kAlignment - kBefore, ' ');
  header.back() = '\n';
  const auto size = static_cast<uint16_t>(header.size());
  std::string start(kNpyMagic);
  start.append({'\x01', '\x00', static_cast<char>(size & 0xff), static_cast<char>(size >> 8)});
  start += header;
  UPNEXT_ASSIGN_OR_RETURN(AtomicFileWriter writer, AtomicFileWriter::Create(file));
  UPNEXT_RETURN_IF_ERROR(writer.Append(std::as_bytes(std::span(std::as_const(start)))));
  UPNEXT_RETURN_IF_ERROR(writer.Append(std::as_bytes(values)));
  return writer.Commit();
}

}  // namespace upnext::base
