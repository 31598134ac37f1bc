#include "events/import_warnings.h"

#include "events/schema.h"

namespace upnext::events {
namespace {

constexpr int64_t kYearMs = 365LL * 86'400'000;
constexpr int kExamples = 3;

Status WarnOfTimes(WatchedDatabase& db, std::vector<std::string>& warnings) {
  return db.database().Query(
      "SELECT count(*)::BIGINT, max(time), make_timestamp(min(time) * 1000)::VARCHAR,\n"
      "  make_timestamp(max(time) * 1000)::VARCHAR\n"
      "FROM in_events WHERE reason IS NULL HAVING min(time) >= 0",
      [&](const Chunk& chunk) {
        if (chunk.rows() == 0 || chunk.Values<int64_t>(1)[0] >= kYearMs) return Ok();
        warnings.push_back(fmt::format(
            "events: all {} times lie in 1970, from {} to {}: expected seconds since 1970, found "
            "what seconds divided by 1000 look like; check the SELECT's time",
            chunk.Values<int64_t>(0)[0], chunk.Text(2, 0), chunk.Text(3, 0)));
        return Ok();
      });
}

// Only the names that folding changes, and those that they fall together with, are grouped: most
// logs have none, and then this costs one pass over the names.
Status WarnOfIds(WatchedDatabase& db, IdSpace space, std::vector<std::string>& warnings) {
  const std::string_view label = IdSpaceName(space);
  return db.database().Query(
      fmt::format(
          "WITH folded AS (SELECT name, lower(replace(name, ' ', '')) AS fold FROM names_{}),\n"
          "  odd AS (SELECT DISTINCT fold FROM folded WHERE fold <> name),\n"
          "  alike AS (SELECT fold, count(*) AS n, min(name) AS one, max(name) AS other\n"
          "    FROM folded SEMI JOIN odd USING (fold) GROUP BY fold HAVING count(*) > 1)\n"
          "SELECT sum(n)::BIGINT,\n"
          "  (SELECT string_agg('''' || one || ''' and ''' || other || '''', ', ')\n"
          "   FROM (SELECT one, other FROM alike ORDER BY fold LIMIT {}))\n"
          "FROM alike HAVING sum(n) > 0",
          label, kExamples),
      [&](const Chunk& chunk) {
        if (chunk.rows() == 0) return Ok();
        warnings.push_back(fmt::format(
            "{}: {} ids differ from another by case or blanks only, e.g. {}; they are kept apart. "
            "If they are the same, use lower(trim(...)) in the SELECT",
            label, chunk.Values<int64_t>(0)[0], chunk.Text(1, 0)));
        return Ok();
      });
}

}  // namespace

Result<std::vector<std::string>> ImportWarnings(WatchedDatabase& db) {
  std::vector<std::string> warnings;
  UPNEXT_RETURN_IF_ERROR(WarnOfTimes(db, warnings));
  for (size_t i = 0; i < kIdSpaces; ++i) {
    const auto space = static_cast<IdSpace>(i);
    // Queries are folded into tokens anyway (features/query_tokens.h).
    if (space == IdSpace::kQuery) continue;
    UPNEXT_RETURN_IF_ERROR(WarnOfIds(db, space, warnings));
  }
  return warnings;
}

}  // namespace upnext::events
