#include "cli/bench_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "ann/exact_index.h"
#include "ann/graph_index.h"
#include "ann/vectors.h"
#include "api/settings.h"
#include "base/file.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "examples/replay.h"
#include "examples/split.h"
#include "features/feature_plan.h"
#include "kernels/machine_rates.h"
#include "log/event_log.h"
#include "project/project.h"
#include "retrieval/indexed_items.h"
#include "retrieval/user_vectors.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct BenchIndexFlags {
  project::Location project;
  uint32_t users = 20'000, k = 200;
  std::vector<double> recalls = {0.95, 0.99}, shares = {};
  std::string export_to, vectors;
  bool json = false;
};

// Item vectors, and user vectors in three parts: those that build a graph, that tune it, and that
// are searched for.
struct BenchVectors {
  size_t dim = 0;
  std::vector<uint32_t> ids;
  std::vector<float> items, building, tuning, searched;
  ann::Vectors view() const { return {items.data(), ids.size(), dim, ids}; }
};

// Rows in the format of ANN benchmarks: of each its length (i32), then its numbers (f32).
Status WriteRows(const fs::path& path, std::span<const float> values, size_t dim) {
  UPNEXT_ASSIGN_OR_RETURN(base::AtomicFileWriter file, base::AtomicFileWriter::Create(path));
  const auto length = static_cast<int32_t>(dim);
  for (size_t at = 0; at < values.size(); at += dim) {
    UPNEXT_RETURN_IF_ERROR(file.Append(std::as_bytes(std::span(&length, 1))));
    UPNEXT_RETURN_IF_ERROR(file.Append(std::as_bytes(values.subspan(at, dim))));
  }
  return file.Commit();
}

Result<std::vector<float>> ReadRows(const fs::path& path, size_t* dim) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string bytes, base::ReadFile(path));
  std::vector<float> values;
  for (size_t at = 0; at < bytes.size();) {
    int32_t length = 0;
    if (bytes.size() - at >= sizeof(length)) std::memcpy(&length, &bytes[at], sizeof(length));
    at += sizeof(length);
    const size_t row = length > 0 ? static_cast<size_t>(length) : 0;
    if (*dim == 0) *dim = row;
    if (row == 0 || row != *dim || bytes.size() - at < row * sizeof(float)) {
      return DataLoss("{}: expected rows of one length (fvecs), found another at byte {}",
                      path.string(), at);
    }
    values.resize(values.size() + row);
    std::memcpy(values.data() + values.size() - row, &bytes[at], row * sizeof(float));
    at += row * sizeof(float);
  }
  return values;
}

// Those of the current bundle.
Result<BenchVectors> OfBundle(const BenchIndexFlags& flags, const api::Settings& settings,
                              std::vector<float>* users, base::ThreadPool& pool) {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle opened,
                          settings.project.OpenBundle(bundle::LogChoice::kTrainedOn));
  if (opened.bundle->candidate() == nullptr) {
    return FailedPrecondition("expected a candidate model in bundle {}, found none",
                              opened.bundle->manifest().version);
  }
  const catalogue::Catalogue catalogue(opened.log);
  UPNEXT_ASSIGN_OR_RETURN(const examples::Split split,
                          examples::Split::Make({.kind = examples::SplitOptions::Kind::kNone},
                                                opened.log, opened.rule));
  const examples::ReplaySource source{opened.log, catalogue, opened.rule, split};
  UPNEXT_ASSIGN_OR_RETURN(
      *users, retrieval::SampleUserVectors(source, opened.bundle->tables(),
                                           *opened.bundle->candidate(), flags.users, pool));
  const ann::Vectors items = retrieval::IndexedItems(
      *opened.bundle->candidate(), opened.bundle->tables().vocabulary(features::kItemVocabulary));
  BenchVectors out;
  out.dim = items.dim;
  out.items.assign(items.data, items.data + items.count * items.dim);
  return out;
}

