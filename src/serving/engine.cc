#include "serving/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/checksum.h"
#include "features/extract.h"
#include "retrieval/generators.h"
#include "schema/event.h"
#include "serving/reasons.h"

namespace upnext::serving {

using features::UserState;
using schema::IdSpace;

namespace {

// Names that requests, logs and reasons use for the sources.
constexpr std::string_view kModelSource = "candidate-model", kPopularSource = "popular",
                           kTrendingSource = "trending", kCoWatchSource = "co-watch";
constexpr size_t kCoWatchSeeds = 10;  // newest watches that co-watch starts from

double MillisecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

// A candidate on its way through the stages.
struct Pooled {
  uint32_t item;
  std::vector<SourceScore> sources;
  double score = 0;
  std::vector<float> predictions;
};

enum class Verdict : uint8_t { kPass, kSeen, kRemoved, kExcluded };

// The union of what the sources propose, in the order of first mention (SY-02).
class Pool {
 public:
  explicit Pool(StageCounts& counts) : counts_(counts) {}
  void Add(uint32_t item, std::string_view source, double score) {
    if (Mention(item, items_.size())) {
      items_.push_back({.item = item, .sources = {}, .score = 0, .predictions = {}});
      ++counts_.after_filters;
    }
    items_[index_[item]].sources.push_back({source, score});
  }
  // A source came upon an item that a filter keeps from the slate.
  void LeaveOut(uint32_t item, Verdict why) {
    if (!Mention(item, kLeftOut)) return;
    counts_.filtered_seen += why == Verdict::kSeen ? 1 : 0;
    counts_.filtered_removed += why == Verdict::kRemoved ? 1 : 0;
    counts_.filtered_excluded += why == Verdict::kExcluded ? 1 : 0;
  }
  std::vector<Pooled> Take() { return std::move(items_); }

 private:
  static constexpr size_t kLeftOut = SIZE_MAX;

  bool Mention(uint32_t item, size_t place) {  // true the first time
    ++counts_.proposed;
    const bool fresh = index_.try_emplace(item, place).second;
    counts_.distinct += fresh ? 1 : 0;
    return fresh;
  }

