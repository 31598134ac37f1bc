#include "retrieval/onnx_encoder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "base/section_file.h"
#include "nn/embedding_table.h"
#include "onnx/runtime.h"

namespace upnext::retrieval {
namespace {

constexpr char kItemVectors[] = "items";
constexpr size_t kMostNumbers = 4096;  // of a vector, as of the candidate model
// Of a number in a vector: products of such vectors are finite.
constexpr float kLargest = 1e15f;

bool IsUsable(float value) { return std::abs(value) <= kLargest; }  // NaN is not

std::string NumberText(float value) {
  if (std::isnan(value)) return "NaN";
  return std::isinf(value) ? "infinite" : fmt::format("{}", value);
}

// `file`: of the vectors, for messages. `learned`: rows of the vocabulary of items in the examples.
Status CheckItems(const base::NpyMatrix& items, const std::string& file, size_t learned) {
  if (items.rows != learned) {
    return InvalidArgument(
        "{} has {} rows; expected {}, one for each label of the examples from 0, which is no item, to "
        "{}",
        file, items.rows, learned, learned - 1);
  }
  if (items.columns > kMostNumbers) {
    return InvalidArgument("{} has vectors of {} numbers; expected at most {}", file, items.columns,
                           kMostNumbers);
  }
  const auto wrong =
      std::ranges::find_if(items.values.begin() + static_cast<std::ptrdiff_t>(items.columns),
                           items.values.end(), [](float value) { return !IsUsable(value); });
  if (wrong == items.values.end()) return Ok();
  const auto place = static_cast<size_t>(wrong - items.values.begin());
  return InvalidArgument(
      "{}: expected numbers from {:g} to {:g}, found {} in column {} of row {} (from 0)", file,
      -kLargest, kLargest, NumberText(*wrong), place % items.columns, place / items.columns);
}

// Zeros in row 0 and in the rows beyond the vectors.
nn::EmbeddingTable TableOf(const base::NpyMatrix& items, size_t rows) {
  base::Rng rng(0);
  nn::EmbeddingTable table({.rows = rows, .dim = items.columns, .scale = 0}, rng);
  for (size_t row = 1; row < items.rows; ++row) {
    table.SetRow(static_cast<uint32_t>(row),
                 std::span(items.values).subspan(row * items.columns, items.columns));
  }
  return table;
}

}  // namespace

OnnxEncoder::OnnxEncoder(onnx::GivenNetwork given, std::unique_ptr<const onnx::TensorModel> network,
                         nn::EmbeddingTable items, size_t searched_rows)
    : given_(std::move(given)),
      network_(std::move(network)),
      items_(std::move(items)),
      searched_rows_(searched_rows) {}

Status OnnxEncoder::Bind(const onnx::Manifest& manifest, const features::FeaturePlan& plan) {
  UPNEXT_ASSIGN_OR_RETURN(inputs_, onnx::Inputs::Bind(manifest.inputs, network_->inputs(), plan,
                                                      given_.rows, onnx::Of::kUserEncoder));
  const std::vector<onnx::TensorPort>& ports = network_->outputs();
  if (manifest.output.empty() && ports.size() > 1) {
    return InvalidArgument(
        "the network has {} outputs: say in the manifest which is the user's vector, \"output\": one of "
        "{}",
        ports.size(), onnx::PortNames(ports));
  }
  UPNEXT_ASSIGN_OR_RETURN(output_, onnx::FindPort(ports, manifest.output, "output"));
  const onnx::TensorPort& port = ports[output_];
  const bool numbers =
      port.type == onnx::TensorType::kFloat || port.type == onnx::TensorType::kDouble;
  const bool wide = port.shape.size() == 2 &&
                    (port.shape[1] < 0 || static_cast<size_t>(port.shape[1]) == items_.dim());
  if (numbers && wide) return Ok();
  return InvalidArgument(
      "the output \"{}\" of the network is {}; expected float32 or float64 [?, {}], since the vectors "
      "in {} have {} numbers",
      port.name, Describe(port), items_.dim(), manifest.items, items_.dim());
}

Result<std::unique_ptr<OnnxEncoder>> OnnxEncoder::Make(
    const OnnxEncoderParts& parts, std::unique_ptr<const onnx::TensorModel> network,
    const features::FeatureStatistics& tables) {
  const onnx::GivenNetwork& given = parts.network;
  UPNEXT_ASSIGN_OR_RETURN(
      const onnx::Manifest manifest,
      onnx::Manifest::Parse(given.manifest, fmt::format("the manifest of {}", given.name),
                            onnx::Of::kUserEncoder));
  const auto learned = given.rows.find(features::kItemVocabulary);
  const size_t rows = tables.vocabulary(features::kItemVocabulary).rows();
  if (learned == given.rows.end() || learned->second == 0 || learned->second > rows) {
    return InvalidArgument("{}: expected 1 to {} rows of items in the examples, found {}",
                           given.name, rows, learned == given.rows.end() ? 0 : learned->second);
  }
  Status fits = CheckItems(parts.items, manifest.items, learned->second);
  if (!fits) return WithContext(fits.error(), given.name);
  std::unique_ptr<OnnxEncoder> encoder(
      new OnnxEncoder(given, std::move(network), TableOf(parts.items, rows), parts.items.rows));
  fits = encoder->Bind(manifest, tables.plan);
  if (!fits) return WithContext(fits.error(), given.name);
  return encoder;
}

Result<std::unique_ptr<OnnxEncoder>> OnnxEncoder::Open(const OnnxEncoderParts& parts,
                                                       const features::FeatureStatistics& tables) {
  UPNEXT_ASSIGN_OR_RETURN(auto network, onnx::Open(parts.network.bytes, parts.network.name));
  return Make(parts, std::move(network), tables);
}

Status OnnxEncoder::TakeOutput(const onnx::Tensor& tensor, size_t rows, float* out) const {
  const std::string& port = network_->outputs()[output_].name;
  const auto dim = static_cast<int64_t>(items_.dim());
  if (tensor.shape != std::vector<int64_t>{static_cast<int64_t>(rows), dim}) {
    return Internal("{}: the output \"{}\" is [{}] for {} users; expected [{}, {}]", given_.name,
                    port, fmt::join(tensor.shape, ", "), rows, rows, dim);
  }
  if (const auto* floats = std::get_if<std::vector<float>>(&tensor.values)) {
    std::ranges::copy(*floats, out);
  } else {
    std::ranges::transform(std::get<std::vector<double>>(tensor.values), out,
                           [](double value) { return static_cast<float>(value); });
  }
  const size_t size = rows * items_.dim();
  const float* const wrong =
      std::find_if(out, out + size, [](float value) { return !IsUsable(value); });
  if (wrong == out + size) return Ok();
  const auto place = static_cast<size_t>(wrong - out);
  return Internal(
      "{}: the output \"{}\" is {} in column {} for user {} of {} (from 0); expected a number from {:g} "
      "to {:g}",
      given_.name, port, NumberText(*wrong), place % items_.dim(), place / items_.dim(), rows,
      -kLargest, kLargest);
}

Status OnnxEncoder::EncodeUsers(const features::FeatureBlock& batch, float* out, Scratch&,
                                const nn::Compute&) const {
  if (batch.rows == 0) return Ok();
  const Result<std::vector<onnx::Tensor>> results =
      network_->Run(inputs_.Make(batch), std::span(&output_, 1));
  if (!results) return WithContext(results.error(), given_.name);
  return TakeOutput(results->front(), batch.rows, out);
}

Status OnnxEncoder::Save(const std::filesystem::path& path, uint64_t features_digest) const {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kOnnxEncoderKind, kOnnxEncoderVersion));
  UPNEXT_RETURN_IF_ERROR(given_.Save(writer, features_digest));
  UPNEXT_RETURN_IF_ERROR(writer.Add<float>(
      kItemVectors, std::span(items_.view().data, searched_rows_ * items_.dim())));
  return writer.Commit();
}

