#include "retrieval/candidate_model.h"

#include <algorithm>
#include <utility>

#include "base/section_file.h"
#include "nn/checkpoint.h"
#include "retrieval/ensemble.h"

namespace upnext::retrieval {
namespace {

std::vector<nn::EmbeddingTable> TablesOf(const CandidateModelOptions& options,
                                         const features::ModelShape& inputs, base::Rng& rng) {
  std::vector<nn::EmbeddingTable> tables;
  for (size_t i = 0; i < QueryTables(inputs); ++i) {
    tables.emplace_back(nn::EmbeddingTableOptions{.rows = inputs.tables[i].rows,
                                                  .dim = TableDim(options, inputs, i),
                                                  .half = IsWide(inputs, i) && options.half_tables},
                        rng);
  }
  return tables;
}

std::string TableName(const features::ModelShape::Table& table) {
  return "embedding." + table.name;
}

// What the tables of a file must hold before memory is asked for on its word: those of one model, whose
// names begin with `prefix`.
Status CheckTables(const base::SectionFile& file, const CandidateModelOptions& options,
                   const CandidateShape& shape, const std::string& prefix) {
  const auto rows = [&](const std::string& name, uint64_t count, uint32_t dim) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(std::span<const float> values,
                            file.Get<float>(prefix + name, count * dim));
    (void)values;
    return Ok();
  };
  for (size_t i = 0; i < QueryTables(shape.inputs); ++i) {
    UPNEXT_RETURN_IF_ERROR(rows(TableName(shape.inputs.tables[i]), shape.inputs.tables[i].rows,
                                TableDim(options, shape.inputs, i)));
  }
  if (!IsTied(options, shape.inputs)) {
    UPNEXT_RETURN_IF_ERROR(rows("items", shape.items, options.dim));
  }
  if (options.items == ItemEncoder::kContent) {
    Status fits = Ok();
    ForEachItemTable(shape, [&](const std::string& name, uint32_t count) {
      if (fits) fits = rows(name, count, options.dim);
    });
    UPNEXT_RETURN_IF_ERROR(fits);
    if (const size_t numbers = shape.inputs.impression.dense; numbers > 0) {
      UPNEXT_RETURN_IF_ERROR(rows("content.numbers", options.dim, static_cast<uint32_t>(numbers)));
    }
  }
  return Ok();
}

Status CheckSizes(const base::SectionFile& file, const CandidateModelOptions& options,
                  const CandidateShape& shape) {
  for (uint32_t member = 0; member < options.ensemble; ++member) {
    UPNEXT_RETURN_IF_ERROR(
        CheckTables(file, options, shape, options.ensemble == 1 ? "" : fmt::format("{}.", member)));
  }
  const double floats = WeightsOf(options, shape) * options.ensemble;
  double bytes = 0;
  for (const base::SectionFile::Section& section : file.sections()) {
    bytes += static_cast<double>(section.size);
  }
  if (floats * sizeof(float) > bytes) {
    return DataLoss(
        "{}: the options ask for {:.0f} bytes of weights, but the file holds {:.0f}; train "
        "again",
        file.path().string(), floats * sizeof(float), bytes);
  }
  return Ok();
}

}  // namespace

CandidateModel::CandidateModel(const CandidateModelOptions& options, const CandidateShape& shape,
                               base::Rng& rng)
    : CandidateModel(options, shape, TablesOf(options, shape.inputs, rng), rng) {}

CandidateModel::CandidateModel(const CandidateModelOptions& options, const CandidateShape& shape,
                               std::vector<nn::EmbeddingTable> tables, base::Rng& rng)
    : options_(options),
      shape_(shape),
      tied_(IsTied(options, shape.inputs)),
      item_table_(shape.inputs.Find(features::kItemVocabulary)),
      items_({.rows = tied_ ? 1 : shape.items, .dim = options.dim, .half = options.half_tables},
             rng),
      encoder_(MakeUserEncoder(options, shape, std::move(tables), rng)) {
  if (options.items == ItemEncoder::kContent) item_tower_.emplace(options, shape, rng);
  options_.ensemble = 1;
}

