// The makers of the architectures, for the registry alone: each is defined in a file of its name.
// Options and shape were checked by MakeArchitecture.
#ifndef UPNEXT_RANKING_ARCHITECTURES_H_
#define UPNEXT_RANKING_ARCHITECTURES_H_

#include <memory>

#include "base/rng.h"
#include "ranking/architecture.h"

namespace upnext::ranking {

using ArchitectureMaker = std::unique_ptr<Architecture>(const ArchitectureOptions&, const NetShape&,
                                                        base::Rng&);

// One linear output for each task: no hidden layer.
ArchitectureMaker MakeLinear;
// Covington 2016: hidden layers, and a linear output for each task.
ArchitectureMaker MakeTower;
// Zhao 2019's baseline: hidden layers that all tasks share, then some of each task's own.
ArchitectureMaker MakeSharedBottom;
// Multi-gate mixture of experts over the shared hidden layers (Ma et al. 2018; Zhao 2019, 3.3).
ArchitectureMaker MakeMmoe;
// Progressive layered extraction (Tang et al. 2020): experts of all tasks and of each task, in
// levels. The gate of a task mixes its own experts and the shared ones; between two levels a gate
// of the shared stream mixes all.
ArchitectureMaker MakePle;

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_ARCHITECTURES_H_
