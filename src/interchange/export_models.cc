#include "interchange/export_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/npy.h"
#include "base/time_text.h"
#include "examples/candidate_stream.h"
#include "examples/ranking_stream.h"
#include "features/retrieval_reference.h"
#include "interchange/manifest.h"
#include "interchange/onnx.h"
#include "interchange/tensors.h"
#include "nn/graph.h"
#include "ranking/score.h"
#include "retrieval/candidate_reference.h"

namespace upnext::interchange {
namespace {

using json = nlohmann::ordered_json;

constexpr size_t kExamples = 16;      // impressions at least, and users
constexpr size_t kChosenFrom = 1024;  // examples that are mixed

// NAME.onnx, NAME.quantiles.json and NAME.example.json, and what the manifest says of them.
Result<json> WriteModel(const std::string& name, const nn::Graph& graph,
                        const features::FeatureStatistics& tables, features::Model model,
                        const json& example, const std::filesystem::path& folder) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string bytes, EncodeOnnx(graph, name));
  const std::string network = name + ".onnx", quantiles = name + ".quantiles.json",
                    examples = name + ".example.json";
  UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(folder / network, bytes));
  UPNEXT_RETURN_IF_ERROR(
      base::WriteFileAtomic(folder / quantiles, QuantilesJson(tables, model).dump() + "\n"));
  UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(folder / examples, example.dump() + "\n"));
  json outputs = json::array();
  for (const nn::Graph::Port& port : graph.outputs()) {
    outputs.push_back({{"name", port.name}, {"type", "float32"}, {"shape", port.shape}});
  }
  return json{{"file", network},
              {"quantiles", quantiles},
              {"example", examples},
              {"inputs", DescribeInputs(graph, tables, model)},
              {"outputs", std::move(outputs)}};
}

std::vector<Tensor> Inputs(const ranking::Ranker& ranker, const examples::RankingBatch& batch) {
  std::vector<Tensor> inputs =
      SideTensors(features::kSideNames[0], ranker.shape().query, batch.queries);
  for (Tensor& tensor :
       SideTensors(features::kSideNames[1], ranker.shape().impression, batch.impressions)) {
    inputs.push_back(std::move(tensor));
  }
  const std::vector<size_t> rows = {batch.size()};
  inputs.push_back(
      {"query_of", rows, std::vector<int64_t>(batch.query_of.begin(), batch.query_of.end())});
  if (std::ranges::any_of(ranker.objectives(), ranking::ReadsDuration)) {
    inputs.push_back({"duration_s", rows, batch.impressions.duration_s});
  }
  return inputs;
}

std::vector<Tensor> Outputs(const ranking::Ranker& ranker, const examples::RankingBatch& batch) {
  const size_t n = batch.size(), tasks = ranker.objectives().size();
  std::vector<float> predictions(n * tasks);
  ranking::Ranker::Scratch scratch;
  ranker.Score(batch.queries, batch.impressions, batch.query_of, predictions.data(), scratch, {});
  std::vector<Tensor> outputs;
  for (size_t k = 0; k < tasks; ++k) {
    std::vector<float> column(n);
    for (size_t i = 0; i < n; ++i) column[i] = predictions[i * tasks + k];
    outputs.push_back(
        {fmt::format("prediction.{}", ranker.objectives()[k].name), {n}, std::move(column)});
  }
  const std::vector<float> exponents = ranking::ExponentsOf(ranker.objectives());
  std::vector<float> score(n);
  for (size_t i = 0; i < n; ++i) {
    score[i] = static_cast<float>(
        ranking::CombinedScore(exponents, std::span(predictions).subspan(i * tasks, tasks)));
  }
  if (std::ranges::any_of(exponents, [](float exponent) { return exponent != 0; })) {
    outputs.push_back({"score", {n}, std::move(score)});
  }
  return outputs;
}

