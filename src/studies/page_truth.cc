#include "studies/page_truth.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "schema/event.h"
#include "studies/live_value.h"
#include "studies/truths.h"
#include "studies/world_names.h"

namespace upnext::studies {
namespace {

using evaluation::Impressions;
using evaluation::ImpressionTruth;
using simulator::UserRows;

// P(examined) for pages of any length that a request can have.
std::vector<std::vector<double>> ExaminationOf(const simulator::World& world, size_t places) {
  std::vector<std::vector<double>> examination;
  for (size_t d = 0; d < simulator::kDevices; ++d) {
    std::vector<double>& of_device = examination.emplace_back();
    for (uint32_t place = 1; place <= places; ++place) {
      of_device.push_back(world.ExaminationProbability(place, static_cast<simulator::Device>(d)));
    }
  }
  return examination;
}

}  // namespace

Result<ImpressionTruth> TruthOf(const simulator::World& world, const log::EventLog& log,
                                const Impressions& impressions, base::ThreadPool& pool,
                                base::Progress& progress) {
  Truths truths(world.options().users);
  const int64_t logged_ms = log.stats().last_ms - world.options().start_ms();
  const int days = std::min(world.options().days, static_cast<int>(logged_ms / base::kDayMs) + 1);
  UPNEXT_RETURN_IF_ERROR(SiteAt(world, days, pool, progress, [&](const UserRows& rows) {
    truths.Add(rows);
    return Ok();
  }));
  truths.Sort();
  ImpressionTruth truth;
  size_t places = 1;
  for (size_t i = 0; i < impressions.size(); ++i) {
    const std::string_view user = log.dictionary(schema::IdSpace::kUser).name(impressions.user[i]);
    const std::string_view item = log.dictionary(schema::IdSpace::kItem).name(impressions.item[i]);
    const auto known = truths.Find(NumberOfName(user), impressions.time_ms[i], NumberOfName(item));
    if (!known) {
      return FailedPrecondition(
          "{}: expected each impression among those of the world's own policy, found another one of "
          "user {}; pass the world of the `upnext simulate` that made this log",
          log.directory().string(), user);
    }
    const Truth& of_impression = **known;
    const auto click = static_cast<double>(of_impression.click);
    truth.gains[0].push_back(click);
    truth.gains[1].push_back(click * static_cast<double>(of_impression.watch_s));
    truth.gains[2].push_back(click * static_cast<double>(of_impression.satisfaction));
    truth.device.push_back(static_cast<uint8_t>(of_impression.device));
    places = std::max<size_t>(places, of_impression.position);
  }
  truth.examination = ExaminationOf(world, places);
  return truth;
}

}  // namespace upnext::studies
