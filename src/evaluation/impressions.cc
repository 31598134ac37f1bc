#include "evaluation/impressions.h"

#include <algorithm>
#include <cmath>

#include "examples/join.h"
#include "features/feature_extractor.h"
#include "nn/parameter.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kUsersPerChunk = 16, kUsersPerBlock = 1024;
constexpr size_t kBatch = 512;  // impressions scored at once

template <typename T>
void AppendTo(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Scores the impressions of one user after another, in batches. One thread.
class UserScorer {
 public:
  UserScorer(const Subject& subject, const EvaluateOptions& options,
             const features::FeatureExtractor& extractor)
      : subject_(subject), options_(options), extractor_(extractor) {}

  void AddUser(uint32_t user) {
    const examples::ReplaySource& source = subject_.source;
    const examples::RowRange rows = source.split.rows(source.log, user, options_.part);
    if (options_.frozen_state) {
      const features::UserState state =
          examples::StateAt(source, user, rows.begin, subject_.tables.plan.state());
      examples::JoinImpressions(source, user, rows.end, &joined_);
      for (const examples::JoinedGroup& group : joined_.groups) {
        AddGroup(state, {user, group.request, group.context, joined_.of(group)});
      }
    } else {
      examples::ReplayImpressions(
          source, user, subject_.tables.plan.state(),
          [this](const features::UserState& before, const examples::ImpressionGroup& group) {
            AddGroup(before, group);
          },
          rows.end);
    }
  }

  Result<Impressions> Take() {
    Flush();
    UPNEXT_RETURN_IF_ERROR(failed_);
    return std::move(scored_);
  }

 private:
  void AddGroup(const features::UserState& state, const examples::ImpressionGroup& group) {
    const auto query = static_cast<uint32_t>(batch_.queries.rows);
    const auto wanted = [&](const examples::Impression& impression) {
      return impression.part == options_.part;
    };
    if (std::ranges::none_of(group.impressions, wanted)) return;
    const auto request = extractor_.For(state, group.user, group.context);
    for (const examples::Impression& impression : group.impressions) {
      if (!wanted(impression)) continue;
      request.AppendImpression(impression.candidate(), &batch_.impressions);
      batch_.query_of.push_back(query);
      scored_.Add(group.user, group.request, group.context.device, impression,
                  batch_.impressions.duration_s.back());
    }
    request.AppendQuery(&batch_.queries);
    if (batch_.query_of.size() >= kBatch) Flush();
  }

  void Flush() {
    const size_t n = batch_.query_of.size();
    if (n == 0) return;
    const ranking::RankingModel& ranker = *subject_.ranker;
    const size_t objectives = ranker.objectives().size();
    const size_t begin = scored_.predictions.size();
    scored_.predictions.resize(begin + n * objectives);
    const Status predicted =
        ranker.Predict(batch_.queries, batch_.impressions, batch_.query_of,
                       scored_.predictions.data() + begin, scratch_, nn::Compute{});
    if (failed_ && !predicted) failed_ = predicted;
    for (size_t i = 0; i < n; ++i) {
      scored_.score.push_back(ranking::CombinedScore(
          exponents_, std::span(scored_.predictions).subspan(begin + i * objectives, objectives)));
    }
    batch_.Clear();
  }

  const Subject& subject_;
  const EvaluateOptions& options_;
  const features::FeatureExtractor& extractor_;
  examples::JoinedImpressions joined_;
  examples::RankingBatch batch_;
  ranking::RankerScratch scratch_;
  const std::vector<float> exponents_ = ranking::ExponentsOf(subject_.ranker->objectives());
  Impressions scored_;
  Status failed_ = Ok();  // the first that did
};

Status CheckFinite(const Impressions& impressions) {
  const auto finite = [](auto value) { return std::isfinite(value); };
  if (std::ranges::all_of(impressions.predictions, finite) &&
      std::ranges::all_of(impressions.score, finite)) {
    return Ok();
  }
  return Internal(
      "the ranker predicts a number that is not finite for an impression of the held-out part; its "
      "weights diverged: train again with a lower [ranking] learning_rate");
}

}  // namespace

