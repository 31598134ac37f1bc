// Listeners play tracks of a few artists again and again, and find new ones next to these: artists
// form scenes that share their listeners. A track is played to the end or skipped; some are saved.
#include "simulator/music_site.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "base/rng.h"
#include "import/duckdb_table.h"
#include "simulator/names.h"
#include "simulator/site_draws.h"
#include "simulator/table_file.h"

namespace upnext::simulator {
namespace {

constexpr std::array<std::string_view, 8> kGenres = {"ambient", "blues", "folk",    "house",
                                                     "jazz",    "metal", "hip hop", "pop"};
constexpr std::array<std::string_view, 10> kTrackWords = {
    "Amber", "Blue", "Cold", "Dust", "Echo", "Field", "Glass", "Harbour", "Iron", "Night"};
constexpr uint32_t kTracksPerArtist = 10, kArtistsPerScene = 8;

struct Track {
  uint32_t artist;
  double weight, created, duration_s;
  std::string title;
};

struct Listener {
  std::vector<uint32_t> scenes;  // the first is listened to most
  double visits_per_day, repeats;
  std::string_view region, device;
};

class MusicSite : public SimulatedSite {
 public:
  explicit MusicSite(const SiteOptions& options) : options_(options) {
    base::Rng rng = StreamRng(options.seed, Purpose::kCatalogue, 0);
    for (uint32_t id = 0; id < options.items; ++id) {
      Track track{};
      track.artist = id / kTracksPerArtist;
      track.weight = LogNormal(rng, 1.0);
      track.created = Chance(rng, 0.9) ? Between(rng, -2000, 0) : Between(rng, 0, options.days);
      track.duration_s = std::round(Between(rng, 120, 360));
      track.title = fmt::format("{} {}", OneOf(rng, kTrackWords), OneOf(rng, kTrackWords));
      tracks_.push_back(std::move(track));
    }
    for (uint32_t id = 0; id < options.users; ++id) {
      base::Rng of_user = StreamRng(options.seed, Purpose::kUser, id);
      listeners_.push_back({.scenes = SomeOf(of_user, scenes(), 3),
                            .visits_per_day = 0.5 * LogNormal(of_user, 0.6),
                            .repeats = Between(of_user, 0.3, 0.8),
                            .region = SiteRegion(of_user),
                            .device = SiteDevice(of_user)});
    }
  }

  uint32_t scenes() const {
    constexpr uint32_t kTracks = kTracksPerArtist * kArtistsPerScene;
    return std::max(1u, (options_.items + kTracks - 1) / kTracks);
  }
  // A track of the scene that is out by `day`, by weight; of one artist if given.
  uint32_t Draw(base::Rng& rng, uint32_t scene, double day, const uint32_t* artist) const {
    constexpr uint32_t kTracks = kTracksPerArtist * kArtistsPerScene;
    const uint32_t begin = artist ? *artist * kTracksPerArtist : scene * kTracks;
    const uint32_t end = std::min<uint32_t>(begin + (artist ? kTracksPerArtist : kTracks),
                                            static_cast<uint32_t>(tracks_.size()));
    std::vector<double> weights;
    for (uint32_t id = begin; id < end; ++id) {
      const double age = day - tracks_[id].created;
      weights.push_back(age < 0 ? 0 : tracks_[id].weight * (1 + 3 * std::exp(-age / 10)));
    }
    return begin + static_cast<uint32_t>(PickWeighted<double>(rng, weights));
  }

  void AddUser(uint32_t user, std::vector<SiteEvent>* events) const override;
  Status WriteTables(const std::filesystem::path& directory) const override;
  Status WriteEvents(const std::vector<SiteEvent>& events,
                     const std::filesystem::path& file) const override;