CandidateModel::CandidateModel(std::vector<CandidateModel> members, base::Rng& rng)
    : options_(members[0].options_),
      shape_(members[0].shape_),
      tied_(false),
      item_table_(members[0].item_table_),
      items_({}, rng) {
  options_.ensemble = static_cast<uint32_t>(members.size());
  encoder_ = std::make_unique<JoinedEncoder>(std::move(members));
}

CandidateModel CandidateModel::Assemble(std::vector<CandidateModel> members) {
  base::Rng rng(0);
  return members.size() == 1 ? std::move(members[0]) : CandidateModel(std::move(members), rng);
}

CandidateModel CandidateModel::Join(std::vector<CandidateModel> members) {
  CandidateModel joined = Assemble(std::move(members));
  joined.JoinItems();
  return joined;
}

void CandidateModel::JoinItems() {
  const auto* joined = dynamic_cast<const JoinedEncoder*>(encoder_.get());
  if (joined != nullptr) items_ = joined->ItemVectors();
}

Result<CandidateModel> CandidateModel::Grow(CandidateModel& old, const CandidateShape& shape,
                                            bool half_tables, base::Rng& rng) {
  const auto grew = [](const features::ModelShape::Table& now,
                       const features::ModelShape::Table& before) {
    return now.name == before.name && now.rows >= before.rows;
  };
  const features::ModelShape& before = old.shape_.inputs;
  if (shape.inputs.query != before.query || shape.inputs.impression != before.impression ||
      shape.items < old.shape_.items ||
      !std::ranges::equal(shape.inputs.tables, before.tables, grew)) {
    return InvalidArgument(
        "expected features and vocabularies that grew from those of the candidate model, found "
        "others; train without --continue");
  }
  CandidateModelOptions options = old.options_;
  options.half_tables = half_tables;
  CandidateModel grown(options, shape, rng);
  nn::CopyRows(old.Parameters(), grown.Parameters());
  return grown;
}

std::span<const CandidateModel> CandidateModel::members() const {
  const auto* const joined = dynamic_cast<const JoinedEncoder*>(encoder_.get());
  return joined != nullptr ? joined->members() : std::span(this, 1);
}

std::span<CandidateModel> CandidateModel::members() {
  auto* const joined = dynamic_cast<JoinedEncoder*>(encoder_.get());
  return joined != nullptr ? joined->members() : std::span(this, 1);
}

void CandidateModel::UserVectors(const features::FeatureBlock& batch, float* out, Scratch& scratch,
                                 const nn::Compute& compute) const {
  if (batch.rows > 0) encoder_->Encode(batch, out, scratch.encoder, compute);
}

Status CandidateModel::EncodeUsers(const features::FeatureBlock& batch, float* out,
                                   Scratch& scratch, const nn::Compute& compute) const {
  UserVectors(batch, out, scratch, compute);
  return Ok();
}

void CandidateModel::AppendTo(nn::Graph& graph) const {
  const std::string rows = "queries";
  std::vector<nn::BagInput> bags;
  for (const features::ModelShape::Slot& slot : shape_.inputs.query.slots) {
    bags.push_back(
        nn::AppendBagInput(graph, fmt::format("query.{}", slot.feature), rows, slot.list));
  }
  nn::Graph::Value numbers;
  if (const size_t width = shape_.inputs.query.dense; width > 0) {
    numbers =
        graph.Input("numbers.query", nn::Graph::Type::kFloat, {rows, fmt::format("{}", width)});
  }
  graph.Output("user_vector", encoder_->AppendTo(graph, bags, numbers),
               {rows, fmt::format("{}", dim())});
}

const nn::EmbeddingTable& CandidateModel::item_vectors() const {
  return tied_ ? encoder_->tables()[item_table_] : items_;
}

nn::EmbeddingTable& CandidateModel::mutable_item_vectors() {
  return tied_ ? encoder_->tables()[item_table_] : items_;
}

void CandidateModel::SetOwnRow(uint32_t row, std::span<const float> values) {
  if (item_tower_) return item_tower_->SetOwnRow(row, values);
  mutable_item_vectors().SetRow(row, values);
}

