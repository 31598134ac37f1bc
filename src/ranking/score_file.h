// Writes exponents of the score (score.h) into the text of a project file.
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::string text,
//                           WithScoreWeights(config, {{"watch", 1}, {"unwanted", -0.5}}));
//   base::WriteFileAtomic(path, text);
//
// Pure functions.
#ifndef UPNEXT_RANKING_SCORE_FILE_H_
#define UPNEXT_RANKING_SCORE_FILE_H_

#include <span>
#include <string>

#include "base/config.h"
#include "base/status.h"
#include "ranking/objectives.h"
#include "ranking/score.h"
#include "schema/schema.h"

namespace upnext::ranking {

// The text of the file with these exponents; all else, comments and spaces too, stays as it is.
// Objectives that `weights` does not name keep theirs. kFailedPrecondition when an exponent other than
// 0 belongs to no [[ranking.objective]] of the file, or the file is written in a way that this cannot
// change.
Result<std::string> WithScoreWeights(const base::Config& config, const ScoreWeights& weights);

// What a file without any [[ranking.objective]] needs to have these objectives, which then are the
// default ones, with these exponents.
std::string ObjectiveLines(std::span<const Objective> objectives, const ScoreWeights& weights,
                           const schema::Schema& schema);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_SCORE_FILE_H_
