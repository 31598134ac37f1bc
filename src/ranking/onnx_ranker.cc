#include "ranking/onnx_ranker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/section_file.h"
#include "onnx/runtime.h"
#include "ranking/model_file.h"

namespace upnext::ranking {
namespace {

using Json = nlohmann::json;

// Networks compute in fp32: a probability may be this far beyond 0 and 1.
constexpr double kProbabilitySlack = 1e-3;

bool PredictsShare(const Objective& objective) {
  return objective.is_yes_or_no() || objective.label == Objective::Label::kCompletion;
}

// Of an objective that a network of others predicts nothing has to be learned.
Objective Unlearned(Objective objective) {
  if (objective.learns()) objective.loss = Objective::Loss::kSquared;
  objective.position_bias = false;
  return objective;
}

double ValueOf(double output, onnx::Output::Is is) {
  if (is == onnx::Output::Is::kProbability) return std::clamp(output, 0.0, 1.0);
  if (is == onnx::Output::Is::kLogit) return 1 / (1 + std::exp(-output));
  return output;
}

}  // namespace

Status OnnxRanker::BindOutput(const onnx::Output& output, const Objective& objective) {
  const std::vector<onnx::TensorPort>& ports = network_->outputs();
  UPNEXT_ASSIGN_OR_RETURN(const size_t place, onnx::FindPort(ports, output.name, "output"));
  const onnx::TensorPort& port = ports[place];
  const bool numbers =
      port.type == onnx::TensorType::kFloat || port.type == onnx::TensorType::kDouble;
  if (!numbers) {
    return InvalidArgument(
        "the output \"{}\" of the network is {}; expected a tensor of float32 or float64{}",
        port.name, Describe(port),
        port.type == onnx::TensorType::kOther ? " (convert classifiers with zipmap = False)" : "");
  }
  const size_t columns =
      port.shape.size() == 2 && port.shape[1] >= 0 ? static_cast<size_t>(port.shape[1]) : SIZE_MAX;
  if (port.shape.size() > 2 || (port.shape.size() == 1 && output.column > 0) ||
      output.column >= columns) {
    return InvalidArgument(
        "the objective \"{}\" is in column {} (from 0) of the output \"{}\", which is {}",
        objective.name, output.column, port.name, Describe(port));
  }
  Output bound{.column = output.column,
               .is = output.is.value_or(PredictsShare(objective) ? onnx::Output::Is::kProbability
                                                                 : onnx::Output::Is::kValue)};
  if (bound.is != onnx::Output::Is::kValue && !PredictsShare(objective)) {
    return InvalidArgument(
        "the objective \"{}\" is no probability: its output should be \"is\": \"value\", in the "
        "unit of its label",
        objective.name);
  }
  const auto asked = std::ranges::find(wanted_, place);
  bound.result = static_cast<size_t>(asked - wanted_.begin());
  if (asked == wanted_.end()) wanted_.push_back(place);
  outputs_.push_back(bound);
  return Ok();
}

Status OnnxRanker::Bind(const onnx::Manifest& manifest, const std::vector<Objective>& objectives,
                        const features::FeaturePlan& plan) {
  UPNEXT_ASSIGN_OR_RETURN(inputs_, onnx::Inputs::Bind(manifest.inputs, network_->inputs(), plan,
                                                      given_.rows, onnx::Of::kRanker));
  std::vector<std::string> known;
  for (const Objective& objective : objectives) known.push_back(objective.name);
  for (const onnx::Output& output : manifest.outputs) {
    if (std::ranges::count(known, output.objective) > 0) continue;
    return InvalidArgument(
        "the manifest predicts an objective \"{}\", but the [[ranking.objective]] that can be "
        "evaluated here are {}",
        output.objective, fmt::join(known, ", "));
  }
  for (const Objective& objective : objectives) {
    const auto output =
        std::ranges::find(manifest.outputs, objective.name, &onnx::Output::objective);
    if (output == manifest.outputs.end()) continue;
    UPNEXT_RETURN_IF_ERROR(BindOutput(*output, objective));
    objectives_.push_back(Unlearned(objective));
  }
  const auto orders = [](const Objective& objective) { return objective.score_weight != 0; };
  if (std::ranges::any_of(objectives_, orders)) return Ok();
  return InvalidArgument(
      "no objective that the manifest predicts has a score_weight, so nothing would order the feed; "
      "give one of the [[ranking.objective]] that it predicts a score_weight");
}

Result<std::unique_ptr<OnnxRanker>> OnnxRanker::Make(
    OnnxRankerParts parts, std::unique_ptr<const onnx::TensorModel> network,
    const features::FeaturePlan& plan) {
  UPNEXT_ASSIGN_OR_RETURN(
      const onnx::Manifest manifest,
      onnx::Manifest::Parse(parts.network.manifest,
                            fmt::format("the manifest of {}", parts.network.name),
                            onnx::Of::kRanker));
  std::unique_ptr<OnnxRanker> ranker(new OnnxRanker);
  ranker->given_ = std::move(parts.network);
  ranker->network_ = std::move(network);
  const Status bound = ranker->Bind(manifest, parts.objectives, plan);
  if (!bound) return WithContext(bound.error(), ranker->given_.name);
  return ranker;
}

Result<std::unique_ptr<OnnxRanker>> OnnxRanker::Open(OnnxRankerParts parts,
                                                     const features::FeaturePlan& plan) {
  UPNEXT_ASSIGN_OR_RETURN(auto network, onnx::Open(parts.network.bytes, parts.network.name));
  return Make(std::move(parts), std::move(network), plan);
}

Status OnnxRanker::TakeOutput(size_t objective, const onnx::Tensor& tensor, size_t rows,
                              float* predictions) const {
  const Output& output = outputs_[objective];
  const std::string& name = network_->outputs()[wanted_[output.result]].name;
  const size_t rank = tensor.shape.size();
  const size_t columns = rank == 2 ? static_cast<size_t>(tensor.shape[1]) : 1;
  if (rank < 1 || rank > 2 || static_cast<size_t>(tensor.shape[0]) != rows ||
      output.column >= columns) {
    return Internal("{}: the output \"{}\" is [{}] for {} candidates, of which column {} is read",
                    given_.name, name, fmt::join(tensor.shape, ", "), rows, output.column);
  }
  const auto value = [&](size_t i) {
    const size_t at = i * columns + output.column;
    if (const auto* floats = std::get_if<std::vector<float>>(&tensor.values)) {
      return static_cast<double>((*floats)[at]);
    }
    return std::get<std::vector<double>>(tensor.values)[at];
  };
  const double slack = output.is == onnx::Output::Is::kProbability ? kProbabilitySlack : INFINITY;
  for (size_t i = 0; i < rows; ++i) {
    const double given = value(i);
    if (!std::isfinite(given)) {
      return Internal("{}: the output \"{}\" is {} for candidate {} of {}; expected a number",
                      given_.name, name, std::isnan(given) ? "NaN" : "infinite", i, rows);
    }
    if (given < -slack || given > 1 + slack) {
      return Internal(
          "{}: the output \"{}\" is {:g} for candidate {} of {}, and the manifest says that it is a "
          "probability; say \"is\": \"logit\" or \"value\"",
          given_.name, name, given, i, rows);
    }
    predictions[i * objectives_.size() + objective] = static_cast<float>(ValueOf(given, output.is));
  }
  return Ok();
}

Status OnnxRanker::Predict(const features::FeatureBlock& queries,
                           const features::FeatureBlock& impressions,
                           std::span<const uint32_t> query_of, float* predictions, RankerScratch&,
                           const nn::Compute&) const {
  if (impressions.rows == 0) return Ok();
  const Result<std::vector<onnx::Tensor>> results =
      network_->Run(inputs_.Make(queries, impressions, query_of), wanted_);
  if (!results) return WithContext(results.error(), given_.name);
  for (size_t k = 0; k < outputs_.size(); ++k) {
    UPNEXT_RETURN_IF_ERROR(
        TakeOutput(k, (*results)[outputs_[k].result], impressions.rows, predictions));
  }
  return Ok();
}

std::string OnnxRanker::Description() const { return fmt::format("{} (ONNX)", given_.name); }

Status OnnxRanker::Save(const std::filesystem::path& path, uint64_t features_digest) const {
  Json objectives = Json::array();
  for (const Objective& objective : objectives_) objectives.push_back(ObjectiveJson(objective));
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kOnnxRankerKind, kOnnxRankerVersion));
  UPNEXT_RETURN_IF_ERROR(
      given_.Save(writer, features_digest, {{"objectives", std::move(objectives)}}));
  return writer.Commit();
}