Result<OnnxEncoderParts> OnnxEncoder::ReadParts(const std::filesystem::path& path,
                                                uint64_t features_digest) {
  UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile file,
                          base::SectionFile::Open(path, kOnnxEncoderKind, kOnnxEncoderVersion));
  OnnxEncoderParts parts;
  UPNEXT_ASSIGN_OR_RETURN(parts.network, onnx::GivenNetwork::Load(file, features_digest));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const float> values, file.Get<float>(kItemVectors));
  const auto rows = parts.network.rows.find(features::kItemVocabulary);
  parts.items.rows = rows == parts.network.rows.end() ? 0 : rows->second;
  if (parts.items.rows == 0 || values.empty() || values.size() % parts.items.rows != 0) {
    return DataLoss("{}: {} numbers are no vectors of {} items; train again", path.string(),
                    values.size(), parts.items.rows);
  }
  parts.items.columns = values.size() / parts.items.rows;
  parts.items.values.assign(values.begin(), values.end());
  return parts;
}

Result<std::unique_ptr<OnnxEncoder>> OnnxEncoder::Load(const std::filesystem::path& path,
                                                       uint64_t features_digest,
                                                       const features::FeatureStatistics& tables) {
  UPNEXT_ASSIGN_OR_RETURN(const OnnxEncoderParts parts, ReadParts(path, features_digest));
  UPNEXT_RETURN_IF_ERROR(parts.network.CheckRows(tables, path));
  Result<std::unique_ptr<OnnxEncoder>> encoder = Open(parts, tables);
  if (!encoder) return WithContext(encoder.error(), path.string());
  return encoder;
}

}  // namespace upnext::retrieval
