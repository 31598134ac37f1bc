#include "ranking/bias_features.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <ranges>
#include <set>
#include <utility>

namespace upnext::ranking {
namespace {

constexpr size_t kMaxCells = size_t{1} << 22;
constexpr std::string_view kBy = " x ";
constexpr std::array<std::string_view, 3> kOfPosition = {"position", "row", "column"};

std::vector<std::string> FactorNames(std::string_view cross) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= cross.size();) {
    const size_t end = std::min(cross.find(kBy, begin), cross.size());
    names.emplace_back(cross.substr(begin, end - begin));
    begin = end + kBy.size();
  }
  return names;
}

std::vector<std::string> KnownNames(const features::ModelShape& shape) {
  std::vector<std::string> names(kOfPosition.begin(), kOfPosition.end());
  for (const features::ModelShape::Slot& slot : shape.query.slots) {
    if (!slot.list) names.push_back(slot.feature);
  }
  return names;
}

// Of which none is of the position, or one has another's cells.
Status CheckCrosses(const std::vector<std::string>& features) {
  bool of_position = false;
  std::set<std::vector<std::string>> crosses;
  for (const std::string& feature : features) {
    std::vector<std::string> names = FactorNames(feature);
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
      return InvalidArgument("expected each name once in a cross, found \"{}\" twice in \"{}\"",
                             *twice, feature);
    }
    for (const std::string_view name : kOfPosition) {
      of_position |= std::ranges::find(names, name) != names.end();
    }
    if (!crosses.insert(std::move(names)).second) {
      return InvalidArgument("expected each cross once, found \"{}\" again", feature);
    }
  }
  if (of_position) return Ok();
  return InvalidArgument(
      "expected at least one with \"position\", \"row\" or \"column\", e.g. [\"position x device\"], "
      "found {}",
      features.empty() ? "none" : fmt::format("\"{}\"", fmt::join(features, "\", \"")));
}

}  // namespace

BiasOptions BiasOptions::FromConfig(const base::ConfigTable& bias) {
  BiasOptions options;
  options.method = static_cast<BiasMethod>(
      bias.Choice("method", {std::begin(kBiasMethods), std::end(kBiasMethods)}, 0));
  const auto count = [&](std::string_view key, uint32_t otherwise, int64_t least) {
    return static_cast<uint32_t>(
        bias.Int(key, otherwise, {.min = least, .max = kMaxBiasPositions}));
  };
  const auto real = [&](std::string_view key, float otherwise, double least, double most) {
    return static_cast<float>(
        bias.Real(key, static_cast<double>(otherwise), {.min = least, .max = most}));
  };
  if (options.method == BiasMethod::kNone) return options;
  options.positions = count("positions", options.positions, 1);
  if (options.method == BiasMethod::kAdversarial) {
    options.adversarial_weight = real("adversarial_weight", options.adversarial_weight, 0, 1000);
    options.learning_rate = 0;  // it has no tables
    return options;
  }
  options.features = bias.Texts("features", options.features);
  options.columns = count("columns", options.columns, 0);
  options.dropout = real("dropout", options.dropout, 0, 0.95);
  options.learning_rate = real("learning_rate", options.learning_rate, kLeastLearningRate, 100);
  if (options.method == BiasMethod::kInput) {
    options.served_position = count("served_position", options.served_position, 0);
    if (options.served_position > options.positions) {
      bias.Fail("served_position",
                fmt::format("expected one of the `positions` ({}) that have cells of their own, or "
                            "0, found {}",
                            options.positions, options.served_position));
    }
  }
  return options;
}

Result<BiasFeatures::Factor> BiasFeatures::FactorOf(const std::string& name,
                                                    const features::ModelShape& shape) const {
  if (name == "position") return Factor{.kind = Factor::Kind::kPosition, .values = positions_ + 1};
  if (name == "row" || name == "column") {
    if (columns_ == 0) {
      return InvalidArgument("\"{}\" is of a grid; say how many columns it has (columns = 4)",
                             name);
    }
    const size_t rows = (positions_ + columns_ - 1) / columns_;
    return name == "row" ? Factor{.kind = Factor::Kind::kRow, .values = rows + 1}
                         : Factor{.kind = Factor::Kind::kColumn, .values = columns_ + 1};
  }
  const auto& slots = shape.query.slots;
  const auto slot = std::ranges::find(slots, name, &features::ModelShape::Slot::feature);
  if (slot == slots.end() || slot->list) {
    return InvalidArgument(
        "expected \"position\", \"row\", \"column\" or a feature of the "
        "request with one value, crossed by \" x \", found \"{}\"; known: {}",
        name, fmt::join(KnownNames(shape), ", "));
  }
  return Factor{.kind = Factor::Kind::kSlot,
                .slot = static_cast<size_t>(slot - slots.begin()),
                .values = std::max<size_t>(shape.tables[slot->table].rows, 1)};
}

