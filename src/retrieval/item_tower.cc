#include "retrieval/item_tower.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/aligned_buffer.h"
#include "kernels/gemm.h"
#include "kernels/vector_ops.h"

namespace upnext::retrieval {
namespace {

constexpr size_t kTowerRows = 256;  // at a time: their vectors stay in a core's cache

// Tables of the shape that features of an item read, each once.
std::vector<uint32_t> ContentTables(const CandidateShape& shape) {
  std::vector<uint32_t> tables;
  for (const features::ModelShape::Slot& slot : shape.inputs.impression.slots) {
    if (std::ranges::find(tables, slot.table) == tables.end()) tables.push_back(slot.table);
  }
  return tables;
}

std::string ContentName(const std::string& vocabulary) { return "content." + vocabulary; }

}  // namespace

ItemTower::ItemTower(const CandidateModelOptions& options, const CandidateShape& shape,
                     base::Rng& rng)
    : ids_({.rows = shape.items, .dim = options.dim}, rng),
      numbers_(shape.inputs.impression.dense),
      map_(options.dim * numbers_),
      d_map_(map_.size()) {
  const std::vector<uint32_t> tables = ContentTables(shape);
  for (const uint32_t table : tables) {
    const features::ModelShape::Table& of = shape.inputs.tables[table];
    content_.push_back({of.name, {{.rows = of.rows, .dim = options.dim, .scale = 0}, rng}});
  }
  for (const features::ModelShape::Slot& slot : shape.inputs.impression.slots) {
    slots_.push_back(static_cast<size_t>(std::ranges::find(tables, slot.table) - tables.begin()));
  }
}

void ItemTower::Encode(const features::FeatureBlock& content, std::span<const uint32_t> rows,
                       float* out) const {
  thread_local kernels::AlignedBuffer<float> part, numbers;
  thread_local features::Bags bags;
  const size_t width = dim();
  std::fill_n(out, rows.size() * width, 0.0f);
  part.Reserve(rows.size() * width);
  for (size_t slot = 0; slot < slots_.size(); ++slot) {
    SelectBags(content.categorical[slot], rows, &bags);
    content_[slots_[slot]].table.GatherMean({bags.ids, bags.offsets, bags.weights}, part.data(),
                                            width);
    kernels::Axpy(1.0f, part.data(), out, rows.size() * width);
  }
  if (numbers_ == 0) return;
  numbers.Reserve(rows.size() * numbers_);
  SelectNumbers(content, rows, numbers.data());
  kernels::Gemm({.m = rows.size(), .n = width, .k = numbers_, .transpose_b = true, .beta = 1},
                numbers.data(), map_.data(), out, kernels::Precision::kFp32);
}

void ItemTower::EncodeKnown(const features::FeatureBlock& content, nn::EmbeddingTable* vectors,
                            base::ThreadPool* pool) const {
  std::vector<uint32_t> rows(ids_.rows() - 1);
  std::iota(rows.begin(), rows.end(), 1u);
  EncodeRows(content, rows, [](uint32_t) { return true; }, vectors, pool);
}

void ItemTower::EncodeRows(const features::FeatureBlock& content, std::span<const uint32_t> rows,
                           const std::function<bool(uint32_t)>& has_id, nn::EmbeddingTable* vectors,
                           base::ThreadPool* pool) const {
  base::ParallelFor(pool, rows.size(), kTowerRows, [&](size_t begin, size_t end) {
    thread_local kernels::AlignedBuffer<float> made;
    made.Reserve((end - begin) * dim());
    Encode(content, rows.subspan(begin, end - begin), made.data());
    for (size_t i = begin; i < end; ++i) {
      float* const vector = made.data() + (i - begin) * dim();
      if (has_id(rows[i])) kernels::Axpy(1.0f, ids_.Row(rows[i]).data(), vector, dim());
      vectors->SetRow(rows[i], {vector, dim()});
    }
  });
}

void ItemTower::AppendParameters(std::vector<nn::Parameter>& parameters) {
  ids_.AppendParameters("item_ids", parameters);
  for (Content& one : content_) one.table.AppendParameters(ContentName(one.name), parameters);
  if (numbers_ == 0) return;
  parameters.push_back(
      {.name = "content.numbers", .shape = {dim(), numbers_}, .value = map_, .gradient = d_map_});
}

void SelectBags(const features::Bags& from, std::span<const uint32_t> rows, features::Bags* out) {
  out->Clear();
  for (const uint32_t row : rows) {
    out->Append(from, from.offsets[row], from.offsets[row + 1]);
    out->Close();
  }
}

void SelectNumbers(const features::FeatureBlock& from, std::span<const uint32_t> rows, float* out) {
  for (const uint32_t row : rows) {
    const float* numbers = from.dense.data() + row * from.dense_width;
    out = std::copy_n(numbers, from.dense_width, out);
  }
}

Status CheckItemFeatures(ItemEncoder items, bool any, std::string_view name) {
  if (items == ItemEncoder::kContent && !any) {
    return FailedPrecondition(
        "\"content\" needs features of items, found none; write a [[feature]] with from = "
        "\"item.channel\" (or another attribute of items) and for = [\"retrieval\"]");
  }
  if (items == ItemEncoder::kId && any) {
    return FailedPrecondition(
        "the candidate model has features of items{}, which only [retrieval] items = \"content\" "
        "reads, found \"id\"; set it, or declare them for ranking alone",
        name.empty() ? "" : fmt::format(" ('{}')", name));
  }
  return Ok();
}

Status CheckItemTower(const CandidateModelOptions& options, const CandidateShape& shape) {
  const features::ModelShape::SideShape& item = shape.inputs.impression;
  const Status fits = CheckItemFeatures(options.items, !item.slots.empty() || item.dense > 0,
                                        item.slots.empty() ? "" : item.slots.front().feature);
  if (!fits) return FailedPrecondition("retrieval.items: {}", fits.error().message);
  return Ok();
}

void ForEachItemTable(const CandidateShape& shape,
                      const std::function<void(const std::string&, uint32_t)>& visit) {
  visit("item_ids", shape.items);
  for (const uint32_t table : ContentTables(shape)) {
    const features::ModelShape::Table& of = shape.inputs.tables[table];
    visit(ContentName(of.name), of.rows);
  }
}

}  // namespace upnext::retrieval
