#include "evaluation/evaluate.h"

#include "base/machine.h"
#include "evaluation/stages.h"
#include "kernels/gemm.h"

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

// What the ranker knew of the users, without which its figures cannot be compared.
std::string StatesNote(const EvaluateOptions& options) {
  const std::string states =
      options.frozen_state ? fmt::format("frozen where the {} part begins", PartName(options.part))
                           : std::string("live: everything before each impression, as at serving");
  return fmt::format("ranking: user states are {}; the baselines know the training part only",
                     states);
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
  report.machine =
      base::MachineName(pool.threads(), kernels::PrecisionName(kernels::BestPrecision()));
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

}  // namespace upnext::evaluation
