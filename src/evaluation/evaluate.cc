#include "evaluation/evaluate.h"

#include "base/machine.h"
#include "evaluation/stages.h"
#include "kernels/gemm.h"

namespace upnext::evaluation {
namespace {

// A model with tables of other vocabularies would give meaningless metrics.
Status CheckSubject(const Subject& subject) {
  if (subject.candidate == nullptr) return Ok();
  const size_t rows = subject.candidate->item_vectors().rows();
  const size_t expected = retrieval::ShapeOf(subject.tables).items;
  if (rows == expected) return Ok();
  return FailedPrecondition(
      "the candidate model has {} item vectors and the feature tables {} rows of items; evaluate a "
      "model with the tables it was trained with",
      rows, expected);
}

const char* PartName(examples::SplitPart part) {
  return part == examples::SplitPart::kTest ? "test" : "validation";
}

// What the ranker knew of the users, without which its figures cannot be compared.
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

void NoteFewUsers(const char* stage, uint64_t users, std::vector<std::string>* notes) {
  if (users >= kFewestUsers) return;
  notes->push_back(
      fmt::format("{}: too few users for intervals: {} of at least {}; figures over so few may be "
                  "far from those over all",
                  stage, users, kFewestUsers));
}

}  // namespace

Result<Report> Evaluate(const Subject& subject, const EvaluateOptions& options,
                        base::ThreadPool& pool, base::Progress& progress,
                        DecidingFigures* deciding) {
  if (options.part == examples::SplitPart::kTrain) {
    return InvalidArgument("expected the validation or the test part to evaluate on, found train");
  }
  UPNEXT_RETURN_IF_ERROR(CheckSubject(subject));
  DecidingFigures unread;
  if (deciding == nullptr) deciding = &unread;
  Report report;
  report.split = subject.source.split.Describe();
  report.seed = options.seed;
  report.machine =
      base::MachineName(pool.threads(), kernels::PrecisionName(kernels::BestPrecision()));
  if (options.part == examples::SplitPart::kValidation) {
    report.notes.push_back("metrics are of the validation part");
  }
  if (subject.candidate != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(
        RetrievalReport retrieval,
        EvaluateRetrieval(subject, options, pool, progress, &report.notes, &deciding->retrieval));
    if (retrieval.users > 0) {
      NoteFewUsers("retrieval", retrieval.users, &report.notes);
      report.retrieval = std::move(retrieval);
    } else {
      report.notes.push_back(
          fmt::format("no retrieval metrics: no user completely watched a new item in the {} part",
                      PartName(options.part)));
    }
  }
  if (subject.ranker != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(
        RankingReport ranking,
        EvaluateRanking(subject, options, pool, progress, &report.notes, &deciding->ranking));
    if (ranking.impressions > 0) {
      NoteFewUsers("ranking", ranking.users, &report.notes);
      report.ranking = std::move(ranking);
      report.notes.push_back(StatesNote(options));
    } else {
      report.notes.push_back(fmt::format("no ranking metrics: the {} part contains no impressions",
                                         PartName(options.part)));
    }
  }
  return report;
}

}  // namespace upnext::evaluation
