#include "onnx/inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/suggest.h"

namespace upnext::onnx {

using features::BlockColumn;
using features::FeatureBlock;
using Kind = BlockColumn::Kind;

namespace {

constexpr double kMostWhole = 9e15;  // exact in a double

template <typename T>
T CellOf(double value, double missing) {
  if (std::isnan(value)) value = missing;
  if constexpr (std::is_integral_v<T>) {
    const double most = std::min(kMostWhole, static_cast<double>(std::numeric_limits<T>::max()));
    value = std::isnan(value) ? 0 : std::clamp(value, -most, most);
  }
  return static_cast<T>(value);
}

double DefaultMissing(TensorType type) {
  const bool whole = type == TensorType::kInt64 || type == TensorType::kInt32;
  return whole ? 0 : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::string PortNames(const std::vector<TensorPort>& ports) {
  std::vector<std::string> names;
  for (const TensorPort& port : ports) names.push_back(port.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

VocabularyRows RowsOf(const features::FeatureStatistics& tables) {
  VocabularyRows rows;
  const auto& vocabularies = tables.plan.vocabularies();
  for (size_t i = 0; i < vocabularies.size(); ++i) rows[vocabularies[i].name] = tables.rows(i);
  return rows;
}

Result<size_t> FindPort(const std::vector<TensorPort>& ports, const std::string& name,
                        std::string_view what) {
  if (name.empty() && ports.size() == 1) return 0;
  if (name.empty()) {
    return InvalidArgument("the network has {} {}s: give each in the manifest its \"name\": {}",
                           ports.size(), what, PortNames(ports));
  }
  const auto found = std::ranges::find(ports, name, &TensorPort::name);
  if (found != ports.end()) return static_cast<size_t>(found - ports.begin());
  return InvalidArgument("the manifest has an {} \"{}\", the network has not; there are: {}", what,
                         name, PortNames(ports));
}

Inputs::Columns Inputs::ColumnsOf(const features::FeaturePlan& plan, const VocabularyRows& rows,
                                  Of of) {
  Columns columns{.of = of};
  const auto model = of == Of::kRanker ? features::Model::kRanking : features::Model::kRetrieval;
  for (const features::Side side : {features::Side::kQuery, features::Side::kImpression}) {
    const bool query = side == features::Side::kQuery;
    if (!query && of == Of::kUserEncoder) continue;
    for (BlockColumn& column :
         features::ColumnsOf(plan.side(model, side), features::kSideNames[query ? 0 : 1])) {
      Source source{.from = query ? Source::From::kQuery : Source::From::kImpression};
      const bool ids = column.kind == Kind::kId || column.kind == Kind::kIds;
      if (ids) {
        const auto known = rows.find(plan.vocabularies()[column.vocabulary].name);
        if (known != rows.end()) source.rows = known->second;
      }
      source.width = column.width;
      const std::string name = column.name;
      source.column = std::move(column);
      columns.by_name.emplace(name, std::move(source));
    }
  }
  if (of == Of::kRanker) {
    columns.by_name[kPositionColumn] = {.from = Source::From::kPosition};
    columns.by_name[kDurationColumn] = {.from = Source::From::kDuration};
  }
  return columns;
}

std::unexpected<Error> Inputs::NoColumn(const Columns& columns, const std::string& name) {
  const bool ranker = columns.of == Of::kRanker;
  const bool of_candidate = name == kPositionColumn || name == kDurationColumn ||
                            name.starts_with(fmt::format("{}.", features::kSideNames[1]));
  if (!ranker && of_candidate) {
    return InvalidArgument(
        "the manifest has a column \"{}\", which is of a candidate; a user encoder reads the user and "
        "the request only: columns that begin with \"{}.\"",
        name, features::kSideNames[0]);
  }
  std::vector<std::string> names;
  for (const auto& [known, source] : columns.by_name) names.push_back(known);
  return InvalidArgument(
      "the manifest has a column \"{}\", the features of the {} have not{}; `upnext export --examples "
      "--stage {}` writes those that there are",
      name, ranker ? "ranker" : "candidate model", base::DidYouMean(name, names),
      ranker ? "ranking" : "retrieval");
}

Result<Inputs::Source> Inputs::Find(const Columns& columns, const std::string& name, bool list) {
  const auto found = columns.by_name.find(name);
  if (found == columns.by_name.end()) return NoColumn(columns, name);
  if (found->second.column.is_list()) {
    if (list) return found->second;
    return InvalidArgument(
        "the column \"{}\" is a list: give it an input of its own, {{\"list\": \"{}\", \"length\": "
        "...}}",
        name, name);
  }
  if (!list) return found->second;
  return InvalidArgument("\"list\": the column \"{}\" is no list; put it into \"columns\"", name);
}

Result<Inputs::Bound> Inputs::BindOne(const Input& input, const TensorPort& port,
                                      const Columns& columns) {
  if (port.type == TensorType::kOther) {
    return InvalidArgument(
        "the input \"{}\" of the network is {}; expected a tensor of float32, float64, int64 or "
        "int32",
        port.name, Describe(port));
  }
  Bound bound{.type = port.type};
  if (!input.list.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(Source source, Find(columns, input.list, /*list=*/true));
    source.width = input.length;
    source.missing = input.missing.value_or(0);
    bound.sources.push_back(std::move(source));
  }
  for (const Column& column : input.columns) {
    UPNEXT_ASSIGN_OR_RETURN(Source source, Find(columns, column.name, /*list=*/false));
    source.at = bound.width;
    source.missing = column.missing.value_or(input.missing.value_or(DefaultMissing(port.type)));
    bound.width += source.width;
    bound.sources.push_back(std::move(source));
  }
  if (!input.list.empty()) bound.width = input.length;
  bound.flat = port.shape.size() == 1;
  const bool rank_fits = port.shape.size() == 2 || (bound.flat && bound.width == 1);
  const bool width_fits = bound.flat || port.shape.size() != 2 || port.shape[1] < 0 ||
                          static_cast<size_t>(port.shape[1]) == bound.width;
  if (!rank_fits || !width_fits) {
    return InvalidArgument(
        "the input \"{}\" of the network is {}, but the columns of the manifest make {} [?, {}]",
        port.name, Describe(port), TensorTypeName(port.type), bound.width);
  }
  if (port.shape[0] >= 0) {
    return InvalidArgument(
        "the input \"{}\" of the network is {}: expected any number of rows; export it with a "
        "first dimension that is not fixed",
        port.name, Describe(port));
  }
  return bound;
}

Result<Inputs> Inputs::Bind(std::span<const Input> inputs, const std::vector<TensorPort>& ports,
                            const features::FeaturePlan& plan, const VocabularyRows& rows, Of of) {
  const Columns columns = ColumnsOf(plan, rows, of);
  std::vector<std::optional<Bound>> bound(ports.size());
  for (const Input& input : inputs) {
    UPNEXT_ASSIGN_OR_RETURN(const size_t place, FindPort(ports, input.name, "input"));
    if (bound[place]) {
      return InvalidArgument("the manifest has the input \"{}\" twice", ports[place].name);
    }
    UPNEXT_ASSIGN_OR_RETURN(bound[place], BindOne(input, ports[place], columns));
  }
  Inputs all;
  for (size_t i = 0; i < ports.size(); ++i) {
    if (!bound[i]) {
      return InvalidArgument("the network has an input \"{}\", {}, the manifest has not",
                             ports[i].name, Describe(ports[i]));
    }
    all.inputs_.push_back(*std::move(bound[i]));
  }
  return all;
}

template <typename T>
void Inputs::PutCells(const Source& source, const FeatureBlock& block, size_t row, T* cells) {
  const BlockColumn& column = source.column;
  const auto known = [&](uint32_t id) { return id < source.rows ? id : 0; };
  switch (column.kind) {
    case Kind::kId: {
      const std::optional<uint32_t> id = column.IdAt(block, row);
      *cells = CellOf<T>(id ? known(*id) : std::nan(""), source.missing);
      return;
    }
    case Kind::kNumber:
      *cells = CellOf<T>(static_cast<double>(column.NumberAt(block, row)), source.missing);
      return;
    case Kind::kVector: {
      const std::span<const float> vector = column.VectorAt(block, row);
      for (size_t i = 0; i < source.width; ++i) {
        cells[i] = CellOf<T>(vector.empty() ? std::nan("") : static_cast<double>(vector[i]),
                             source.missing);
      }
      return;
    }
    case Kind::kIds: {
      const std::span<const uint32_t> ids = column.IdsAt(block, row);
      const size_t taken = std::min(ids.size(), source.width);
      std::fill_n(cells, source.width - taken, CellOf<T>(source.missing, 0));
      std::ranges::transform(ids.last(taken), cells + source.width - taken,
                             [&](uint32_t id) { return static_cast<T>(known(id)); });
      return;
    }
    case Kind::kWeights: {
      const std::vector<float> weights = column.WeightsAt(block, row);
      const size_t taken = std::min(weights.size(), source.width);
      std::fill_n(cells, source.width - taken, CellOf<T>(source.missing, 0));
      std::ranges::transform(std::span(weights).last(taken), cells + source.width - taken,
                             [](float weight) { return static_cast<T>(weight); });
      return;
    }
  }
}

template <typename T>
Tensor Inputs::Fill(const Bound& input, const FeatureBlock& queries,
                    const FeatureBlock& impressions, std::span<const uint32_t> query_of) {
  const size_t rows = query_of.size();
  std::vector<T> values(rows * input.width);
  for (const Source& source : input.sources) {
    for (size_t i = 0; i < rows; ++i) {
      T* const cells = values.data() + i * input.width + source.at;
      switch (source.from) {
        case Source::From::kQuery:
          if (i > 0 && query_of[i] == query_of[i - 1]) {
            std::copy_n(cells - input.width, source.width, cells);
          } else {
            PutCells(source, queries, query_of[i], cells);
          }
          break;
        case Source::From::kImpression:
          PutCells(source, impressions, i, cells);
          break;
        case Source::From::kDuration: {
          const bool known = !impressions.duration_s.empty();
          *cells = CellOf<T>(known ? static_cast<double>(impressions.duration_s[i]) : std::nan(""),
                             source.missing);
          break;
        }
        case Source::From::kPosition:
          *cells = CellOf<T>(std::nan(""), source.missing);
          break;
      }
    }
  }
  std::vector<int64_t> shape = {static_cast<int64_t>(rows)};
  if (!input.flat) shape.push_back(static_cast<int64_t>(input.width));
  return {.shape = std::move(shape), .values = std::move(values)};
}

std::vector<Tensor> Inputs::Make(const FeatureBlock& queries, const FeatureBlock& impressions,
                                 std::span<const uint32_t> query_of) const {
  std::vector<Tensor> tensors;
  for (const Bound& input : inputs_) {
    switch (input.type) {
      case TensorType::kFloat:
        tensors.push_back(Fill<float>(input, queries, impressions, query_of));
        break;
      case TensorType::kDouble:
        tensors.push_back(Fill<double>(input, queries, impressions, query_of));
        break;
      case TensorType::kInt64:
        tensors.push_back(Fill<int64_t>(input, queries, impressions, query_of));
        break;
      case TensorType::kInt32:
        tensors.push_back(Fill<int32_t>(input, queries, impressions, query_of));
        break;
      case TensorType::kOther:
        break;  // refused by Bind
    }
  }
  return tensors;
}

std::vector<Tensor> Inputs::Make(const FeatureBlock& queries) const {
  std::vector<uint32_t> each(queries.rows);
  std::iota(each.begin(), each.end(), 0);
  return Make(queries, {}, each);
}

}  // namespace upnext::onnx
