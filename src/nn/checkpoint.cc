#include "nn/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/vector_ops.h"

namespace upnext::nn {
namespace {

std::string ShapeName(const Parameter& parameter) { return parameter.name + ".shape"; }

template <typename Shape>
std::string Format(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

// Large parameters are read piece by piece, each released afterwards, so that loading a model needs
// its memory once, not twice.
constexpr size_t kPiece = size_t{2} << 20;  // floats

template <typename Function>
bool ForPieces(const base::SectionFile& file, std::span<const float> values, Function function) {
  for (size_t at = 0; at < values.size(); at += kPiece) {
    const auto piece = values.subspan(at, std::min(kPiece, values.size() - at));
    const bool go_on = function(at, piece);
    if (values.size() > kPiece) file.Release(piece);
    if (!go_on) return false;
  }
  return true;
}

Result<std::span<const float>> Find(const base::SectionFile& file, const Parameter& parameter) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> shape,
                          file.Get<uint64_t>(ShapeName(parameter)));
  if (!std::equal(shape.begin(), shape.end(), parameter.shape.begin(), parameter.shape.end())) {
    return FailedPrecondition(
        "{}: parameter {} should have the shape {}, has {}: the file belongs to a model with other "
        "options; train again or use the options it was trained with",
        file.path().string(), parameter.name, Format(parameter.shape), Format(shape));
  }
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> values,
                          file.Get<float>(parameter.name, parameter.size()));
  const bool finite = ForPieces(file, values, [](size_t, std::span<const float> piece) {
    return kernels::AllFinite(piece.data(), piece.size());
  });
  if (!finite) {
    return DataLoss(
        "{}: parameter {} should hold finite numbers, holds NaN or infinity: train again",
        file.path().string(), parameter.name);
  }
  return values;
}

}  // namespace

Status SaveParameters(base::SectionWriter& writer, std::span<const Parameter> parameters) {
  std::vector<float> scratch;
  for (const Parameter& parameter : parameters) {
    UPNEXT_RETURN_IF_ERROR(writer.Begin(parameter.name, base::ElementType::kF32));
    for (size_t at = 0; at < parameter.size(); at += kPiece) {
      UPNEXT_RETURN_IF_ERROR(writer.Append(std::as_bytes(
          ReadValues(parameter, at, std::min(kPiece, parameter.size() - at), scratch))));
    }
    UPNEXT_RETURN_IF_ERROR(writer.End());
    UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>(ShapeName(parameter), parameter.shape));
  }
  return Ok();
}

Status LoadParameters(const base::SectionFile& file, std::span<const Parameter> parameters) {
  std::vector<std::span<const float>> found;
  for (const Parameter& parameter : parameters) {
    UPNEXT_ASSIGN_OR_RETURN(std::span<const float> values, Find(file, parameter));
    found.push_back(values);
  }
  for (size_t i = 0; i < found.size(); ++i) {
    ForPieces(file, found[i], [&](size_t at, std::span<const float> piece) {
      WriteValues(parameters[i], at, piece);
      return true;
    });
  }
  return Ok();
}

}  // namespace upnext::nn
