// Figures of the bundle being served, for those who watch a server.
//
//   const BundleFigures figures = FiguresOf(*service.generation());
//
// A plain value; a pure function.
#ifndef UPNEXT_SERVING_BUNDLE_FIGURES_H_
#define UPNEXT_SERVING_BUNDLE_FIGURES_H_

#include <cstdint>
#include <map>
#include <string>

#include "serving/generation.h"

namespace upnext::serving {

struct BundleFigures {
  uint64_t index_items = 0;                        // 0: no index
  std::map<std::string, uint64_t> part_bytes;      // of its files
  std::map<std::string, double> prediction_means;  // bundle::Manifest::prediction_means
  int64_t created_ms = 0;                          // when it was published; 0: unknown
  int64_t last_event_ms = 0;                       // of the log that is served
};

BundleFigures FiguresOf(const Generation& generation);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_BUNDLE_FIGURES_H_