Result<json> ExportRanker(const Models& models, const examples::ReplaySource& source,
                          const std::filesystem::path& folder, base::ThreadPool& pool) {
  const ranking::Ranker& ranker = *models.ranker;
  examples::RankingStream stream(source, models.tables,
                                 {.seed = models.seed, .shuffle_buffer = kChosenFrom}, pool);
  examples::RankingBatch batch;
  stream.StartEpoch(0);
  stream.Next(kExamples, &batch);
  const json example = {{"inputs", ToJson(Inputs(ranker, batch))},
                        {"outputs", ToJson(Outputs(ranker, batch))}};
  nn::Graph graph;
  ranker.AppendTo(graph);
  UPNEXT_ASSIGN_OR_RETURN(json model, WriteModel("ranker", graph, models.tables,
                                                 features::Model::kRanking, example, folder));
  for (const ranking::Objective& objective : ranker.objectives()) {
    model["score_weights"][objective.name] = objective.score_weight;
  }
  model["multiplications"] = ranker.multiplications();
  return model;
}

Result<json> ExportCandidate(const Models& models, const examples::ReplaySource& source,
                             const std::filesystem::path& folder, base::ThreadPool& pool) {
  const retrieval::CandidateModel& candidate = *models.candidate;
  examples::CandidateStream stream(source, models.tables,
                                   {.seed = models.seed, .shuffle_buffer = kChosenFrom}, pool);
  features::CandidateBatch batch;
  stream.StartEpoch(0);
  stream.Next(kExamples, &batch);
  std::vector<float> vectors(batch.size() * candidate.dim());
  retrieval::CandidateModel::Scratch scratch;
  candidate.UserVectors(batch.features, vectors.data(), scratch, {});
  const json example = {
      {"inputs", ToJson(SideTensors(features::kSideNames[0], candidate.shape().inputs.query,
                                    batch.features))},
      {"outputs", ToJson({{"user_vector", {batch.size(), candidate.dim()}, vectors}})}};
  nn::Graph graph;
  candidate.AppendTo(graph);
  UPNEXT_ASSIGN_OR_RETURN(json model, WriteModel("candidate", graph, models.tables,
                                                 features::Model::kRetrieval, example, folder));
  const nn::EmbeddingTable& items = candidate.item_vectors();
  const auto view = items.view();
  UPNEXT_RETURN_IF_ERROR(
      base::WriteNpy(folder / "items.npy", std::span(view.data, view.rows * view.dim), view.dim));
  model["items"] = {{"file", "items.npy"},
                    {"type", "float32"},
                    {"shape", {items.rows(), items.dim()}},
                    {"vocabulary", features::kItemVocabulary},
                    {"score", "inner product of user_vector and a row; row 0 is no item"}};
  return model;
}

// A folder as that of a bundle without a ranker, with vocabularies of its own.
Status ExportReference(const features::RetrievalReference& reference, const Models& models,
                       const examples::ReplaySource& source, const std::filesystem::path& folder,
                       base::ThreadPool& pool) {
  const auto* const model =
      dynamic_cast<const retrieval::CandidateReference*>(reference.model().get());
  if (model == nullptr) return Internal("the reference is no candidate model");
  return ExportModels({.tables = reference.tables(),
                       .candidate = &model->model(),
                       .version = models.version,
                       .seed = models.seed},
                      source, folder / "reference", pool);
}

}  // namespace

Status ExportModels(const Models& models, const examples::ReplaySource& source,
                    const std::filesystem::path& folder, base::ThreadPool& pool) {
  if (models.ranker == nullptr && models.candidate == nullptr) {
    return FailedPrecondition("expected a ranker or a candidate model in bundle {}, found neither",
                              models.version);
  }
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  json exported = json::object();
  if (models.ranker != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(exported["ranker"], ExportRanker(models, source, folder, pool));
  }
  if (models.candidate != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(exported["candidate"], ExportCandidate(models, source, folder, pool));
  }
  UPNEXT_ASSIGN_OR_RETURN(json vocabularies,
                          WriteVocabularies(models.tables, source.catalogue, folder));
  json manifest = {{"upnext", UPNEXT_VERSION},
                   {"bundle", models.version},
                   {"opset", nn::Graph::kOpset},
                   {"models", std::move(exported)},
                   {"vocabularies", std::move(vocabularies)}};
  if (const auto* const reference = models.tables.reference.get(); reference != nullptr) {
    UPNEXT_RETURN_IF_ERROR(ExportReference(*reference, models, source, folder, pool));
    manifest["reference"] = {{"manifest", "reference/manifest.json"},
                             {"end", base::FormatTime(reference->end_ms())}};
  }
  return base::WriteFileAtomic(folder / "manifest.json", manifest.dump(2) + "\n");
}

}  // namespace upnext::interchange
