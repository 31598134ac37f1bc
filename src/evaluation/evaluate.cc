#include <cmath>

#include "evaluation/machine.h"
#include "evaluation/report.h"
#include "evaluation/stages.h"

namespace upnext::evaluation {
namespace {

// A model with tables of other vocabularies would give meaningless metrics.
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

// The deciding metric of a stage, and whether a smaller value is better.
struct MainFigure {
  const char* name;
  bool less_is_better;
};

// "" unless the main metric of `next` is worse than that of `current` beyond the margin.
std::string StageWorseThan(const char* stage, const ModelMetrics& next, const ModelMetrics& current,
                           std::initializer_list<MainFigure> main, double margin) {
  for (const MainFigure& metric : main) {
    const auto ours = next.metrics.find(metric.name), theirs = current.metrics.find(metric.name);
    if (theirs == current.metrics.end() || std::isnan(theirs->second.value)) continue;
    if (ours == next.metrics.end() || std::isnan(ours->second.value)) continue;
    const double before = theirs->second.value, after = ours->second.value;
    const double loss = metric.less_is_better ? after - before : before - after;
    if (loss <= margin * std::abs(before)) return "";
    return fmt::format("{} {} would change from {:.4f} to {:.4f}, worse by more than {:g} %", stage,
                       metric.name, before, after, 100 * margin);
  }
  return "";
}

// Which user states the ranker used; its metrics can be compared only with the same ones.
std::string StatesNote(const EvaluateOptions& options) {
  const std::string states =
      options.frozen_state
          ? fmt::format("frozen at the start of the {} part", PartName(options.part))
          : std::string(
                "live: all events before each impression, as when "
                "serving");
  return fmt::format("ranking: user states are {}; the baselines use the training part only",
                     states);
}

// The test sets behind the metrics of the stages that both reports have.
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
  return fmt::format("the new bundle has no {} metrics, the current one has", stage);
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
    report.notes.push_back("metrics are of the validation part");
  }
  if (subject.candidate != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(RetrievalReport retrieval,
                            EvaluateRetrieval(subject, options, pool, progress, &report.notes));
    if (retrieval.users > 0) {
      report.retrieval = std::move(retrieval);
    } else {
      report.notes.push_back(
          fmt::format("no retrieval metrics: no user completely watched a new item in the {} part",
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
      report.notes.push_back(fmt::format("no ranking metrics: the {} part contains no impressions",
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
  return fmt::format("{} (the metrics come from different test sets: now {}; before {})", why, now,
                     before);
}

}  // namespace upnext::evaluation
