#include "cli/bench_import_data.h"

#include <system_error>

#include "base/file.h"
#include "import/duckdb.h"
#include "import/watched.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;

// A number in [0, 1) that depends only on the row and `use`.
std::string Draw(uint64_t seed, int use) {
  return fmt::format("(hash(i * 64 + {}) / 18446744073709551616.0)",
                     seed * 1'000'000'007 + static_cast<uint64_t>(use));
}

// Item of rank r with a share proportional to 1/r; users flatter, to 1/sqrt(r). The rank is
// scrambled, so that ids do not reveal popularity.
std::string Id(std::string_view letter, std::string_view rank, uint64_t n) {
  return fmt::format("'{}' || printf('%0{}d', (({})::BIGINT * 2654435761 + 12345) % {})", letter,
                     fmt::formatted_size("{}", n), rank, n);
}

std::string Rows(const MadeEvents& made) {
  const auto draw = [&](int use) { return Draw(made.seed, use); };
  const auto item = [&](int use) {
    return Id("video", fmt::format("floor(pow({}.0, {}))", made.items, draw(use)), made.items);
  };
  const std::string user =
      Id("user", fmt::format("floor({}.0 * pow({}, 2))", made.users, draw(1)), made.users);
  // 30 days, to the millisecond. One in 33 is a search; ten rows share a request.
  return fmt::format(
      "SELECT {user} AS \"user\", CASE WHEN kind >= 0.03 THEN {item} END AS item,\n"
      "  make_timestamp_ms(1700000000000 + (i * (2592000000.0 / {events}))::BIGINT) AS time,\n"
      "  CASE WHEN kind < 0.03 THEN 'search' WHEN kind < 0.63 THEN 'impression'\n"
      "    WHEN kind < 0.80 THEN 'click' WHEN kind < 0.97 THEN 'watch' ELSE 'like' END AS type,\n"
      "  CASE WHEN kind >= 0.80 AND kind < 0.97 THEN round(600 * {value}, 1) END AS value,\n"
      "  CASE WHEN kind < 0.03 THEN 'how to ' || floor(pow(100000, {query}))::INTEGER END AS "
      "query,\n"
      "  'r' || printf('%016x', hash(i // 10 + {seed})) AS request,\n"
      "  CASE WHEN kind >= 0.03 THEN i % 10 + 1 END AS position,\n"
      "  ['home', 'search', 'subscriptions', 'trending'][1 + floor(4 * {source})::INTEGER] AS "
      "source,\n"
      "  round(0.01 + 0.98 * {propensity}, 3) AS propensity,\n"
      "  ['tv', 'phone', 'tablet', 'desktop'][1 + floor(4 * {device})::INTEGER] AS device,\n"
      "  chr(65 + floor(26 * {region1})::INTEGER) || chr(65 + floor(10 * {region2})::INTEGER) AS "
      "region,\n"
      "  CASE WHEN kind >= 0.5 THEN {current_item} END AS current_item, {off_site} < 0.02 AS off_site\n"
      "FROM (SELECT range AS i, {kind} AS kind FROM range({events}))",
      fmt::arg("user", user), fmt::arg("item", item(2)), fmt::arg("events", made.events),
      fmt::arg("value", draw(3)), fmt::arg("query", draw(4)), fmt::arg("seed", made.seed),
      fmt::arg("source", draw(5)), fmt::arg("propensity", draw(6)), fmt::arg("device", draw(7)),
      fmt::arg("region1", draw(8)), fmt::arg("region2", draw(9)),
      fmt::arg("current_item", item(10)), fmt::arg("off_site", draw(11)),
      fmt::arg("kind", fmt::format("(hash(range * 64 + {}) / 18446744073709551616.0)",
                                   made.seed * 1'000'000'007)));
}

}  // namespace

fs::path MadeFile(const MadeEvents& made, std::string_view format, const fs::path& folder) {
  return folder / fmt::format("events-{}-{}-{}-{}.{}", made.events, made.users, made.items,
                              made.seed, format);
}

Status MakeEvents(const MadeEvents& made, std::string_view format, const fs::path& folder,
                  int threads, base::Progress& progress) {
  const fs::path file = MadeFile(made, format, folder);
  const fs::path unfinished = file.string() + ".tmp";
  UPNEXT_ASSIGN_OR_RETURN(import::Database database,
                          import::Database::Open({.threads = threads, .memory_limit_mb = 2048}));
  import::WatchedDatabase db(std::move(database), progress, folder, import::DiskReserve(folder));
  Status written =
      db.Run(fmt::format("make {}", format), fmt::format("COPY ({}) TO {} (FORMAT {})", Rows(made),
                                                         import::QuoteSql(unfinished.string()),
                                                         format == "csv" ? "csv, HEADER" : format));
  if (!written) {
    static_cast<void>(base::RemoveAll(unfinished));
    return written;
  }
  std::error_code error;
  fs::rename(unfinished, file, error);
  if (error) return base::OsError(error.value(), file, "write");
  return Ok();
}

std::string ReadMadeEvents(const fs::path& file, std::string_view format) {
  return fmt::format("SELECT * FROM read_{}({})", format, import::QuoteSql(file.string()));
}

}  // namespace upnext::cli
