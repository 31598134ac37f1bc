// Logs of small sites of other kinds than the video world: a shop, a news site, a music service. Each
// has a choice model that is written down (docs/guides/simulator.md), so what a model can find in the
// log is known.
//
//   UPNEXT_ASSIGN_OR_RETURN(const SiteReport report,
//                           SimulateSite({.kind = SiteOptions::Kind::kShop}, "shop/data", progress));
//
// The columns are those of the site, and a project file in configs/ maps them. The bytes depend only
// on the options. Memory: the events, 40 bytes each.
#ifndef UPNEXT_SIMULATOR_SITE_H_
#define UPNEXT_SIMULATOR_SITE_H_

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/progress.h"
#include "base/status.h"

namespace upnext::simulator {

struct SiteOptions {
  enum class Kind : uint8_t { kShop, kNews, kMusic } kind = Kind::kShop;
  // 0: the site's own size.
  uint32_t users = 0, items = 0;
  int days = 0;
  uint64_t seed = 1;
};

struct SiteReport {
  SiteOptions options;  // with the sizes that were simulated
  uint64_t events = 0;
};

// Creates `directory` if it does not exist and replaces the files of an earlier run in it:
// events.csv, and the site's tables of items and users. kCancelled on request.
Result<SiteReport> SimulateSite(SiteOptions options, const std::filesystem::path& directory,
                                base::Progress& progress);

// ---- What the sites share; for this room -------------------------------------------------------

inline constexpr int64_t kSiteStartMs =
    1'772'323'200'000;  // 2026-03-01, the first day of every log

inline int64_t SiteTime(double day) {
  return kSiteStartMs + static_cast<int64_t>(day * static_cast<double>(base::kDayMs));
}

struct SiteEvent {
  uint32_t user = 0;
  uint32_t item = UINT32_MAX;  // none
  int64_t time_ms = 0;
  double value = std::nan("");
  std::string_view action = {}, device = {};
  uint64_t request = 0;  // 0: none
  uint16_t position = 0;
  std::string_view page = {};
  std::string query = {};
};

// A site, made from its options. Simulates user by user, and each user from a stream of random
// numbers of its own.
class SimulatedSite {
 public:
  virtual ~SimulatedSite() = default;
  // Appends the events of one user in time order.
  virtual void AddUser(uint32_t user, std::vector<SiteEvent>* events) const = 0;
  virtual Status WriteTables(const std::filesystem::path& directory) const = 0;
  virtual Status WriteEvents(const std::vector<SiteEvent>& events,
                             const std::filesystem::path& file) const = 0;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_SITE_H_
