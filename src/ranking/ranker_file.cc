// Writes rankers to section files and reads them (docs/formats/ranker.md).
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/section_file.h"
#include "features/feature_statistics.h"
#include "nn/checkpoint.h"
#include "ranking/model_file.h"
#include "ranking/ranker.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using Json = nlohmann::json;
using Reader = ModelFileReader;

constexpr char kDigest[] = "features_digest";

constexpr size_t kFileMaxLayers = 64, kFileMaxFeatures = 64;
constexpr double kFileMaxWidth = 16384, kMaxDim = 1024;

std::vector<std::string> TextsFrom(const Json& json, const char* key, Reader& read) {
  std::vector<std::string> texts;
  for (const Json& text : read.Array(json, key, kFileMaxFeatures)) {
    if (!text.is_string()) read.Fail(key, "should be a list of texts");
    texts.push_back(text.is_string() ? text.get<std::string>() : "");
  }
  return texts;
}

std::vector<size_t> WidthsFrom(const Json& json, const char* key, Reader& read) {
  std::vector<size_t> widths;
  for (const Json& width : read.Array(json, key, kFileMaxLayers)) {
    const double value = width.is_number_unsigned() ? width.get<double>() : 0;
    if (value < 1 || value > kFileMaxWidth) read.Fail(key, "should be a list of layer widths");
    widths.push_back(static_cast<size_t>(std::clamp(value, 1.0, kFileMaxWidth)));
  }
  return widths;
}

Json ToJson(const ArchitectureOptions& options) {
  return {{"name", options.name},
          {"widths", options.widths},
          {"task_widths", options.task_widths},
          {"experts", options.experts},
          {"task_experts", options.task_experts},
          {"levels", options.levels},
          {"expert_widths", options.expert_widths},
          {"expert_layer", kExpertLayers[static_cast<size_t>(options.expert_layer)]},
          {"gates_on_input", options.gates_on_input},
          {"gate_dropout", options.gate_dropout}};
}

// Whether they fit together is checked when it is made.
ArchitectureOptions ArchitectureFrom(const Json& json, Reader& read) {
  ArchitectureOptions options;
  const auto count = [&](const char* key) {
    return static_cast<size_t>(read.Number(json, key, 0, kFileMaxWidth));
  };
  options.name = read.Text(json, "name");
  options.widths = WidthsFrom(json, "widths", read);
  options.task_widths = WidthsFrom(json, "task_widths", read);
  options.experts = count("experts");
  options.task_experts = count("task_experts");
  options.levels = count("levels");
  options.expert_widths = WidthsFrom(json, "expert_widths", read);
  options.expert_layer = read.Choice<ExpertLayer>(json, "expert_layer", kExpertLayers);
  options.gates_on_input = read.Flag(json, "gates_on_input");
  options.gate_dropout = static_cast<float>(read.Number(json, "gate_dropout", 0, 1));
  return options;
}

AttentionOptions AttentionFrom(const Json& json, Reader& read) {
  AttentionOptions options;
  options.features = TextsFrom(json, "features", read);
  options.widths = WidthsFrom(json, "widths", read);
  return options;
}

Json ToJson(const BiasOptions& options) {
  return {{"method", kBiasMethods[static_cast<size_t>(options.method)]},
          {"features", options.features},
          {"positions", options.positions},
          {"columns", options.columns},
          {"dropout", options.dropout},
          {"learning_rate", options.learning_rate},
          {"served_position", options.served_position},
          {"adversarial_weight", options.adversarial_weight}};
}

BiasOptions BiasFrom(const Json& json, Reader& read) {
  BiasOptions options;
  const auto position = [&](const char* key, double least) {
    return static_cast<uint32_t>(read.Number(json, key, least, kMaxBiasPositions));
  };
  const auto real = [&](const char* key, double most) {
    return static_cast<float>(read.Number(json, key, 0, most));
  };
  options.method = read.Choice<BiasMethod>(json, "method", kBiasMethods);
  options.features = TextsFrom(json, "features", read);
  options.positions = position("positions", 1);
  options.columns = position("columns", 0);
  options.dropout = real("dropout", 1);
  options.learning_rate = real("learning_rate", kMaxFileNumber);
  options.served_position = position("served_position", 0);
  options.adversarial_weight = real("adversarial_weight", kMaxFileNumber);
  return options;
}