  StageCounts& counts_;
  std::vector<Pooled> items_;
  std::unordered_map<uint32_t, size_t> index_;  // place in items_, or kLeftOut
};

// A request with everything looked up: what the sources and the filters read.
struct Asked {
  const Request& request;
  const UserState& state;
  features::Context context;
  schema::User user;
  std::unordered_set<uint32_t> excluded;
};

}  // namespace

EngineOptions EngineOptions::FromConfig(const base::ConfigTable& serving) {
  EngineOptions options;
  const auto count = [&](std::string_view key, uint32_t fallback) {
    return static_cast<uint32_t>(serving.Int(key, fallback, {.min = 0, .max = 100'000}));
  };
  options.candidates = count("candidates", options.candidates);
  options.popular = count("popular", options.popular);
  options.trending = count("trending", options.trending);
  options.co_watch = count("co_watch", options.co_watch);
  options.filter_seen = serving.Bool("filter_seen", options.filter_seen);
  return options;
}

struct Engine::Rep {
  const bundle::Bundle& bundle;
  const catalogue::Catalogue& catalogue;
  const EngineOptions options;
  const features::CandidateExtractor candidate_features;
  const features::RankingExtractor ranking_features;
  const std::vector<ranking::Objective> no_objectives = {};
  mutable std::atomic<uint64_t> requests{0};

  Rep(const bundle::Bundle& b, const catalogue::Catalogue& c, const EngineOptions& o)
      : bundle(b),
        catalogue(c),
        options(o),
        candidate_features(b.tables(), c),
        ranking_features(b.tables(), c) {}

  Asked Ask(const UserState& state, const Request& request) const;
  Verdict Judge(uint32_t item, const Asked& asked) const;
  void Propose(const Asked& asked, Pool* pool) const;
  void ProposeByModel(const Asked& asked, size_t n, Pool* pool) const;
  void ProposeCoWatched(const Asked& asked, Pool* pool) const;
  // Adds the `n` best of a list that pass the filters.
  void ProposeList(std::span<const retrieval::Candidate> list, size_t n, std::string_view source,
                   const Asked& asked, Pool* pool) const;
  void Rank(const Asked& asked, std::vector<Pooled>* pooled, StageCounts* counts) const;
  Recommendation Describe(Pooled pooled, const Reasons& reasons) const;
  void AddNotes(const UserState& state, const Request& request, Slate* slate) const;
};

Asked Engine::Rep::Ask(const UserState& state, const Request& request) const {
  Asked asked{.request = request,
              .state = state,
              .context = {.time_ms = request.time_ms,
                          .device = catalogue.Find(IdSpace::kDevice, request.device),
                          .region = catalogue.Find(IdSpace::kRegion, request.region),
                          .current_item = catalogue.Find(IdSpace::kItem, request.current_item)},
              .user = catalogue.user(catalogue.Find(IdSpace::kUser, request.user)),
              .excluded = {}};
  for (const std::string& id : request.exclude) {
    const uint32_t item = catalogue.Find(IdSpace::kItem, id);
    if (item != schema::kNone) asked.excluded.insert(item);
  }
  if (asked.context.current_item != schema::kNone)
    asked.excluded.insert(asked.context.current_item);
  return asked;
}

Verdict Engine::Rep::Judge(uint32_t item, const Asked& asked) const {
  if (options.filter_seen && asked.state.HasWatched(item)) return Verdict::kSeen;
  if (asked.excluded.contains(item)) return Verdict::kExcluded;
  return catalogue.item(item).removed ? Verdict::kRemoved : Verdict::kPass;
}

void Engine::Rep::ProposeByModel(const Asked& asked, size_t n, Pool* pool) const {
  thread_local features::CandidateBatch batch;
  thread_local retrieval::CandidateModel::Scratch scratch;
  thread_local std::vector<float> vector;
  thread_local std::vector<retrieval::Hit> hits;
  batch.Clear();
  // Example age 0: now, however long ago training ended (CG-09).
  candidate_features.Append(asked.state, asked.user, asked.context, 0, &batch);
  vector.resize(bundle.candidate()->dim());
  bundle.candidate()->UserVectors(batch, vector.data(), scratch, {});
  const features::Vocabulary& items = bundle.tables().vocabulary(features::VocabularyId::kItem);
  const auto skip = [&](uint32_t row) {
    const Verdict verdict = Judge(items.Id(row), asked);
    if (verdict != Verdict::kPass) pool->LeaveOut(items.Id(row), verdict);
    return verdict != Verdict::kPass;
  };
  bundle.index()->Search(vector, n, skip, &hits);
  for (const retrieval::Hit& hit : hits) {
    pool->Add(items.Id(hit.row), kModelSource, static_cast<double>(hit.score));
  }
}

void Engine::Rep::ProposeList(std::span<const retrieval::Candidate> list, size_t n,
                              std::string_view source, const Asked& asked, Pool* pool) const {
  for (size_t i = 0, added = 0; i < list.size() && added < n; ++i) {
    const Verdict verdict = Judge(list[i].item, asked);
    if (verdict != Verdict::kPass) {
      pool->LeaveOut(list[i].item, verdict);
      continue;
    }
    pool->Add(list[i].item, source, static_cast<double>(list[i].score));
    ++added;
  }
}

void Engine::Rep::ProposeCoWatched(const Asked& asked, Pool* pool) const {
  std::unordered_map<uint32_t, float> sums;
  const auto add = [&](uint32_t watched) {
    for (const retrieval::Candidate& p : bundle.co_watch().Similar(watched))
      sums[p.item] += p.score;
  };
  const auto watches = asked.state.watches();
  for (size_t i = watches.size(), n = 0; i > 0 && n < kCoWatchSeeds; --i, ++n) {
    add(watches[i - 1].id);
  }
  if (asked.context.current_item != schema::kNone) add(asked.context.current_item);
  std::vector<retrieval::Candidate> list;
  list.reserve(sums.size());
  for (const auto& [item, score] : sums) list.push_back({item, score});
  std::ranges::sort(list, [](const auto& a, const auto& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  });
  ProposeList(list, options.co_watch, kCoWatchSource, asked, pool);
}

void Engine::Rep::Propose(const Asked& asked, Pool* pool) const {
  const bool model = bundle.candidate() != nullptr && bundle.index() != nullptr;
  if (model) {
    ProposeByModel(asked, std::max(options.candidates, asked.request.n), pool);
    // The scores of different sources cannot be compared, so the first stage alone is the model's
    // order.
    if (asked.request.stage == Stage::kRetrieval) return;
  }
  ProposeCoWatched(asked, pool);
  ProposeList(bundle.popular().trending(), options.trending, kTrendingSource, asked, pool);
  const size_t popular = model ? options.popular : std::max(options.popular, asked.request.n);
  ProposeList(bundle.popular().overall(), popular, kPopularSource, asked, pool);
}

void Engine::Rep::Rank(const Asked& asked, std::vector<Pooled>* pooled, StageCounts* counts) const {
  thread_local features::RankingBlock query(features::Side::kQuery);
  thread_local features::RankingBlock impressions(features::Side::kImpression);
  thread_local ranking::Ranker::Scratch scratch;
  thread_local std::vector<float> predictions;
  const ranking::Ranker& ranker = *bundle.ranker();
  query.Clear();
  impressions.Clear();
  ranking_features.AppendQuery(asked.state, asked.user, asked.context, &query);
  for (const Pooled& candidate : *pooled) {
    const uint32_t source = catalogue.Find(IdSpace::kSource, candidate.sources.front().source);
    ranking_features.AppendImpression(asked.state, asked.user, asked.context,
                                      {candidate.item, source}, &impressions);
  }
  const size_t tasks = ranker.objectives().size();
  predictions.resize(pooled->size() * tasks);
  const std::vector<uint32_t> query_of(pooled->size(), 0);
  ranker.Score(query, impressions, query_of, predictions.data(), scratch, {});
  for (size_t i = 0; i < pooled->size(); ++i) {
    const auto row = std::span(predictions).subspan(i * tasks, tasks);
    (*pooled)[i].predictions.assign(row.begin(), row.end());
    (*pooled)[i].score = ranking::CombinedScore(ranker.objectives(), row);
  }
  std::ranges::sort(*pooled, [](const Pooled& a, const Pooled& b) {
    return a.score != b.score ? a.score > b.score : a.item < b.item;
  });
  counts->ranked = static_cast<uint32_t>(pooled->size());
  counts->queries = static_cast<uint32_t>(query.rows);
}

Recommendation Engine::Rep::Describe(Pooled pooled, const Reasons& reasons) const {
  Recommendation out;
  out.item = pooled.item;
  out.id = catalogue.Name(IdSpace::kItem, pooled.item);
  out.title = catalogue.item(pooled.item).title;
  out.score = pooled.score;
  out.reason = reasons.For(pooled.item, pooled.sources);
  out.sources = std::move(pooled.sources);
  out.predictions = std::move(pooled.predictions);
  return out;
}

void Engine::Rep::AddNotes(const UserState& state, const Request& request, Slate* slate) const {
  if (state.totals().events == 0) {
    slate->notes.push_back(fmt::format("{}: the list rests on region, device and what is popular",
                                       catalogue.Find(IdSpace::kUser, request.user) == schema::kNone
                                           ? "unknown user"
                                           : "no events of this user yet"));
  } else if (state.watches().empty()) {
    slate->notes.emplace_back(
        "no complete watch of this user yet: the list rests on searches, region and device");
  }
  const auto unknown = [&](IdSpace space, const std::string& name, std::string_view what) {
    if (!name.empty() && catalogue.Find(space, name) == schema::kNone) {
      slate->notes.push_back(fmt::format("{} '{}' was never seen and is ignored", what, name));
    }
  };
  unknown(IdSpace::kDevice, request.device, "device");
  unknown(IdSpace::kRegion, request.region, "region");
  unknown(IdSpace::kItem, request.current_item, "current item");
  if (slate->items.empty()) {
    slate->notes.emplace_back(
        "nothing left to recommend: every candidate was watched, removed or excluded");
  }
  if (request.stage == Stage::kRanking && bundle.ranker() == nullptr) {
    slate->notes.emplace_back("no ranker in this bundle: candidates are in the order of retrieval");
  }
}

Engine::Engine(const bundle::Bundle& bundle, const catalogue::Catalogue& catalogue,
               const EngineOptions& options)
    : rep_(std::make_unique<Rep>(bundle, catalogue, options)) {}
Engine::~Engine() = default;

const std::vector<ranking::Objective>& Engine::objectives() const {
  return rep_->bundle.ranker() != nullptr ? rep_->bundle.ranker()->objectives()
                                          : rep_->no_objectives;
}

std::vector<std::string> Engine::objective_names() const {
  std::vector<std::string> names;
  for (const ranking::Objective& objective : objectives()) names.push_back(objective.name);
  return names;
}

Result<Slate> Engine::Recommend(const UserState& state, const Request& request) const {
  if (request.n == 0) return InvalidArgument("n: expected at least 1, found 0");
  const auto begin = std::chrono::steady_clock::now();
  Slate slate;
  slate.request = fmt::format(
      "{:016x}",
      base::Fingerprint(request.user, static_cast<uint64_t>(request.time_ms) * 1'000'003 +
                                          rep_->requests.fetch_add(1)));
  const Asked asked = rep_->Ask(state, request);
  slate.counts.catalogue = rep_->catalogue.size(IdSpace::kItem);
  Pool pool(slate.counts);
  rep_->Propose(asked, &pool);
  std::vector<Pooled> pooled = pool.Take();
  slate.retrieval_ms = MillisecondsSince(begin);

  const auto ranking_begin = std::chrono::steady_clock::now();
  if (request.stage == Stage::kRanking && rep_->bundle.ranker() != nullptr) {
    rep_->Rank(asked, &pooled, &slate.counts);
  } else {
    for (Pooled& candidate : pooled) candidate.score = candidate.sources.front().score;
  }
  slate.ranking_ms = MillisecondsSince(ranking_begin);

  if (pooled.size() > request.n) pooled.resize(request.n);
  const Reasons reasons(rep_->bundle, rep_->catalogue, state, asked.context);
  for (Pooled& candidate : pooled) {
    slate.items.push_back(rep_->Describe(std::move(candidate), reasons));
  }
  slate.counts.shown = static_cast<uint32_t>(slate.items.size());
  rep_->AddNotes(state, request, &slate);
  return slate;
}

}  // namespace upnext::serving
