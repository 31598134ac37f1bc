// The users of the world. A user is a function of (seed, number) and is not stored, so users cost
// no memory and any thread can compute any of them.
//
//   User user = MakeUser(options, TopicTastes::Of(options), 42);
//   double weight = user.Interest(topic, time_ms);      // in [0, 1]; a user's interests sum to 1
//
// Plain values; any thread.
#ifndef UPNEXT_SIMULATOR_POPULATION_H_
#define UPNEXT_SIMULATOR_POPULATION_H_

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "simulator/catalogue.h"
#include "simulator/world_options.h"

namespace upnext::simulator {

inline constexpr size_t kMaxInterests = 5;
inline constexpr uint8_t kNoLanguage = 0xff;

struct Region {
  std::string_view name;  // "DE"
  int utc_offset_hours;
  uint8_t language;  // index into kLanguageNames
};
extern const std::array<Region, kRegions> kRegionTable;

struct User {
  uint32_t id = 0;
  uint8_t region = 0;
  uint8_t language = 0, second_language = kNoLanguage;
  bool logged_in = true;  // age and gender are written for these only
  float age = 0;          // years
  float gender = 0;       // in [0, 1]
  double sessions_per_day = 0;
  std::array<double, kDevices> devices{};  // weights
  Style style{};        // z-values: the user's preferred point of the style space
  double leniency = 0;  // stars that are added to its ratings
  int interests = 0;    // 2 to 5
  std::array<uint8_t, kMaxInterests> topic{};
  std::array<double, kMaxInterests> level{},
      drift{};  // log weight = level + drift * months since start
  int64_t drift_from_ms = 0;

  // [interests] weights at a time; they sum to 1.
  std::array<double, kMaxInterests> InterestsAt(int64_t time_ms) const;
  double Interest(uint32_t of_topic, int64_t time_ms) const;
  bool Speaks(uint8_t of_language) const {
    return of_language == language || of_language == second_language;
  }
};

// The influence of region, age and gender on topics, fixed per seed: on the choice of interests,
// and of a region's taste on clicks.
class TopicTastes {
 public:
  static TopicTastes Of(const WorldOptions& options);
  // Taste of a region for a topic, a z-value.
  double OfRegion(uint32_t region, uint32_t topic) const {
    return region_[size_t{region} * leaning_.size() + topic];
  }
  // How much a topic attracts old (+) or young (-) users, gender 1 (+) or 0 (-), and users in
  // general: z-values times 0.8, 0.8 and 0.5.
  struct Leaning {
    double age, gender, size;
  };
  std::span<const Leaning> leanings() const { return leaning_; }

 private:
  std::vector<Leaning> leaning_;  // [topics]
  std::vector<double> region_;    // [regions, topics]
};

User MakeUser(const WorldOptions& options, const TopicTastes& tastes, uint32_t id);

// Draws the local hour of a session, in [0, 24), and the device used at that hour.
double DrawHour(const SessionOptions& options, base::Rng& rng);
Device DrawDevice(const AudienceOptions& options, const User& user, double local_hour,
                  base::Rng& rng);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_POPULATION_H_