RankerOptions OptionsFrom(const Json& json, Reader& read) {
  RankerOptions options;
  options.architecture = ArchitectureFrom(read.Member(json, "architecture"), read);
  options.attention = AttentionFrom(read.Member(json, "attention"), read);
  options.bias = BiasFrom(read.Member(json, "bias"), read);
  options.dim_scale = read.Number(json, "dim_scale", 0, kMaxFileNumber);
  options.max_dim = static_cast<uint32_t>(read.Number(json, "max_dim", 1, kMaxDim));
  const Json& dims = read.Member(json, "dims");
  if (!dims.is_object()) read.Fail("dims", "should be an object");
  for (const auto& [name, value] : dims.items()) {
    options.dims[name] = static_cast<uint32_t>(read.Number(dims, name.c_str(), 1, kMaxDim));
  }
  options.init_scale = static_cast<float>(read.Number(json, "init_scale", 0, kMaxFileNumber));
  return options;
}

// Floats that a ranker of these options needs at least; more than the file has room for means that
// the options are not this file's, and must not be allocated.
Result<double> FloatsNeeded(const RankerOptions& options, const std::vector<Objective>& objectives,
                            const features::ModelShape& shape) {
  UPNEXT_ASSIGN_OR_RETURN(double floats, PositionBias::WeightsOf(options, objectives, shape));
  for (const features::ModelShape::Table& table : shape.tables) {
    floats += static_cast<double>(EmbeddingDim(options, table)) * table.rows;
  }
  const auto width = [&](const features::ModelShape::SideShape& side) {
    size_t numbers = side.dense;
    for (const features::ModelShape::Slot& slot : side.slots) {
      numbers += EmbeddingDim(options, shape.tables[slot.table]);
    }
    return numbers;
  };
  size_t impression = width(shape.impression) + PositionBias::InputWidth(options.bias);
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<AttendedHistory> histories,
                          FindHistories(options.attention, shape));
  for (const AttendedHistory& attended : histories) {
    const size_t dim =
        EmbeddingDim(options, shape.tables[shape.query.slots[attended.history].table]);
    impression += dim;
    floats += Attention::WeightsOf(dim, options.attention.widths);
  }
  NetShape net{.input = {width(shape.query), impression}, .outputs = {}};
  for (const Objective& objective : objectives) net.outputs.push_back(objective.outputs());
  return floats + WeightsOf(options.architecture, net);
}

Status CheckSize(const base::SectionFile& file, const RankerOptions& options,
                 const std::vector<Objective>& objectives, const features::ModelShape& shape) {
  double bytes = 0;
  for (const base::SectionFile::Section& section : file.sections()) {
    bytes += static_cast<double>(section.size);
  }
  const Result<double> floats = FloatsNeeded(options, objectives, shape);
  if (!floats) {
    return DataLoss("{}: {}; train again", file.path().string(), floats.error().message);
  }
  const double needed = *floats * sizeof(float);
  if (needed <= bytes) return Ok();
  return DataLoss(
      "{}: the options and the shape ask for {:.0f} bytes of weights, but the file holds {:.0f}; "
      "train again",
      file.path().string(), needed, bytes);
}

std::string TargetsSection(size_t objective) { return fmt::format("targets.{}", objective); }

Status SaveTargets(const std::vector<Objective>& objectives, base::SectionWriter& writer) {
  for (size_t k = 0; k < objectives.size(); ++k) {
    if (objectives[k].loss == Objective::Loss::kQuantile) {
      UPNEXT_RETURN_IF_ERROR(objectives[k].quantiles.Save(writer, TargetsSection(k)));
    } else if (objectives[k].loss == Objective::Loss::kOrdinal) {
      UPNEXT_RETURN_IF_ERROR(objectives[k].levels.Save(writer, TargetsSection(k)));
    }
  }
  return Ok();
}

