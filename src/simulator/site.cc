#include "simulator/site.h"

#include <array>
#include <memory>

#include "base/file.h"
#include "simulator/music_site.h"
#include "simulator/news_site.h"
#include "simulator/shop_site.h"

namespace upnext::simulator {
namespace {

struct SiteKind {
  SiteOptions size;  // its own
  std::unique_ptr<const SimulatedSite> (*make)(const SiteOptions& options);
};

// By SiteOptions::Kind.
const SiteKind& KindOf(SiteOptions::Kind kind) {
  static const std::array<SiteKind, 3> kKinds = {{
      {{.users = 3000, .items = 1200, .days = 60}, MakeShopSite},
      {{.users = 3000, .items = 900, .days = 14}, MakeNewsSite},
      {{.users = 1000, .items = 2500, .days = 30}, MakeMusicSite},
  }};
  return kKinds[static_cast<size_t>(kind)];
}

}  // namespace

Result<SiteReport> SimulateSite(SiteOptions options, const std::filesystem::path& directory,
                                base::Progress& progress) {
  const SiteKind& kind = KindOf(options.kind);
  if (options.users == 0) options.users = kind.size.users;
  if (options.items == 0) options.items = kind.size.items;
  if (options.days == 0) options.days = kind.size.days;
  const std::unique_ptr<const SimulatedSite> site = kind.make(options);
  std::vector<SiteEvent> events;
  {
    base::ProgressStage stage(progress, "simulate the site", "users", options.users);
    for (uint32_t user = 0; user < options.users; ++user) {
      if (progress.stop_requested()) return Cancelled("the simulation was stopped");
      site->AddUser(user, &events);
      stage.Update(user + 1);
    }
  }
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory));
  UPNEXT_RETURN_IF_ERROR(site->WriteTables(directory));
  UPNEXT_RETURN_IF_ERROR(site->WriteEvents(events, directory / "events.csv"));
  return SiteReport{.options = options, .events = events.size()};
}

}  // namespace upnext::simulator