Result<BiasFeatures> BiasFeatures::Make(const BiasOptions& options,
                                        const features::ModelShape& shape) {
  BiasFeatures bias;
  bias.positions_ = options.positions;
  bias.columns_ = options.columns;
  for (const std::string& feature : options.features) {
    Cross cross;
    size_t cells = 1;
    for (const std::string& name : FactorNames(feature)) {
      UPNEXT_ASSIGN_OR_RETURN(cross.emplace_back(), bias.FactorOf(name, shape));
      cells *= std::min(cross.back().values, kMaxCells);
      if (cells + bias.rows_ <= kMaxCells) continue;
      return InvalidArgument(
          "expected crosses of at most {} cells, but \"{}\" has more; "
          "lower `positions` or leave a feature out",
          kMaxCells, feature);
    }
    bias.begins_.push_back(bias.rows_);
    bias.rows_ += cells;
    bias.crosses_.push_back(std::move(cross));
  }
  UPNEXT_RETURN_IF_ERROR(CheckCrosses(options.features));
  return bias;
}

size_t BiasFeatures::ValueAt(const Factor& factor, size_t position) const {
  if (factor.kind == Factor::Kind::kPosition || position == 0) return position;
  return (factor.kind == Factor::Kind::kRow ? (position - 1) / columns_
                                            : (position - 1) % columns_) +
         1;
}

std::vector<uint32_t> BiasFeatures::RowsIn(const BiasFeatures& grown) const {
  std::vector<uint32_t> rows(rows_, 0);
  for (size_t c = 0; c < crosses_.size(); ++c) {
    const size_t end = c + 1 < begins_.size() ? begins_[c + 1] : rows_;
    for (size_t row = begins_[c]; row < end; ++row) {
      size_t cell = row - begins_[c], place = 1, there = 0;  // from the last factor to the first
      for (size_t f = crosses_[c].size(); f-- > 0;) {
        there += place * (cell % crosses_[c][f].values);
        cell /= crosses_[c][f].values;
        place *= grown.crosses_[c][f].values;
      }
      rows[row] = static_cast<uint32_t>(grown.begins_[c] + there);
    }
  }
  return rows;
}

size_t BiasFeatures::ValueOf(const Factor& factor, const features::FeatureBlock& queries,
                             size_t query, size_t position) const {
  if (factor.kind != Factor::Kind::kSlot) return ValueAt(factor, position);
  const std::span<const uint32_t> ids = queries.categorical[factor.slot][query];
  return ids.empty() || ids[0] >= factor.values ? 0 : ids[0];
}

void BiasFeatures::Cells(const features::FeatureBlock& queries, std::span<const uint32_t> query_of,
                         std::span<const uint16_t> positions, features::Bags* cells,
                         uint16_t position) const {
  cells->Clear();
  for (size_t i = 0; i < query_of.size(); ++i) {
    const size_t at = std::min<size_t>(positions.empty() ? position : positions[i], positions_);
    for (size_t c = 0; c < crosses_.size(); ++c) {
      size_t cell = 0;
      for (const Factor& factor : crosses_[c]) {
        cell = cell * factor.values + ValueOf(factor, queries, query_of[i], at);
      }
      cells->ids.push_back(static_cast<uint32_t>(begins_[c] + cell));
    }
    cells->Close();
  }
}

std::vector<nn::Graph::Value> BiasFeatures::AppendCells(nn::Graph& graph,
                                                        std::span<const nn::Graph::Value> ids,
                                                        const nn::Graph::Value& query_of,
                                                        uint16_t position) const {
  const size_t at = std::min<size_t>(position, positions_);
  std::vector<nn::Graph::Value> cells;
  for (size_t c = 0; c < crosses_.size(); ++c) {
    // As Cells: the values are digits, those of ids are known when the graph runs.
    size_t known = 0, scale = 1;
    nn::Graph::Value cell;
    for (const Factor& factor : crosses_[c] | std::views::reverse) {
      if (factor.kind != Factor::Kind::kSlot) {
        known += scale * ValueAt(factor, at);
      } else {
        const nn::Graph::Value digit =
            graph.Op("Mul", {graph.Op("Gather", {ids[factor.slot], query_of}),
                             graph.Int(static_cast<int64_t>(scale))});
        cell = cell.empty() ? digit : graph.Op("Add", {cell, digit});
      }
      scale *= factor.values;
    }
    const nn::Graph::Value first = graph.Int(static_cast<int64_t>(begins_[c] + known));
    cells.push_back(cell.empty() ? graph.Op("Expand", {first, graph.Op("Shape", {query_of})})
                                 : graph.Op("Add", {cell, first}));
  }
  return cells;
}

}  // namespace upnext::ranking
