#include "examples/holdout.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <unordered_set>
#include <utility>

#include "examples/watch_loop.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

constexpr size_t kHoldoutChunkUsers = 256;

// Items of the complete watches of the part, each once.
std::vector<uint32_t> Targets(const ReplaySource& source, const RowRange& rows) {
  const log::EventLog& log = source.log;
  std::vector<uint32_t> targets;
  std::unordered_set<uint32_t> taken;
  for (uint64_t row = rows.begin; row < rows.end; ++row) {
    if (!source.rule.MayBePositive(log.type(row))) continue;
    const schema::Event event = log.event(row);
    if (!source.rule.IsPositive(event, log.item(event.item))) continue;
    if (taken.insert(event.item).second) targets.push_back(event.item);
  }
  return targets;
}

std::optional<HoldoutCase> MakeCase(const ReplaySource& source, uint32_t user, SplitPart part) {
  const RowRange rows = source.split.rows(source.log, user, part);
  if (rows.begin == rows.end) return std::nullopt;
  const bool by_time = source.split.kind() == SplitOptions::Kind::kTime;
  HoldoutCase result;
  result.user = user;
  result.end_row = rows.begin;
  result.targets = Targets(source, rows);
  if (result.targets.empty()) return std::nullopt;
  // The last part of leave-one-out reaches to the end of the log; its watch is the first of it.
  if (!by_time) result.targets.erase(result.targets.begin() + 1, result.targets.end());
  const schema::Event first = source.log.event(rows.begin);
  result.time_ms = first.time_ms;
  result.context = features::ContextOf(source.log, rows.begin, first);
  result.context.current_item = schema::kNone;  // what is listed is a feed
  return result;
}

}  // namespace

std::vector<HoldoutCase> HoldoutCases(const ReplaySource& source, SplitPart part,
                                      base::ThreadPool& pool) {
  const uint32_t users = source.log.users();
  std::vector<std::vector<HoldoutCase>> chunks((users + kHoldoutChunkUsers - 1) /
                                               kHoldoutChunkUsers);
  pool.ParallelFor(users, kHoldoutChunkUsers, [&](size_t begin, size_t end) {
    std::vector<HoldoutCase>& cases = chunks[begin / kHoldoutChunkUsers];
    for (size_t user = begin; user < end; ++user) {
      if (auto found = MakeCase(source, static_cast<uint32_t>(user), part)) {
        cases.push_back(std::move(*found));
      }
    }
  });
  std::vector<HoldoutCase> all;
  for (std::vector<HoldoutCase>& cases : chunks) {
    std::ranges::move(cases, std::back_inserter(all));
  }
  return all;
}

}  // namespace upnext::examples
