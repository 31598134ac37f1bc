#include <cmath>

#include "evaluation/machine.h"
#include "evaluation/report.h"
#include "evaluation/stages.h"

namespace upnext::evaluation {
namespace {

// A model and tables of different vocabularies would give figures of nothing.
Status CheckSubject(const Subject& subject) {
  if (subject.candidate == nullptr) return Ok();
  const size_t rows = subject.candidate->item_vectors().rows();
  const size_t expected = subject.tables.rows(features::VocabularyId::kItem);
  if (rows == expected) return Ok();
  return FailedPrecondition(
      "the candidate model has {} item vectors and the feature tables {} rows of items; evaluate a "
      "model with the tables it was trained with",
      rows, expected);
}

const char* PartName(examples::SplitPart part) {
  return part == examples::SplitPart::kTest ? "test" : "validation";
}

// A figure of which less is better, or more.
struct MainFigure {
  const char* name;
  bool less_is_better;
};

// "" unless `next` is worse than `current` beyond the margin on the figure that decides.
std::string StageWorseThan(const char* stage, const ModelMetrics& next, const ModelMetrics& current,
                           std::initializer_list<MainFigure> main, double margin) {
  for (const MainFigure& metric : main) {
    const auto ours = next.metrics.find(metric.name), theirs = current.metrics.find(metric.name);
    if (theirs == current.metrics.end() || std::isnan(theirs->second.value)) continue;
    if (ours == next.metrics.end() || std::isnan(ours->second.value)) continue;
    const double before = theirs->second.value, after = ours->second.value;
    const double loss = metric.less_is_better ? after - before : before - after;
    if (loss <= margin * std::abs(before)) return "";
    return fmt::format("{} {} would go from {:.4f} to {:.4f}, worse by more than {:g} %", stage,
                       metric.name, before, after, 100 * margin);
  }
  return "";
}

// What the ranker knew of the users, without which its figures cannot be compared.
std::string StatesNote(const EvaluateOptions& options) {
  const std::string states =
      options.frozen_state ? fmt::format("frozen where the {} part begins", PartName(options.part))
                           : std::string("live: everything before each impression, as at serving");
  return fmt::format("ranking: user states are {}; the baselines know the training part only",
                     states);
}

// What the figures of the stages that both have are of.
std::string TestSetOf(const Report& report, const Report& other) {
  std::string text = report.split;
  if (report.retrieval && other.retrieval) {
    text += fmt::format(", {} users of retrieval", report.retrieval->users);
  }
  if (report.ranking && other.ranking) {
    text += fmt::format(", {} impressions", report.ranking->impressions);
  }
  return text;
}

std::string LacksStage(const char* stage) {
  return fmt::format("the new bundle has no {} figures, the current one has", stage);
}

}  // namespace

Result<Report> Evaluate(const Subject& subject, const EvaluateOptions& options,
                        base::ThreadPool& pool, base::Progress& progress) {
  if (options.part == examples::SplitPart::kTrain) {
    return InvalidArgument("expected the validation or the test part to evaluate on, found train");
  }
  UPNEXT_RETURN_IF_ERROR(CheckSubject(subject));
  Report report;
  report.split = subject.source.split.Describe();
  report.seed = options.seed;
  report.machine = Machine(pool);
  if (options.part == examples::SplitPart::kValidation) {
    report.notes.push_back("figures are of the validation part");
  }
  if (subject.candidate != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(RetrievalReport retrieval,
                            EvaluateRetrieval(subject, options, pool, progress, &report.notes));
    if (retrieval.users > 0) {
      report.retrieval = std::move(retrieval);
    } else {
      report.notes.push_back(fmt::format(
          "no retrieval figures: no user completely watched anything new in the {} part",
          PartName(options.part)));
    }
  }
  if (subject.ranker != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(RankingReport ranking,
                            EvaluateRanking(subject, options, pool, progress, &report.notes));
    if (ranking.impressions > 0) {
      report.ranking = std::move(ranking);
      report.notes.push_back(StatesNote(options));
    } else {
      report.notes.push_back(fmt::format("no ranking figures: the {} part holds no impressions",
                                         PartName(options.part)));
    }
  }
  return report;
}

std::string WorseThan(const Report& next, const Report& current, double margin) {
  std::string why;
  if (current.retrieval) {
    why = next.retrieval ? StageWorseThan("retrieval", next.retrieval->model,
                                          current.retrieval->model, {{"ndcg@10", false}}, margin)
                         : LacksStage("retrieval");
  }
  if (why.empty() && current.ranking) {
    why = next.ranking
              ? StageWorseThan("ranking", next.ranking->model, current.ranking->model,
                               {{"weighted_user_loss", true}, {"watch_rmse_s", true}}, margin)
              : LacksStage("ranking");
  }
  const std::string now = TestSetOf(next, current), before = TestSetOf(current, next);
  if (why.empty() || now == before) return why;
  return fmt::format("{} (the figures come from different test sets: now {}; before {})", why, now,
                     before);
}

}  // namespace upnext::evaluation
