#include "ranking/watch_quantiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>

namespace upnext::ranking {
namespace {

// Where x lies on the line through (from[i], to[i]); outside of it, its end.
float Interpolate(std::span<const float> from, std::span<const float> to, float x) {
  const size_t above = static_cast<size_t>(std::ranges::upper_bound(from, x) - from.begin());
  if (above == 0) return to.front();
  if (above == from.size()) return to.back();
  const size_t below = above - 1;
  if (from[below] == x) return to[below];
  const double share =
      (static_cast<double>(x) - from[below]) / (static_cast<double>(from[above]) - from[below]);
  const double low = to[below], high = to[above];
  return static_cast<float>(low + share * (high - low));
}

bool IsAscending(std::span<const float> values) {
  return std::ranges::adjacent_find(values, std::greater_equal<>()) == values.end() &&
         std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

std::vector<float> SecondsOf(std::span<const WatchQuantiles::Watch> watches) {
  std::vector<float> seconds;
  seconds.reserve(watches.size());
  for (const WatchQuantiles::Watch& watch : watches) seconds.push_back(watch.watch_s);
  return seconds;
}

}  // namespace

WatchQuantiles::Bucket WatchQuantiles::BucketOf(std::vector<float> watch_s) {
  std::ranges::sort(watch_s);
  const size_t n = watch_s.size();
  Bucket bucket;
  // Of more values than knots, those at equal steps of the quantile stay, with the first and last.
  constexpr double kStep = 1.0 / (kMaxKnots - 2);
  for (size_t begin = 0; begin < n;) {
    size_t end = begin + 1;
    while (end < n && watch_s[end] == watch_s[begin]) ++end;
    const double middle = 0.5 * static_cast<double>(begin + end) / static_cast<double>(n);
    const auto quantile = static_cast<float>(middle);
    if (end == n && !bucket.quantiles.empty() && !(quantile > bucket.quantiles.back())) {
      bucket.seconds.back() = watch_s[begin];
    } else if (begin == 0 || end == n || middle >= bucket.quantiles.back() + kStep) {
      bucket.seconds.push_back(watch_s[begin]);
      bucket.quantiles.push_back(quantile);
    }
    begin = end;
  }
  return bucket;
}

WatchQuantiles WatchQuantiles::Learn(std::vector<Watch> watches, size_t buckets) {
  WatchQuantiles map;
  if (watches.empty()) return map;
  const auto unknown = std::ranges::stable_partition(
      watches, [](const Watch& watch) { return watch.duration_s > 0; });
  const std::span<const Watch> rest(unknown.begin(), unknown.end());
  std::vector<float> last = SecondsOf(rest.empty() ? std::span<const Watch>(watches) : rest);
  const std::span<Watch> known(watches.begin(), unknown.begin());
  std::ranges::sort(known, {}, &Watch::duration_s);
  for (size_t bucket = 0; bucket < buckets && !known.empty(); ++bucket) {
    const float start = known[known.size() * bucket / buckets].duration_s;
    if (map.starts_.empty() || start > map.starts_.back()) map.starts_.push_back(start);
  }
  for (size_t bucket = 0; bucket < map.starts_.size(); ++bucket) {
    const auto begin = std::ranges::lower_bound(known, map.starts_[bucket], {}, &Watch::duration_s);
    const auto end =
        bucket + 1 < map.starts_.size()
            ? std::ranges::lower_bound(known, map.starts_[bucket + 1], {}, &Watch::duration_s)
            : known.end();
    map.buckets_.push_back(BucketOf(SecondsOf({begin, end})));
  }
  map.buckets_.push_back(BucketOf(std::move(last)));
  return map;
}

const WatchQuantiles::Bucket& WatchQuantiles::Find(float duration_s) const {
  if (!(duration_s > 0) || starts_.empty()) return buckets_.back();
  const auto after = std::ranges::upper_bound(starts_, duration_s);
  return buckets_[after == starts_.begin() ? 0 : static_cast<size_t>(after - starts_.begin()) - 1];
}

float WatchQuantiles::Quantile(float duration_s, float watch_s) const {
  const Bucket& bucket = Find(duration_s);
  return Interpolate(bucket.seconds, bucket.quantiles, watch_s);
}

float WatchQuantiles::Seconds(float duration_s, float quantile) const {
  const Bucket& bucket = Find(duration_s);
  return Interpolate(bucket.quantiles, bucket.seconds, quantile);
}

nn::Graph::Value WatchQuantiles::AppendFind(nn::Graph& graph,
                                            const nn::Graph::Value& duration_s) const {
  using Value = nn::Graph::Value;
  const auto last = static_cast<int64_t>(starts_.size());
  const Value starts = graph.Floats(starts_, {last});
  const Value column = graph.Op("Unsqueeze", {duration_s, graph.Ints({1})});
  const Value begun = graph.Op("Cast", {graph.Op("LessOrEqual", {starts, column})},
                               {{"to", int64_t{nn::Graph::kInt64Code}}});
  const Value count = graph.Op("ReduceSum", {begun, graph.Ints({1})}, {{"keepdims", int64_t{0}}});
  const Value known = graph.Op("Max", {graph.Op("Sub", {count, graph.Int(1)}), graph.Int(0)});
  // False for an unknown duration.
  const Value is_known = graph.Op("Greater", {duration_s, graph.Float(0)});
  return graph.Op("Where", {is_known, known, graph.Int(last)});
}

nn::Graph::Value WatchQuantiles::AppendSeconds(nn::Graph& graph, const nn::Graph::Value& duration_s,
                                               const nn::Graph::Value& quantile) const {
  using Value = nn::Graph::Value;
  // A line through knots is its first value and a ramp from each knot to the next.
  size_t ramps = 1;
  for (const Bucket& bucket : buckets_) ramps = std::max(ramps, bucket.seconds.size() - 1);
  std::vector<float> first, begin(buckets_.size() * ramps), slope(begin.size()), step(begin.size());
  for (size_t b = 0; b < buckets_.size(); ++b) {
    const auto& [seconds, quantiles] = buckets_[b];
    first.push_back(seconds[0]);
    for (size_t k = 0; k + 1 < seconds.size(); ++k) {
      begin[b * ramps + k] = quantiles[k];
      slope[b * ramps + k] = 1 / (quantiles[k + 1] - quantiles[k]);
      step[b * ramps + k] = seconds[k + 1] - seconds[k];
    }
  }
  const auto rows = static_cast<int64_t>(buckets_.size()), columns = static_cast<int64_t>(ramps);
  const Value bucket = AppendFind(graph, duration_s);
  const auto of_bucket = [&](std::vector<float> values, std::vector<int64_t> shape) {
    return graph.Op("Gather", {graph.Floats(std::move(values), std::move(shape)), bucket});
  };
  const Value x = graph.Op("Unsqueeze", {quantile, graph.Ints({1})});
  const Value along = graph.Op("Mul", {graph.Op("Sub", {x, of_bucket(begin, {rows, columns})}),
                                       of_bucket(slope, {rows, columns})});
  const Value share = graph.Op("Clip", {along, graph.Float(0), graph.Float(1)});
  const Value sum = graph.Op(
      "ReduceSum", {graph.Op("Mul", {share, of_bucket(step, {rows, columns})}), graph.Ints({1})},
      {{"keepdims", int64_t{0}}});
  return graph.Op("Add", {sum, of_bucket(first, {rows})});
}

Status WatchQuantiles::Save(base::SectionWriter& writer, std::string_view name) const {
  std::vector<float> seconds, quantiles;
  std::vector<uint32_t> sizes;
  for (const Bucket& bucket : buckets_) {
    seconds.insert(seconds.end(), bucket.seconds.begin(), bucket.seconds.end());
    quantiles.insert(quantiles.end(), bucket.quantiles.begin(), bucket.quantiles.end());
    sizes.push_back(static_cast<uint32_t>(bucket.seconds.size()));
  }
  UPNEXT_RETURN_IF_ERROR(writer.Add(fmt::format("{}.durations", name), starts_));
  UPNEXT_RETURN_IF_ERROR(writer.Add(fmt::format("{}.sizes", name), sizes));
  UPNEXT_RETURN_IF_ERROR(writer.Add(fmt::format("{}.seconds", name), seconds));
  return writer.Add(fmt::format("{}.quantiles", name), quantiles);
}

Result<WatchQuantiles> WatchQuantiles::Load(const base::SectionFile& file, std::string_view name) {
  const auto floats = [&](const char* part) {
    return file.Get<float>(fmt::format("{}.{}", name, part));
  };
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const float> starts, floats("durations"));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const uint32_t> sizes,
                          file.Get<uint32_t>(fmt::format("{}.sizes", name)));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const float> seconds, floats("seconds"));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const float> quantiles, floats("quantiles"));
  const uint64_t knots = std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
  bool valid = starts.size() <= kMaxBuckets && sizes.size() == starts.size() + 1 &&
               IsAscending(starts) && (starts.empty() || starts.front() > 0) &&
               seconds.size() == knots && quantiles.size() == knots;
  WatchQuantiles map;
  map.starts_.assign(starts.begin(), starts.end());
  for (size_t bucket = 0, begin = 0; valid && bucket < sizes.size(); ++bucket) {
    const size_t size = sizes[bucket];
    const auto of_seconds = seconds.subspan(begin, size);
    const auto of_quantiles = quantiles.subspan(begin, size);
    valid = size >= 1 && size <= kMaxKnots && IsAscending(of_seconds) &&
            IsAscending(of_quantiles) && of_seconds.front() >= 0 && of_quantiles.front() >= 0 &&
            of_quantiles.back() <= 1;
    map.buckets_.push_back(
        {{of_seconds.begin(), of_seconds.end()}, {of_quantiles.begin(), of_quantiles.end()}});
    begin += size;
  }
  if (valid) return map;
  return DataLoss(
      "{}: sections {}.* should hold up to {} buckets by duration and one more, each of 1 to {} "
      "watch times and quantiles that ascend; train again",
      file.path().string(), name, kMaxBuckets, kMaxKnots);
}

}  // namespace upnext::ranking
