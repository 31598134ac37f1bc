// Sizes an architecture to a number of multiplications per impression, so that architectures are
// compared at equal cost (MT-02; Zhao 2019, section 5.2).
//
//   UPNEXT_ASSIGN_OR_RETURN(const size_t cost, MultiplicationsOf(mmoe, shape));
//   UPNEXT_ASSIGN_OR_RETURN(options, MatchMultiplications(options, cost, shape));
//
// Pure functions.
#ifndef UPNEXT_RANKING_MATCH_MULTIPLICATIONS_H_
#define UPNEXT_RANKING_MATCH_MULTIPLICATIONS_H_

#include <cstddef>

#include "base/status.h"
#include "ranking/architecture.h"

namespace upnext::ranking {

// How far from the number asked for a match may be, as a share of it.
inline constexpr double kMatchTolerance = 0.02;

// Fails as MakeArchitecture.
Result<size_t> MultiplicationsOf(const ArchitectureOptions& options, const NetShape& shape);

// `options` with all widths multiplied by one factor, and the first width by a little more, so that
// the architecture has `multiplications`, within kMatchTolerance. kInvalidArgument for one without
// widths, and where no widths come that close.
Result<ArchitectureOptions> MatchMultiplications(const ArchitectureOptions& options,
                                                 size_t multiplications, const NetShape& shape);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_MATCH_MULTIPLICATIONS_H_