void Impressions::Add(uint32_t of_user, uint64_t of_request, uint32_t of_device,
                      const examples::Impression& impression, float of_duration_s) {
  user.push_back(of_user);
  item.push_back(impression.item);
  duration_s.push_back(of_duration_s);
  time_ms.push_back(impression.time_ms);
  request.push_back(of_request);
  position.push_back(impression.position);
  device.push_back(of_device);
  labels.push_back(impression.labels);
}

void Impressions::Append(const Impressions& other) {
  AppendTo(user, other.user);
  AppendTo(item, other.item);
  AppendTo(duration_s, other.duration_s);
  AppendTo(time_ms, other.time_ms);
  AppendTo(request, other.request);
  AppendTo(position, other.position);
  AppendTo(device, other.device);
  AppendTo(labels, other.labels);
  AppendTo(predictions, other.predictions);
  AppendTo(score, other.score);
}

Impressions CollectImpressions(const examples::ReplaySource& source, examples::SplitPart part,
                               base::ThreadPool& pool) {
  const size_t users = source.log.users();
  std::vector<Impressions> chunks((users + kUsersPerChunk - 1) / kUsersPerChunk);
  pool.ParallelFor(users, kUsersPerChunk, [&](size_t begin, size_t end) {
    examples::JoinedImpressions joined;
    for (size_t u = begin; u < end; ++u) {
      const auto user = static_cast<uint32_t>(u);
      examples::JoinImpressions(source, user, source.split.rows(source.log, user, part).end,
                                &joined);
      for (const examples::JoinedGroup& group : joined.groups) {
        for (const examples::Impression& impression : joined.of(group)) {
          if (impression.part != part) continue;
          chunks[begin / kUsersPerChunk].Add(user, group.request, group.context.device, impression,
                                             source.catalogue.item(impression.item).duration_s);
        }
      }
    }
  });
  Impressions all;
  for (const Impressions& chunk : chunks) all.Append(chunk);
  return all;
}

Result<Impressions> ScoreImpressions(const Subject& subject, const EvaluateOptions& options,
                                     base::ThreadPool& pool, base::Progress& progress) {
  const examples::ReplaySource& source = subject.source;
  const features::FeatureExtractor extractor(subject.tables, source.catalogue,
                                             features::Model::kRanking);
  std::vector<uint32_t> users;  // with rows in the part
  for (uint32_t user = 0; user < source.log.users(); ++user) {
    const examples::RowRange rows = source.split.rows(source.log, user, options.part);
    if (rows.begin < rows.end) users.push_back(user);
  }
  base::ProgressStage stage(progress, "evaluate ranking", "users", users.size());
  Impressions all;
  for (size_t done = 0; done < users.size();) {
    if (progress.stop_requested()) return Cancelled("evaluation stopped on request");
    const size_t block = std::min(kUsersPerBlock, users.size() - done);
    std::vector<Result<Impressions>> chunks((block + kUsersPerChunk - 1) / kUsersPerChunk);
    pool.ParallelFor(block, kUsersPerChunk, [&](size_t begin, size_t end) {
      UserScorer scorer(subject, options, extractor);
      for (size_t i = begin; i < end; ++i) scorer.AddUser(users[done + i]);
      chunks[begin / kUsersPerChunk] = scorer.Take();
    });
    for (const Result<Impressions>& chunk : chunks) {
      if (!chunk) return std::unexpected(chunk.error());
      all.Append(*chunk);
    }
    done += block;
    stage.Update(done);
  }
  UPNEXT_RETURN_IF_ERROR(CheckFinite(all));
  return all;
}

ranking::Targets TargetsOf(const ranking::Objective& objective, const Impressions& impressions) {
  ranking::Targets targets;
  ranking::MakeTargets(objective, impressions.labels, impressions.duration_s, &targets);
  return targets;
}

}  // namespace upnext::evaluation
