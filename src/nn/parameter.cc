#include "nn/parameter.h"

#include <algorithm>

#include "kernels/vector_ops.h"

namespace upnext::nn {

std::span<const float> ReadValues(const Parameter& parameter, size_t at, size_t n,
                                  std::vector<float>& scratch) {
  if (parameter.half.empty()) return parameter.value.subspan(at, n);
  scratch.resize(n);
  kernels::ToFloat(parameter.half.subspan(at, n), scratch);
  return scratch;
}

void WriteValues(const Parameter& parameter, size_t at, std::span<const float> values) {
  if (parameter.half.empty()) {
    std::ranges::copy(values, parameter.value.begin() + static_cast<ptrdiff_t>(at));
  } else {
    kernels::ToBf16(values, parameter.half.subspan(at, values.size()));
  }
}

void CopyRows(const Parameter& from, const Parameter& to, std::span<const uint32_t> rows) {
  std::vector<float> scratch;
  if (rows.empty()) return WriteValues(to, 0, ReadValues(from, 0, from.size(), scratch));
  const size_t width = from.size() / rows.size();
  for (size_t row = 0; row < rows.size(); ++row) {
    WriteValues(to, rows[row] * width, ReadValues(from, row * width, width, scratch));
  }
}

void CopyRows(std::span<const Parameter> from, std::span<const Parameter> to,
              std::span<const uint32_t> rows) {
  for (size_t i = 0; i < from.size(); ++i) CopyRows(from[i], to[i], rows);
}

bool IsFinite(const Parameter& parameter) {
  constexpr size_t kAtOnce = 4096;
  std::vector<float> scratch;
  for (size_t at = 0; at < parameter.size(); at += kAtOnce) {
    const auto piece = ReadValues(parameter, at, std::min(kAtOnce, parameter.size() - at), scratch);
    if (!kernels::AllFinite(piece.data(), piece.size())) return false;
  }
  return true;
}

}  // namespace upnext::nn