Status LoadTargets(const base::SectionFile& file, std::vector<Objective>& objectives) {
  for (size_t k = 0; k < objectives.size(); ++k) {
    if (objectives[k].loss == Objective::Loss::kQuantile) {
      UPNEXT_ASSIGN_OR_RETURN(objectives[k].quantiles,
                              WatchQuantiles::Load(file, TargetsSection(k)));
    } else if (objectives[k].loss == Objective::Loss::kOrdinal) {
      UPNEXT_ASSIGN_OR_RETURN(objectives[k].levels, WatchLevels::Load(file, TargetsSection(k)));
    }
  }
  return Ok();
}

}  // namespace

Status Ranker::Save(const std::filesystem::path& path, uint64_t features_digest) const {
  Json objectives = Json::array();
  for (const Objective& objective : objectives_) objectives.push_back(ObjectiveJson(objective));
  const Json json = {
      {"architecture", ToJson(options_.architecture)},
      {"attention",
       {{"features", options_.attention.features}, {"widths", options_.attention.widths}}},
      {"bias", ToJson(options_.bias)},
      {"dim_scale", options_.dim_scale},
      {"max_dim", options_.max_dim},
      {"dims", options_.dims},
      {"init_scale", options_.init_scale},
      {"objectives", std::move(objectives)}};
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kRankerKind, kRankerVersion));
  UPNEXT_RETURN_IF_ERROR(writer.AddText(
      kModelOptions, json.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>(kDigest, std::span(&features_digest, 1)));
  UPNEXT_RETURN_IF_ERROR(shape_.Save(writer));
  UPNEXT_RETURN_IF_ERROR(SaveTargets(objectives_, writer));
  // Parameters() hands out writable views, so it is not const; saving writes nothing to them.
  UPNEXT_RETURN_IF_ERROR(nn::SaveParameters(writer, const_cast<Ranker*>(this)->Parameters()));
  return writer.Commit();
}

Result<Ranker> Ranker::Load(const std::filesystem::path& path, uint64_t features_digest) {
  UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile file,
                          base::SectionFile::Open(path, kRankerKind, kRankerVersion));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const uint64_t> digest, file.Get<uint64_t>(kDigest, 1));
  if (digest[0] != features_digest) {
    return FailedPrecondition(
        "{}: trained with feature tables of digest {:016x}, but the ones given have {:016x}: their "
        "rows differ; use both files of one bundle, or train again",
        path.string(), digest[0], features_digest);
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view text, file.GetText(kModelOptions));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  Reader read(path.string());
  if (!json.is_object()) read.Fail("", "is not a JSON object");
  const RankerOptions options = OptionsFrom(json, read);
  std::vector<Objective> objectives;
  for (const Json& objective : read.Array(json, "objectives", kMaxFileObjectives)) {
    objectives.push_back(ObjectiveFrom(objective, read));
  }
  if (objectives.empty()) read.Fail("objectives", "should not be empty");
  UPNEXT_RETURN_IF_ERROR(read.status());
  UPNEXT_RETURN_IF_ERROR(LoadTargets(file, objectives));

  UPNEXT_ASSIGN_OR_RETURN(features::ModelShape shape, features::ModelShape::Load(file));
  UPNEXT_RETURN_IF_ERROR(CheckSize(file, options, objectives, shape));
  base::Rng rng(0);  // for first weights, which those of the file replace
  Result<Ranker> ranker = Make(options, std::move(objectives), std::move(shape), rng);
  if (!ranker) return DataLoss("{}: {}; train again", path.string(), ranker.error().message);
  UPNEXT_RETURN_IF_ERROR(nn::LoadParameters(file, ranker->Parameters()));
  return ranker;
}

}  // namespace upnext::ranking