 private:
  const SiteOptions options_;
  std::vector<Track> tracks_;
  std::vector<Listener> listeners_;
};

void MusicSite::AddUser(uint32_t user, std::vector<SiteEvent>* events) const {
  constexpr std::array<double, 3> kShares = {6, 3, 1};
  base::Rng rng = StreamRng(options_.seed, Purpose::kUserLog, user);
  const Listener& listener = listeners_[user];
  std::vector<uint32_t> liked;  // played to the end, the newest last; repeated from here
  double day = -1;
  for (const double visit : VisitTimes(rng, options_.days, listener.visits_per_day)) {
    day = std::max(day + 60 * kSecond, visit);
    const uint32_t scene =
        listener.scenes[PickWeighted<double>(rng, kShares) % listener.scenes.size()];
    uint32_t last = UINT32_MAX;
    for (int n = 2 + Poisson(rng, 6); n > 0; --n) {
      const bool again = !liked.empty() && Chance(rng, listener.repeats);
      // The newest of the liked are repeated most; else the same artist, else the scene.
      const auto back = static_cast<size_t>(Exponential(rng, 12));
      const bool stays = last != UINT32_MAX && Chance(rng, 0.45);
      const uint32_t artist = stays ? tracks_[last].artist : 0;
      const uint32_t id = again ? liked[liked.size() - 1 - std::min(back, liked.size() - 1)]
                                : Draw(rng, scene, day, stays ? &artist : nullptr);
      const Track& track = tracks_[id];
      const bool to_the_end = Chance(rng, again ? 0.92 : 0.6);
      const double seconds = std::round(
          track.duration_s * (to_the_end ? Between(rng, 0.85, 1) : Between(rng, 0.02, 0.4)));
      const auto record = [&](std::string_view action, double value) {
        SiteEvent event{.user = user, .item = id, .time_ms = SiteTime(day), .value = value};
        event.action = action;
        event.device = listener.device;
        events->push_back(std::move(event));
      };
      record("play", std::max(1.0, seconds));
      day += (seconds + 2) * kSecond;
      if (!to_the_end) continue;
      last = id;
      if (!again) liked.push_back(id);
      if (!again && Chance(rng, 0.08)) record("save", std::nan(""));
    }
  }
}

Status MusicSite::WriteTables(const std::filesystem::path& directory) const {
  IdName track('t', options_.items), listener('l', options_.users);
  UPNEXT_RETURN_IF_ERROR(
      WriteTable(directory / "tracks.csv",
                 {{"track", "VARCHAR"},
                  {"title", "VARCHAR"},
                  {"artist", "VARCHAR"},
                  {"genre", "VARCHAR"},
                  {"seconds", "DOUBLE"},
                  {"released", "TIMESTAMP"}},
                 "*", tracks_.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
                   const Track& of = tracks_[i];
                   chunk.SetText(0, row, track(static_cast<uint32_t>(i)));
                   chunk.SetText(1, row, of.title);
                   chunk.SetText(2, row, fmt::format("artist {}", of.artist));
                   chunk.SetText(3, row, kGenres[of.artist / kArtistsPerScene % kGenres.size()]);
                   chunk.Values<double>(4)[row] = of.duration_s;
                   chunk.Values<int64_t>(5)[row] = 1000 * SiteTime(of.created);
                 }));
  return WriteTable(directory / "listeners.csv", {{"listener", "VARCHAR"}, {"region", "VARCHAR"}},
                    "*", listeners_.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
                      chunk.SetText(0, row, listener(static_cast<uint32_t>(i)));
                      chunk.SetText(1, row, listeners_[i].region);
                    });
}

Status MusicSite::WriteEvents(const std::vector<SiteEvent>& events,
                              const std::filesystem::path& file) const {
  IdName track('t', options_.items), listener('l', options_.users);
  return WriteTable(file,
                    {{"listener", "VARCHAR"},
                     {"track", "VARCHAR"},
                     {"ts", "TIMESTAMP"},
                     {"action", "VARCHAR"},
                     {"seconds", "DOUBLE"},
                     {"device", "VARCHAR"}},
                    "*", events.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
                      const SiteEvent& event = events[i];
                      chunk.SetText(0, row, listener(event.user));
                      chunk.SetText(1, row, track(event.item));
                      chunk.Values<int64_t>(2)[row] = 1000 * event.time_ms;
                      chunk.SetText(3, row, event.action);
                      ValueOrNull(chunk, 4, row, event.value, std::isnan(event.value));
                      chunk.SetText(5, row, event.device);
                    });
}

}  // namespace

std::unique_ptr<const SimulatedSite> MakeMusicSite(const SiteOptions& options) {
  return std::make_unique<MusicSite>(options);
}

}  // namespace upnext::simulator
