#include "net/feed_metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::net {
namespace {

void Head(std::string_view name, std::string_view kind, std::string_view help, std::string* out) {
  *out += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, kind, help);
}

// Names of scenarios and objectives are those of a project file, which may have any character.
std::string Label(std::string_view key, std::string_view value) {
  std::string out = std::string(key) + "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    c == '\n' ? out += "\\n" : out += c;
  }
  return out + "\"";
}

template <typename Map, typename ValueOf>
void Lines(std::string_view name, std::string_view kind, std::string_view help,
           std::string_view key, const Map& values, const ValueOf& value_of, std::string* out) {
  Head(name, kind, help, out);
  for (const auto& [label, value] : values) {
    *out += fmt::format("{}{{{}}} {}\n", name, Label(key, label), value_of(value));
  }
}

constexpr auto kItself = [](auto value) { return value; };

}  // namespace

void FeedMetrics::Histogram::Add(double seconds) {
  ++buckets[static_cast<size_t>(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin())];
  sum += seconds;
}

void FeedMetrics::Histogram::Render(std::string_view name, const std::string& labels,
                                    std::string* out) const {
  const std::string before = labels.empty() ? "" : labels + ",";
  const std::string alone = labels.empty() ? "" : "{" + labels + "}";
  uint64_t total = 0;
  for (size_t b = 0; b < buckets.size(); ++b) {
    total += buckets[b];
    const std::string bound = b < kBounds.size() ? fmt::format("{}", kBounds[b]) : "+Inf";
    *out += fmt::format("{}_bucket{{{}le=\"{}\"}} {}\n", name, before, bound, total);
  }
  *out += fmt::format("{0}_sum{1} {2}\n{0}_count{1} {3}\n", name, alone, sum, total);
}

void FeedMetrics::Observe(const FeedReport& feed) {
  base::MutexLock lock(mutex_);
  ++scenarios_[feed.scenario];
  if (feed.cold_start) ++cold_starts_[feed.scenario];
  degraded_feeds_ += feed.degraded.empty() ? 0 : 1;
  for (const serving::Degradation& one : feed.degraded) ++degraded_[one.stage];
  for (const serving::StageTime& one : feed.stages) {
    const std::string stage(one.stage);
    stages_[stage].Add(one.ms / 1e3);
    items_[stage] += one.out;
  }
  for (const auto& [objective, prediction] : feed.predictions) {
    Mean& mean = predictions_[objective];
    mean.of = std::min(mean.of + 1, kMeanOf);
    mean.value += (prediction - mean.value) / mean.of;
  }
}

void FeedMetrics::ObserveVisible(double seconds) {
  base::MutexLock lock(mutex_);
  visible_.Add(seconds);
}

std::string FeedMetrics::Render() const {
  std::string out;
  base::MutexLock lock(mutex_);
  Lines("upnext_feeds_total", "counter", "Feeds by scenario; \"\" is that of [serving].",
        "scenario", scenarios_, kItself, &out);
  Lines("upnext_cold_start_feeds_total", "counter",
        "Of these, feeds by the cold_start of the scenario.", "scenario", cold_starts_, kItself,
        &out);
  Head("upnext_feeds_degraded_total", "counter",
       "Feeds in which a stage was late or failed; the answer says which.", &out);
  out += fmt::format("upnext_feeds_degraded_total {}\n", degraded_feeds_);
  Lines("upnext_degraded_total", "counter", "Times that a stage was late or failed.", "stage",
        degraded_, kItself, &out);
  Head("upnext_stage_seconds", "histogram", "Time of the stages of a feed.", &out);
  for (const auto& [stage, times] : stages_) {
    times.Render("upnext_stage_seconds", Label("stage", stage), &out);
  }
  Lines("upnext_stage_items_total", "counter",
        "What came out of a stage: events of a state, candidates, items.", "stage", items_, kItself,
        &out);
  Lines(
      "upnext_prediction_mean", "gauge",
      "Mean prediction for shown items, of about the last thousand feeds, in the unit of the "
      "objective.",
      "objective", predictions_, [](const Mean& mean) { return mean.value; }, &out);
  Head("upnext_event_visible_seconds", "histogram",
       "From the arrival of posted events until feeds of their users reflect them.", &out);
  visible_.Render("upnext_event_visible_seconds", "", &out);
  return out;
}

std::string BundleMetrics(const serving::BundleFigures& figures) {
  std::string out;
  Head("upnext_index_items", "gauge", "Items in the nearest-neighbour index.", &out);
  out += fmt::format("upnext_index_items {}\n", figures.index_items);
  Head("upnext_bundle_created_seconds", "gauge",
       "When the bundle being served was published, in seconds since 1970.", &out);
  out += fmt::format("upnext_bundle_created_seconds {}\n", figures.created_ms / 1000);
  Head("upnext_log_last_event_seconds", "gauge",
       "Time of the newest event of the log being served, in seconds since 1970.", &out);
  out += fmt::format("upnext_log_last_event_seconds {}\n", figures.last_event_ms / 1000);
  Lines("upnext_bundle_part_bytes", "gauge", "Size of the parts of the bundle being served.",
        "part", figures.part_bytes, kItself, &out);
  Lines("upnext_prediction_mean_trained", "gauge",
        "Mean prediction for the impressions of the test part, when the bundle was evaluated.",
        "objective", figures.prediction_means, kItself, &out);
  return out;
}

}  // namespace upnext::net