Result<BenchVectors> VectorsOf(const BenchIndexFlags& flags, base::ThreadPool& pool) {
  BenchVectors out;
  std::vector<float> users;
  if (flags.vectors.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
    UPNEXT_ASSIGN_OR_RETURN(out, OfBundle(flags, settings, &users, pool));
  } else {
    UPNEXT_ASSIGN_OR_RETURN(out.items, ReadRows(fs::path(flags.vectors) / "items.fvecs", &out.dim));
    UPNEXT_ASSIGN_OR_RETURN(users, ReadRows(fs::path(flags.vectors) / "users.fvecs", &out.dim));
  }
  out.ids.resize(out.items.size() / out.dim);
  std::iota(out.ids.begin(), out.ids.end(), 0u);
  // Of ten users, seven build, one tunes, and two are searched for: at most a thousand of these.
  for (size_t i = 0; i < users.size() / out.dim; ++i) {
    std::vector<float>& part = i % 10 < 7 ? out.building : i % 10 < 8 ? out.tuning : out.searched;
    if (&part != &out.building && part.size() >= 1'000 * out.dim) continue;
    const auto row = std::span(users).subspan(i * out.dim, out.dim);
    part.insert(part.end(), row.begin(), row.end());
  }
  if (out.tuning.empty() || out.searched.empty()) {
    return FailedPrecondition("expected at least 10 users, found {}", users.size() / out.dim);
  }
  return out;
}

double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// One search after the other, on this thread.
ordered_json TimedSearches(const ann::Index& index, const BenchVectors& vectors, size_t k,
                           std::span<const std::vector<ann::Hit>> best,
                           std::span<const uint64_t> excluded = {}) {
  size_t found = 0, wanted = 0;
  double seconds = 0;
  std::vector<ann::Hit> hits;
  for (size_t q = 0; q < best.size(); ++q) {
    const auto query = std::span(vectors.searched).subspan(q * vectors.dim, vectors.dim);
    const double begin = CpuSeconds();
    index.Search(query, k, {.excluded = excluded}, &hits);
    seconds += CpuSeconds() - begin;
    std::vector<uint32_t> ids;
    for (const ann::Hit& hit : hits) ids.push_back(hit.id);
    std::ranges::sort(ids);
    for (const ann::Hit& hit : best[q]) found += std::ranges::binary_search(ids, hit.id) ? 1 : 0;
    wanted += best[q].size();
  }
  return {{"queries_s", static_cast<double>(best.size()) / seconds},
          {"recall", static_cast<double>(found) / static_cast<double>(wanted)}};
}

// With a random share of the items: the graph, the exact index with the same bitmap, and an exact index that was
// made of nothing but the items that pass, which no server has ready for each filter.
ordered_json TimedFiltered(const ann::Index& graph, const ann::ExactIndex& exact,
                           const BenchVectors& vectors, size_t k, double share,
                           base::ThreadPool& pool) {
  base::Rng rng(7);
  std::vector<uint64_t> excluded((vectors.ids.size() + 63) / 64);
  BenchVectors passing;
  passing.dim = vectors.dim;
  for (const uint32_t id : vectors.ids) {
    if (rng.Uniform() >= share) {
      excluded[id / 64] |= uint64_t{1} << (id % 64);
      continue;
    }
    passing.ids.push_back(id);
    const auto row = std::span(vectors.items).subspan(id * vectors.dim, vectors.dim);
    passing.items.insert(passing.items.end(), row.begin(), row.end());
  }
  std::vector<std::vector<ann::Hit>> best(vectors.searched.size() / vectors.dim);
  for (size_t q = 0; q < best.size(); ++q) {
    exact.Search(std::span(vectors.searched).subspan(q * vectors.dim, vectors.dim), k,
                 {.excluded = excluded}, &best[q]);
  }
  const ann::ExactIndex alone(passing.view(), &pool);
  return {{"share", share},
          {"graph", TimedSearches(graph, vectors, k, best, excluded)},
          {"exact", TimedSearches(exact, vectors, k, best, excluded)},
          {"exact_of_what_passes", TimedSearches(alone, vectors, k, best)}};
}

// All users at once, as products of matrices, next to the rate at which this machine multiplies.
ordered_json TimedBatch(const BenchVectors& vectors, size_t k, base::ThreadPool& pool) {
  const double rate = kernels::MeasureMachine({.row_floats = vectors.dim,
                                               .bytes = size_t{1} << 26,
                                               .precision = kernels::Precision::kFp32},
                                              pool)
                          .matrix_gflop_s;
  std::vector<std::vector<ann::Hit>> hits;
  const auto begin = std::chrono::steady_clock::now();
  ann::ExactIndex(vectors.view()).SearchBatch(vectors.building, k, {}, pool, &hits);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const double seconds = took.count();
  const double gflop =
      2e-9 * static_cast<double>(vectors.items.size()) * static_cast<double>(hits.size());
  return {{"users", hits.size()},
          {"seconds", seconds},
          {"gflop_s", gflop / seconds},
          {"machine_gflop_s", rate},
          {"share", gflop / seconds / rate}};
}

Status RunBenchIndex(const BenchIndexFlags& flags) {
  base::ThreadPool pool(0);
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const BenchVectors vectors, VectorsOf(flags, pool));
  if (!flags.export_to.empty()) {
    std::vector<float> users = vectors.building;
    users.insert(users.end(), vectors.tuning.begin(), vectors.tuning.end());
    users.insert(users.end(), vectors.searched.begin(), vectors.searched.end());
    const fs::path folder = flags.export_to;
    UPNEXT_RETURN_IF_ERROR(WriteRows(folder / "items.fvecs", vectors.items, vectors.dim));
    return WriteRows(folder / "users.fvecs", users, vectors.dim);
  }
  const ann::Vectors view = vectors.view();
  const ann::ExactIndex exact(view, &pool);
  std::vector<std::vector<ann::Hit>> best, tuning_best;
  exact.SearchBatch(vectors.searched, flags.k, {}, pool, &best);
  exact.SearchBatch(vectors.tuning, flags.k, {}, pool, &tuning_best);
  ordered_json out = {{"vectors", view.count}, {"dim", view.dim}, {"k", flags.k}};
  out["batch"] = TimedBatch(vectors, flags.k, pool);
  out["exact"] = TimedSearches(exact, vectors, flags.k, best);
  ann::IndexOptions options{.kind = ann::IndexOptions::Kind::kGraph, .recall_at = flags.k};
  const double begin = CpuSeconds();
  UPNEXT_ASSIGN_OR_RETURN(const auto graph,
                          ann::GraphIndex::Build(options, view, vectors.building, pool, progress));
  out["build_cpu_s"] = CpuSeconds() - begin;
  out["bytes_per_vector"] = static_cast<double>(graph->bytes()) / static_cast<double>(view.count);
  for (const double recall : flags.recalls) {
    options.graph_recall = recall;
    UPNEXT_RETURN_IF_ERROR(graph->Tune(options, vectors.tuning, tuning_best, pool, progress));
    ordered_json row = {{"recall_tuned", recall}, {"effort", graph->search_effort()}};
    row.update(TimedSearches(*graph, vectors, flags.k, best));
    for (const double share : flags.shares) {
      row["filtered"].push_back(TimedFiltered(*graph, exact, vectors, flags.k, share, pool));
    }
    out["graph"].push_back(row);
  }
  if (flags.json) {
    Print("{}\n", out.dump(2));
    return Ok();
  }
  Print("{} vectors, dim {}, best {}; one thread, CPU time\n{}\n", base::WithThousands(view.count),
        view.dim, flags.k, graph->Describe());
  for (const auto& [key, value] : out.items()) {
    if (key != "graph") Print("{:<18} {}\n", key, value.dump());
  }
  for (const ordered_json& row : out["graph"]) Print("{:<18} {}\n", "graph", row.dump());
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchIndex(CLI::App& app) {
  auto flags = std::make_shared<BenchIndexFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--users", flags->users, "Users whose vectors are queries")
      ->check(CLI::Range(10, 10'000'000))
      ->capture_default_str();
  app.add_option("-k", flags->k, "How many of the best items a search returns")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--recall", flags->recalls, "Recall to tune for, once or more")
      ->capture_default_str();
  app.add_option("--pass", flags->shares,
                 "Search also with filters that a random share of the items passes, e.g. 0.1")
      ->check(CLI::Range(1e-6, 1.0));
  CLI::Option* from = app.add_option("--vectors", flags->vectors,
                                     "Folder with items.fvecs and users.fvecs, instead of a bundle")
                          ->check(CLI::ExistingDirectory);
  app.add_option("--export", flags->export_to,
                 "Write these two files to this folder, for bench/index_peers.py, and stop")
      ->check(CLI::ExistingDirectory)
      ->excludes(from);
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunBenchIndex(*flags); };
}

}  // namespace upnext::cli
