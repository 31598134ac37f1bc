#include "features/model_shape.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::features {
namespace {

constexpr size_t kSlotNumbers = 3;  // of section shape.slots, for each slot
constexpr size_t kMaxDense = 1 << 20;

// Numbers the first list of items of each list of events, and what is said of these.
void NumberEvents(const std::vector<Feature>& features, std::vector<ModelShape::Slot>* slots) {
  uint32_t number = 0;
  for (size_t items = 0; items < features.size(); ++items) {
    const CategoryOp& of = features[items].category;
    const auto lists = [&](size_t i) {
      const CategoryOp& op = features[i].category;
      return features[i].has_id_of_each_entry() && !features[i].dropped && op.bag == of.bag &&
             op.newest == of.newest;
    };
    const auto is_items = [&](size_t i) {
      return features[i].category.says == CategoryOp::Says::kId &&
             features[i].category.paths.empty();
    };
    if (!lists(items) || !is_items(items)) continue;
    bool any = false;
    for (size_t i = 0; i < features.size(); ++i) {
      if (!lists(i) || is_items(i) || (*slots)[i].events > 0) continue;
      if (!any) (*slots)[items].events = ++number;
      any = true;
      (*slots)[i].events = number;
    }
  }
}

}  // namespace

size_t ModelShape::Find(std::string_view table) const {
  return static_cast<size_t>(std::ranges::find(tables, table, &Table::name) - tables.begin());
}

Status ModelShape::Save(base::SectionWriter& writer) const {
  std::vector<std::string> names, features;
  std::vector<uint32_t> rows, slots;
  for (const Table& table : tables) {
    names.push_back(table.name);
    rows.push_back(table.rows);
  }
  for (const SideShape* side : {&query, &impression}) {
    for (const Slot& slot : side->slots) {
      features.push_back(slot.feature);
      slots.insert(slots.end(),
                   {slot.table, slot.list ? 1u : 0u, slot.ordered ? 1 + slot.events : 0});
    }
  }
  UPNEXT_RETURN_IF_ERROR(base::AddStrings(writer, "shape.tables", names));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("shape.rows", rows));
  UPNEXT_RETURN_IF_ERROR(base::AddStrings(writer, "shape.features", features));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("shape.slots", slots));
  return writer.Add<uint64_t>(
      "shape.sides", std::vector<uint64_t>{query.slots.size(), query.dense, impression.dense});
}

Result<ModelShape> ModelShape::Load(const base::SectionFile& file) {
  UPNEXT_ASSIGN_OR_RETURN(const base::StringTable names,
                          base::StringTable::Get(file, "shape.tables"));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const uint32_t> rows,
                          file.Get<uint32_t>("shape.rows", names.size()));
  UPNEXT_ASSIGN_OR_RETURN(const base::StringTable features,
                          base::StringTable::Get(file, "shape.features"));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const uint32_t> slots,
                          file.Get<uint32_t>("shape.slots", features.size() * kSlotNumbers));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const uint64_t> sides,
                          file.Get<uint64_t>("shape.sides", 3));
  ModelShape shape;
  for (size_t i = 0; i < names.size(); ++i) {
    if (rows[i] == 0) {
      return DataLoss("{}: table {} has no row 0; train again", file.path().string(), names[i]);
    }
    shape.tables.push_back({std::string(names[i]), rows[i]});
  }
  const bool fits = sides[0] <= features.size() && sides[1] <= kMaxDense && sides[2] <= kMaxDense;
  for (size_t i = 0; fits && i < features.size(); ++i) {
    const uint32_t* numbers = slots.data() + i * kSlotNumbers;
    if (numbers[0] >= names.size() || numbers[1] > 1 || numbers[2] > 1 + features.size()) {
      return DataLoss("{}: the inputs are out of bounds; train again", file.path().string());
    }
    (i < sides[0] ? shape.query : shape.impression)
        .slots.push_back({.feature = std::string(features[i]),
                          .table = numbers[0],
                          .list = numbers[1] != 0,
                          .ordered = numbers[2] != 0,
                          .events = numbers[2] > 0 ? numbers[2] - 1 : 0});
  }
  if (!fits) return DataLoss("{}: the inputs do not fit; train again", file.path().string());
  shape.query.dense = sides[1];
  shape.impression.dense = sides[2];
  return shape;
}

ModelShape ShapeOf(const FeatureStatistics& tables, Model model) {
  ModelShape shape;
  for (const Side side : {Side::kQuery, Side::kImpression}) {
    const SidePlan& plan = tables.plan.side(model, side);
    ModelShape::SideShape& out = side == Side::kQuery ? shape.query : shape.impression;
    out.dense = plan.dense_width;
    for (const Feature& feature : plan.categories) {
      const std::string& name = tables.plan.vocabularies()[feature.vocabulary].name;
      const size_t table = shape.Find(name);
      if (table == shape.tables.size()) {
        shape.tables.push_back({name, tables.rows(feature.vocabulary)});
      }
      const bool list = feature.kind == FeatureKind::kMultivalent;
      const bool ordered =
          list && !feature.category.sorted && feature.category.code == CategoryOp::Code::kBag;
      out.slots.push_back({feature.name, static_cast<uint32_t>(table), list, ordered});
    }
    NumberEvents(plan.categories, &out.slots);
  }
  return shape;
}

}  // namespace upnext::features
