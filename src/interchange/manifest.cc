#include "interchange/manifest.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/file.h"

namespace upnext::interchange {
namespace {

using features::Feature;
using features::Side;
using json = nlohmann::ordered_json;

constexpr Side kBothSides[] = {Side::kQuery, Side::kImpression};

std::string Name(Side side, const std::string& feature) {
  return fmt::format("{}.{}", features::kSideNames[static_cast<size_t>(side)], feature);
}

// Where a number lies in a row of numbers.SIDE, and what it is made of.
json Column(const Feature& feature) {
  using Encoding = features::NumberOp::Encoding;
  const features::NumberOp& number = feature.number;
  json column = {{"feature", feature.name},
                 {"from", feature.from},
                 {"at", feature.dense},
                 {"width", number.width()}};
  switch (number.encoding) {
    case Encoding::kQuantiles:
      column["encoding"] = "quantiles";  // x, x^2, sqrt(x), is missing
      break;
    case Encoding::kPlain:
      column["encoding"] = "share";  // value / limit, is missing
      column["limit"] = number.limit;
      break;
    case Encoding::kHats:
      column["encoding"] = "hats";  // value / limit, its root, hat functions
      column["limit"] = number.limit;
      column["hats"] = number.hats;
      break;
    case Encoding::kVector:
      column["encoding"] = "vector";  // `width` numbers as they are
      break;
  }
  if (feature.dropped) column["dropped"] = true;
  return column;
}

std::map<std::string, json> Descriptions(const features::FeatureStatistics& tables,
                                         features::Model model) {
  std::map<std::string, json> known = {
      {"query_of", {{"kind", "query_of"}, {"help", "row of the query of each impression"}}},
      {"duration_s", {{"kind", "seconds"}, {"help", "duration of the item, NaN: unknown"}}}};
  for (const Side side : kBothSides) {
    const features::SidePlan& plan = tables.plan.side(model, side);
    for (const Feature& feature : plan.categories) {
      const bool list = feature.kind == features::FeatureKind::kMultivalent;
      json& input = known[Name(side, feature.name)];
      input = {{"kind", list ? "ids" : "id"},
               {"feature", feature.name},
               {"from", feature.from},
               {"vocabulary", tables.plan.vocabularies()[feature.vocabulary].name},
               {"rows", tables.rows(feature.vocabulary)}};
      if (feature.dropped) input["dropped"] = true;
      if (list) {
        known[Name(side, feature.name) + ".weights"] = {{"kind", "weights"},
                                                        {"feature", feature.name}};
      }
    }
    json columns = json::array();
    for (const Feature& feature : plan.numbers) columns.push_back(Column(feature));
    known[fmt::format("numbers.{}", features::kSideNames[static_cast<size_t>(side)])] = {
        {"kind", "numbers"}, {"columns", std::move(columns)}};
  }
  return known;
}

}  // namespace

json DescribeInputs(const nn::Graph& graph, const features::FeatureStatistics& tables,
                    features::Model model) {
  std::map<std::string, json> known = Descriptions(tables, model);
  json inputs = json::array();
  for (const nn::Graph::Port& port : graph.inputs()) {
    json input = {{"name", port.name},
                  {"type", port.type == nn::Graph::Type::kFloat ? "float32" : "int64"},
                  {"shape", port.shape}};
    input.update(known[port.name]);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

json QuantilesJson(const features::FeatureStatistics& tables, features::Model model) {
  json all = json::object();
  for (const Side side : kBothSides) {
    const auto quantiles = tables.QuantilesOf(model, side);
    for (const Feature& feature : tables.plan.side(model, side).numbers) {
      if (!feature.by_quantiles() || quantiles.empty()) continue;
      all[Name(side, feature.name)] = quantiles[feature.raw].boundaries();
    }
  }
  return all;
}

Result<json> WriteVocabularies(const features::FeatureStatistics& tables,
                               const catalogue::Catalogue& catalogue,
                               const std::filesystem::path& folder) {
  json all = json::object();
  const auto& plans = tables.plan.vocabularies();
  for (size_t i = 0; i < plans.size(); ++i) {
    using Counts = features::VocabularyPlan::Counts;
    json& vocabulary = all[plans[i].name];
    vocabulary["rows"] = tables.rows(i);
    if (plans[i].rows > 0) continue;
    const std::string file = fmt::format("vocabulary.{}.txt", plans[i].name);
    std::string lines;
    for (uint32_t row = 0; row < tables.rows(i); ++row) {
      lines += plans[i].counts == Counts::kTokens
                   ? std::string(tables.tokens.token(row))
                   : catalogue.Name(plans[i].space, tables.vocabularies[i].Id(row));
      lines += '\n';
    }
    UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(folder / file, lines));
    vocabulary["file"] = file;
  }
  return all;
}

}  // namespace upnext::interchange
