#include "examples/holdout.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <unordered_set>
#include <utility>

#include "examples/watch_loop.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

constexpr size_t kHoldoutChunkUsers = 256;

// Of the complete watches of the part.
std::vector<uint64_t> WatchRows(const ReplaySource& source, const RowRange& rows) {
  const log::EventLog& log = source.log;
  std::vector<uint64_t> watches;
  for (uint64_t row = rows.begin; row < rows.end; ++row) {
    if (!source.rule.MayBePositive(log.type(row))) continue;
    const schema::Event event = log.event(row);
    if (source.rule.IsPositive(event, log.item(event.item))) watches.push_back(row);
  }
  return watches;
}

// With the list that is made before `row`, and the items of `watches`, each once.
HoldoutCase CaseBefore(const ReplaySource& source, uint32_t user, uint64_t row,
                       std::span<const uint64_t> watches) {
  HoldoutCase result;
  result.user = user;
  result.end_row = row;
  std::unordered_set<uint32_t> taken;
  for (const uint64_t watch : watches) {
    const uint32_t item = source.log.item_of(watch);
    if (taken.insert(item).second) result.targets.push_back(item);
  }
  const schema::Event event = source.log.event(row);
  result.time_ms = event.time_ms;
  result.context = features::ContextOf(source.log, row, event);
  result.context.current_item = schema::kNone;  // what is listed is a feed
  return result;
}

void AppendCases(const ReplaySource& source, uint32_t user, SplitPart part, HoldoutTargets targets,
                 std::vector<HoldoutCase>* cases) {
  const RowRange rows = source.split.rows(source.log, user, part);
  if (rows.begin == rows.end) return;
  const std::vector<uint64_t> all = WatchRows(source, rows);
  if (all.empty()) return;
  std::span<const uint64_t> watches(all);
  if (source.split.kind() != SplitOptions::Kind::kTime) {
    // The last part of leave-one-out reaches to the end of the log; its watch is the first of it.
    cases->push_back(CaseBefore(source, user, rows.begin, watches.first(1)));
    return;
  }
  if (targets == HoldoutTargets::kAll) {
    cases->push_back(CaseBefore(source, user, rows.begin, watches));
    return;
  }
  if (targets == HoldoutTargets::kLast) watches = watches.last(1);
  for (size_t i = 0; i < watches.size(); ++i) {
    cases->push_back(CaseBefore(source, user, watches[i], watches.subspan(i, 1)));
  }
}

}  // namespace

std::vector<HoldoutCase> HoldoutCases(const ReplaySource& source, SplitPart part,
                                      base::ThreadPool& pool, HoldoutTargets targets) {
  const uint32_t users = source.log.users();
  std::vector<std::vector<HoldoutCase>> chunks((users + kHoldoutChunkUsers - 1) /
                                               kHoldoutChunkUsers);
  pool.ParallelFor(users, kHoldoutChunkUsers, [&](size_t begin, size_t end) {
    std::vector<HoldoutCase>& cases = chunks[begin / kHoldoutChunkUsers];
    for (size_t user = begin; user < end; ++user) {
      AppendCases(source, static_cast<uint32_t>(user), part, targets, &cases);
    }
  });
  std::vector<HoldoutCase> all;
  for (std::vector<HoldoutCase>& cases : chunks) {
    std::ranges::move(cases, std::back_inserter(all));
  }
  return all;
}

}  // namespace upnext::examples
