#include "simulator/value.h"

#include <algorithm>
#include <cmath>

#include "schema/event.h"

namespace upnext::simulator {
namespace {

// The estimate of (sum of x_u) / (sum of n_u) and each user's part in its error, which sums to 0.
struct Ratio {
  Ratio(const UserValues& values, double Value::* sum) {
    double x = 0, n = 0;
    for (const Value& user : values.users()) {
      x += user.*sum;
      n += user.slates;
    }
    if (!(n > 0)) return;
    mean = x / n;
    for (const Value& user : values.users()) parts.push_back((user.*sum - mean * user.slates) / n);
  }
  double mean = 0;
  std::vector<double> parts;
};

double Norm(std::span<const double> parts) {
  double squares = 0;
  for (double part : parts) squares += part * part;
  return std::sqrt(squares);
}

}  // namespace

void Value::Add(const LogRow& row) {
  switch (row.type) {
    case schema::EventType::kImpression: {
      const double click = static_cast<double>(row.examination) * row.click_probability;
      slates += row.position == 1 ? 1 : 0;
      clicks += click;
      watch_s += click * static_cast<double>(row.expected_watch_s);
      satisfaction += click * static_cast<double>(row.satisfaction);
      break;
    }
    case schema::EventType::kClick:
      seen_clicks += 1;
      break;
    case schema::EventType::kWatch:
      seen_watch_s += row.request != 0 ? static_cast<double>(row.value) : 0.0;
      break;
    default:
      break;
  }
}

Value& Value::operator+=(const Value& other) {
  slates += other.slates;
  clicks += other.clicks;
  watch_s += other.watch_s;
  satisfaction += other.satisfaction;
  seen_clicks += other.seen_clicks;
  seen_watch_s += other.seen_watch_s;
  return *this;
}

Value UserValues::total() const {
  Value total;
  for (const Value& user : users_) total += user;
  return total;
}

Estimate PerSlate(const UserValues& values, double Value::* sum) {
  const Ratio ratio(values, sum);
  return {.mean = ratio.mean, .error = Norm(ratio.parts)};
}

Estimate Difference(const UserValues& a, const UserValues& b, double Value::* sum) {
  const Ratio of_a(a, sum), of_b(b, sum);
  std::vector<double> parts(std::max(of_a.parts.size(), of_b.parts.size()), 0.0);
  for (size_t u = 0; u < of_a.parts.size(); ++u) parts[u] += of_a.parts[u];
  for (size_t u = 0; u < of_b.parts.size(); ++u) parts[u] -= of_b.parts[u];
  return {.mean = of_a.mean - of_b.mean, .error = Norm(parts)};
}

}  // namespace upnext::simulator