Result<OnnxRankerParts> OnnxRanker::ReadParts(const std::filesystem::path& path,
                                              uint64_t features_digest) {
  UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile file,
                          base::SectionFile::Open(path, kOnnxRankerKind, kOnnxRankerVersion));
  OnnxRankerParts parts;
  UPNEXT_ASSIGN_OR_RETURN(parts.network, onnx::GivenNetwork::Load(file, features_digest));
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view text, file.GetText(onnx::kNetworkOptions));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  ModelFileReader read(path.string());
  for (const Json& objective : read.Array(json, "objectives", kMaxFileObjectives)) {
    parts.objectives.push_back(ObjectiveFrom(objective, read));
  }
  UPNEXT_RETURN_IF_ERROR(read.status());
  return parts;
}

Result<std::unique_ptr<OnnxRanker>> OnnxRanker::Load(const std::filesystem::path& path,
                                                     uint64_t features_digest,
                                                     const features::FeatureStatistics& tables) {
  UPNEXT_ASSIGN_OR_RETURN(OnnxRankerParts parts, ReadParts(path, features_digest));
  UPNEXT_RETURN_IF_ERROR(parts.network.CheckRows(tables, path));
  Result<std::unique_ptr<OnnxRanker>> ranker = Open(std::move(parts), tables.plan);
  if (!ranker) return WithContext(ranker.error(), path.string());
  return ranker;
}

}  // namespace upnext::ranking
