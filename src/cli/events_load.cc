#include "cli/events_load.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "base/rng.h"
#include "net/http_client.h"
#include "schema/event.h"

namespace upnext::cli {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double ThreadCpuSeconds() {
  rusage used = {};
  getrusage(RUSAGE_THREAD, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

Latency LatencyOf(std::vector<double> milliseconds) {
  if (milliseconds.empty()) return {};
  std::ranges::sort(milliseconds);
  const size_t last = milliseconds.size() - 1;
  return {.p50 = milliseconds[last / 2],
          .p99 = milliseconds[last * 99 / 100],
          .p999 = milliseconds[last * 999 / 1000]};
}

// One connection and what it measured.
struct LoadClient {
  std::unique_ptr<net::HttpClient> http;
  base::Rng rng;
  Status status = Ok();
  std::vector<double> milliseconds = {};  // of each request
  double cpu_s = 0;
};

const std::string& Any(const std::vector<std::string>& names, base::Rng& rng) {
  return names[rng.Below(names.size())];
}

// A page of impressions, every fifth of them watched. Few items are shown often.
std::string BatchBody(const LoadNames& names, uint32_t size, uint64_t run, uint64_t number,
                      base::Rng& rng) {
  std::string body = R"({"events": [)";
  std::string user, request;
  for (uint32_t i = 0; i < size; ++i) {
    if (i % 10 == 0) {
      user = Any(names.users, rng);
      request = fmt::format("{:016x}", rng.Next());
    }
    const uint64_t all = names.items.size();
    const std::string& item = names.items[rng.Below(1 + rng.Below(all))];
    const std::string_view type =
        i % 5 == 4 ? R"("watch", "value": 31.5)" : R"("impression", "source": "popular")";
    fmt::format_to(std::back_inserter(body),
                   R"({}{{"id": "{:x}-{}-{}", "user": "{}", "type": {}, "item": "{}", )"
                   R"("request": "{}", "position": {}, "device": "tv"}})",
                   i == 0 ? "" : ", ", run, number, i, user, type, item, request, 1 + i % 10);
  }
  return body + "]}";
}

Status Answered(const Result<net::HttpClient::Answer>& answer, std::string_view what) {
  if (!answer) return std::unexpected(answer.error());
  if (answer->status == 200) return Ok();
  return Unavailable("{}: expected status 200, found {}: {}", what, answer->status, answer->body);
}

void PostUntil(Clock::time_point end, const LoadNames& names, const LoadOptions& options,
               LoadClient* client) {
  const uint64_t run = client->rng.Next();
  for (uint64_t number = 0; client->status && Clock::now() < end; ++number) {
    std::string body = BatchBody(names, options.batch, run, number, client->rng);
    const auto begin = Clock::now();
    client->status = Answered(client->http->Post("/v1/events", std::move(body)), "POST /v1/events");
    client->milliseconds.push_back(MillisecondsSince(begin));
  }
  client->cpu_s = ThreadCpuSeconds();
}

// A late answer makes the next request late too; counting from when a request was due charges that
// to the server. `every` 0: a request is due when the answer before is there.
void ReadUntil(Clock::time_point first, Clock::time_point end, const LoadNames& names, uint32_t n,
               std::chrono::nanoseconds every, LoadClient* client) {
  for (auto due = first; client->status && due < end;
       due = every.count() == 0 ? Clock::now() : due + every) {
    std::this_thread::sleep_until(due);
    const std::string target = fmt::format("/v1/recommendations?n={}&user={}", n,
                                           net::EncodeQueryValue(Any(names.users, client->rng)));
    client->status = Answered(client->http->Get(target), "GET " + target);
    client->milliseconds.push_back(MillisecondsSince(due));
  }
  client->cpu_s = ThreadCpuSeconds();
}

// Adds the times of the clients to the report, returns how many there are.
Result<uint64_t> Sum(const std::vector<LoadClient>& clients, Latency* latency, double* cpu_s) {
  std::vector<double> all;
  for (const LoadClient& client : clients) {
    if (!client.status) return std::unexpected(client.status.error());
    all.insert(all.end(), client.milliseconds.begin(), client.milliseconds.end());
    *cpu_s += client.cpu_s;
  }
  *latency = LatencyOf(all);
  return all.size();
}

}  // namespace

LoadNames NamesOf(const log::EventLog& log) {
  LoadNames names;
  const auto all = [&](schema::IdSpace space, std::vector<std::string>* to) {
    const auto& dictionary = log.dictionary(space);
    for (uint32_t id = 0; id < dictionary.size(); ++id) to->emplace_back(dictionary.name(id));
  };
  all(schema::IdSpace::kUser, &names.users);
  all(schema::IdSpace::kItem, &names.items);
  return names;
}

Result<LoadReport> RunLoad(std::string_view url, const LoadNames& names,
                           const LoadOptions& options) {
  if (names.users.empty() || names.items.empty()) {
    return InvalidArgument("expected a log with users and items, found {} and {}",
                           names.users.size(), names.items.size());
  }
  std::vector<LoadClient> writers, readers;
  for (int i = 0; i < options.writers + options.readers; ++i) {
    UPNEXT_ASSIGN_OR_RETURN(auto http, net::HttpClient::Make(url));
    (i < options.writers ? writers : readers)
        .push_back({.http = std::move(http), .rng = base::Rng(options.seed * 1000 + i)});
  }
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(options.seconds));
  const auto every = std::chrono::nanoseconds(
      options.feeds_per_s == 0
          ? 0
          : static_cast<int64_t>(1e9 * std::max(1, options.readers) / options.feeds_per_s));
  {
    std::vector<std::jthread> threads;
    for (LoadClient& client : writers) {
      threads.emplace_back([&] { PostUntil(end, names, options, &client); });
    }
    for (size_t i = 0; i < readers.size(); ++i) {
      // One after the other, as a schedule of all of them.
      const auto first = begin + every * i / readers.size();
      threads.emplace_back(
          [&, first, i] { ReadUntil(first, end, names, options.n, every, &readers[i]); });
    }
  }
  LoadReport report;
  report.seconds = MillisecondsSince(begin) / 1000;
  UPNEXT_ASSIGN_OR_RETURN(report.posts, Sum(writers, &report.post, &report.client_cpu_s));
  UPNEXT_ASSIGN_OR_RETURN(report.feeds, Sum(readers, &report.feed, &report.client_cpu_s));
  report.events = report.posts * options.batch;
  return report;
}

}  // namespace upnext::cli
