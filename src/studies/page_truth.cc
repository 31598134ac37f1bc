#include "studies/page_truth.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "schema/event.h"
#include "studies/live_value.h"
#include "studies/world_names.h"

namespace upnext::studies {
namespace {

using evaluation::Impressions;
using evaluation::ImpressionTruth;
using simulator::LogRow;
using simulator::UserRows;

// The impressions of a log by user and item of the world, and time.
class ImpressionIndex {
 public:
  ImpressionIndex(const log::EventLog& log, const Impressions& impressions) {
    for (uint32_t i = 0; i < impressions.size(); ++i) {
      const auto name = [&](schema::IdSpace space, uint32_t id) {
        return NumberOfName(log.dictionary(space).name(id));
      };
      rows_.emplace(
          std::tuple(name(schema::IdSpace::kUser, impressions.user[i]),
                     name(schema::IdSpace::kItem, impressions.item[i]), impressions.time_ms[i]),
          i);
    }
  }
  // Its number, or null.
  const uint32_t* Find(const LogRow& row) const {
    const auto found = rows_.find(std::tuple(row.user, row.item, row.time_ms));
    return found == rows_.end() ? nullptr : &found->second;
  }
  size_t size() const { return rows_.size(); }

 private:
  std::map<std::tuple<uint32_t, uint32_t, int64_t>, uint32_t> rows_;
};

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
  const ImpressionIndex index(log, impressions);
  ImpressionTruth truth;
  for (std::vector<double>& gains : truth.gains) gains.assign(impressions.size(), 0);
  truth.device.assign(impressions.size(), 0);
  size_t found = 0, places = 1;
  const auto take = [&](const UserRows& rows) -> Status {
    for (const LogRow& row : rows.rows) {
      if (row.type != schema::EventType::kImpression) continue;
      const uint32_t* i = index.Find(row);
      if (i == nullptr) continue;
      ++found;
      truth.gains[0][*i] = row.click_probability;
      truth.gains[1][*i] = row.click_probability * static_cast<double>(row.expected_watch_s);
      truth.gains[2][*i] = row.click_probability * static_cast<double>(row.satisfaction);
      truth.device[*i] = static_cast<uint8_t>(row.device);
      places = std::max<size_t>(places, row.position);
    }
    return Ok();
  };
  const int64_t logged_ms = log.stats().last_ms - world.options().start_ms();
  const int days = std::min(world.options().days, static_cast<int>(logged_ms / base::kDayMs) + 1);
  UPNEXT_RETURN_IF_ERROR(SiteAt(world, days, pool, progress, take));
  if (found < impressions.size()) {
    return FailedPrecondition(
        "expected each of the {} impressions among those of the world's own policy, found {}; pass "
        "the world of the `upnext simulate` that made this log",
        impressions.size(), found);
  }
  truth.examination = ExaminationOf(world, places);
  return truth;
}

}  // namespace upnext::studies
