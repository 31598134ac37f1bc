#include "cli/logged_feeds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "ranking/objectives.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "serving/replay.h"

namespace upnext::cli {
namespace {

using serving::Recommendation;

class FeedReader {
 public:
  FeedReader(const LoggedFeedsOptions& options, schema::EventType reward,
             std::optional<size_t> objective, LoggedFeeds* feeds)
      : options_(options), reward_(reward), objective_(objective), feeds_(*feeds) {}

  Status Take(serving::Replayer& replayer, uint64_t request) {
    UPNEXT_ASSIGN_OR_RETURN(const serving::Replayed made, replayer.Replay(request));
    if (!made.served) {
      ++feeds_.not_replayed;
      return Ok();
    }
    const serving::SlateRecord& served = *made.served;
    if (made.other.size() > served.items.size()) {
      ++feeds_.shorter;
      return Ok();
    }
    evaluation::LoggedPage page{.user = NumberOf(served.request.user), .places = {}};
    for (size_t k = 0; k < served.items.size(); ++k) {
      const Recommendation& shown = served.items[k];
      const Recommendation* const other = k < made.other.size() ? &made.other[k] : nullptr;
      page.places.push_back({.propensity = *shown.propensity,
                             .target = other != nullptr && other->id == shown.id ? 1.0 : 0.0,
                             .expected = ExpectedOf(&shown),
                             .expected_target = ExpectedOf(other)});
    }
    UPNEXT_ASSIGN_OR_RETURN(const auto events, replayer.EventsAfter(served));
    for (const schema::RawEvent& event : events) {
      if (event.type != reward_) continue;
      const auto at = std::ranges::find(served.items, event.item, &Recommendation::id);
      if (at == served.items.end()) continue;
      page.places[static_cast<size_t>(at - served.items.begin())].reward +=
          std::isnan(event.value) ? 1 : static_cast<double>(event.value);
    }
    feeds_.pages.push_back(std::move(page));
    return Ok();
  }

  // Whether an answer can be a page.
  bool Admits(const serving::SlateRecord& record, uint64_t request) {
    if (record.request.scenario != options_.of) {
      ++feeds_.other_scenarios;
    } else if (options_.first && !firsts_.contains(request)) {
      ++feeds_.not_first;
    } else if (record.request.offset > 0 || record.request.places_before > 0) {
      ++feeds_.later_pages;
    } else if (record.items.empty() || !std::ranges::all_of(record.items, [](const auto& item) {
                 return item.propensity.has_value();
               })) {
      ++feeds_.no_propensities;
    } else {
      return true;
    }
    return false;
  }

  // Of all that is kept: an answer may be the first of the newest ones alone, and they come by their bundle.
  Status FindFirsts(serving::Replayer& replayer) {
    uint64_t ignored = 0;
    UPNEXT_ASSIGN_OR_RETURN(auto slates,
                            replayer.Slates(std::numeric_limits<size_t>::max(), &ignored));
    std::ranges::sort(slates, {}, &serving::LoggedSlate::sequence);
    std::unordered_set<std::string> answered;
    for (const auto& one : slates) {
      UPNEXT_ASSIGN_OR_RETURN(const auto record, replayer.RecordOf(one.request));
      if (!record || record->request.scenario != options_.of) continue;
      if (answered.insert(record->request.user).second) firsts_.insert(one.request);
    }
    return Ok();
  }

 private:
  double ExpectedOf(const Recommendation* item) const {
    if (item == nullptr || !objective_ || *objective_ >= item->predictions.size()) return 0;
    return static_cast<double>(item->predictions[*objective_]);
  }
  uint32_t NumberOf(const std::string& user) {
    return users_.try_emplace(user, static_cast<uint32_t>(users_.size())).first->second;
  }

  const LoggedFeedsOptions& options_;
  const schema::EventType reward_;
  const std::optional<size_t> objective_;
  LoggedFeeds& feeds_;
  std::unordered_map<std::string, uint32_t> users_;
  std::unordered_set<uint64_t> firsts_;  // requests of the first answers to each user
};

// The objective that predicts the reward.
std::optional<size_t> ObjectiveOf(const std::vector<ranking::Objective>& objectives,
                                  schema::EventType reward) {
  using Label = ranking::Objective::Label;
  const auto found = std::ranges::find_if(objectives, [&](const ranking::Objective& one) {
    return reward == schema::EventType::kWatch ? one.label == Label::kWatchSeconds
                                               : one.label == Label::kEvent && one.event == reward;
  });
  if (found == objectives.end()) return std::nullopt;
  return static_cast<size_t>(found - objectives.begin());
}

}  // namespace

Result<LoggedFeeds> ReadLoggedFeeds(const api::Settings& settings,
                                    const LoggedFeedsOptions& options, base::Progress& progress) {
  const schema::Schema& schema = settings.project.schema();
  const auto reward = schema.FindEventType(options.reward);
  if (!reward) return InvalidArgument("--reward: {}", schema.UnknownEventType(options.reward));
  for (const std::string& scenario : {options.of, options.scenario}) {
    UPNEXT_RETURN_IF_ERROR(settings.engine.scenarios.Find(scenario));
  }
  serving::ReplayOptions replay = api::ReplayOptionsOf(settings);
  replay.other_scenario = options.scenario;
  UPNEXT_ASSIGN_OR_RETURN(const auto replayer, serving::Replayer::Open(std::move(replay)));
  LoggedFeeds feeds;
  const auto objective = ObjectiveOf(settings.training.train.objectives, *reward);
  feeds.has_model = objective.has_value();
  FeedReader reader(options, *reward, objective, &feeds);
  if (options.first) UPNEXT_RETURN_IF_ERROR(reader.FindFirsts(*replayer));
  const size_t most = options.last == 0 ? std::numeric_limits<size_t>::max() : options.last;
  UPNEXT_ASSIGN_OR_RETURN(const auto slates, replayer->Slates(most, &feeds.not_replayed));
  base::ProgressStage stage(progress, "make answers again", "answers", slates.size());
  for (size_t i = 0; i < slates.size(); ++i) {
    if (progress.stop_requested())
      return Cancelled("stopped after {} of {} answers", i, slates.size());
    UPNEXT_ASSIGN_OR_RETURN(const auto record, replayer->RecordOf(slates[i].request));
    if (!record) ++feeds.not_replayed;
    if (record && reader.Admits(*record, slates[i].request)) {
      UPNEXT_RETURN_IF_ERROR(reader.Take(*replayer, slates[i].request));
    }
    stage.Update(i + 1);
  }
  return feeds;
}

}  // namespace upnext::cli