void CandidateModel::EncodeItems(const features::FeatureBlock& content, base::ThreadPool* pool) {
  if (item_tower_) item_tower_->EncodeKnown(content, &mutable_item_vectors(), pool);
}

void CandidateModel::EncodeNewItems(const features::FeatureBlock& content,
                                    std::span<const uint32_t> rows, float* out) const {
  if (options_.ensemble == 1) return item_tower_->Encode(content, rows, out);
  std::vector<float> vectors(rows.size() * options_.dim);  // of one member
  for (const CandidateModel& member : members()) {
    member.EncodeNewItems(content, rows, vectors.data());
    for (size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(vectors.data() + i * options_.dim, options_.dim, out + i * dim());
    }
    out += options_.dim;
  }
}

void CandidateModel::WidenTables() {
  for (nn::EmbeddingTable& table : encoder_->tables()) table.Widen();
  items_.Widen();
  options_.half_tables = false;
}

std::vector<nn::Parameter> CandidateModel::Parameters() {
  std::vector<nn::Parameter> parameters;
  for (size_t i = 0; i < encoder_->tables().size(); ++i) {
    encoder_->tables()[i].AppendParameters(TableName(shape_.inputs.tables[i]), parameters);
  }
  if (!tied_ && options_.ensemble == 1) items_.AppendParameters("items", parameters);
  encoder_->AppendParameters(parameters);
  if (item_tower_) item_tower_->AppendParameters(parameters);
  return parameters;
}

Status CandidateModel::Save(const std::filesystem::path& path, uint64_t features_digest) const {
  UPNEXT_ASSIGN_OR_RETURN(
      base::SectionWriter writer,
      base::SectionWriter::Create(path, kCandidateModelKind, kCandidateModelVersion));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("features_digest", std::span(&features_digest, 1)));
  UPNEXT_RETURN_IF_ERROR(options_.Save(writer));
  UPNEXT_RETURN_IF_ERROR(shape_.inputs.Save(writer));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("shape.items", std::span(&shape_.items, 1)));
  // Parameters are views for reading and writing alike; saving only reads.
  const std::vector<nn::Parameter> parameters = const_cast<CandidateModel*>(this)->Parameters();
  UPNEXT_RETURN_IF_ERROR(nn::SaveParameters(writer, parameters));
  return writer.Commit();
}

Result<CandidateModel> CandidateModel::Load(const std::filesystem::path& path,
                                            uint64_t features_digest) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file, base::SectionFile::Open(path, kCandidateModelKind,
                                                                          kCandidateModelVersion));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> digest,
                          file.Get<uint64_t>("features_digest", 1));
  if (digest[0] != features_digest) {
    return FailedPrecondition(
        "{}: the model was trained with features of digest {:016x}, those at hand have {:016x}; "
        "use the features of its own bundle or train again",
        path.string(), digest[0], features_digest);
  }
  UPNEXT_ASSIGN_OR_RETURN(const CandidateModelOptions options, CandidateModelOptions::Load(file));
  CandidateShape shape;
  UPNEXT_ASSIGN_OR_RETURN(shape.inputs, features::ModelShape::Load(file));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> items, file.Get<uint32_t>("shape.items", 1));
  shape.items = items[0];
  if (shape.items == 0) return DataLoss("{}: a softmax without rows; train again", path.string());
  for (const Status& fits : {CheckEncoder(options, shape), CheckItemTower(options, shape)}) {
    if (fits) continue;
    return DataLoss("{}: {}; train again", path.string(), fits.error().message);
  }
  UPNEXT_RETURN_IF_ERROR(CheckSizes(file, options, shape));
  base::Rng rng(0);
  std::vector<CandidateModel> members;
  for (uint32_t i = 0; i < options.ensemble; ++i) {
    members.push_back(CandidateModel(options, shape, rng));
  }
  CandidateModel model = Assemble(std::move(members));
  UPNEXT_RETURN_IF_ERROR(nn::LoadParameters(file, model.Parameters()));
  model.JoinItems();
  return model;
}

}  // namespace upnext::retrieval
