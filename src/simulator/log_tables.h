// Writes the tables of a simulated log as Parquet through DuckDB.
//
//   UPNEXT_RETURN_IF_ERROR(WriteEvents(world, rows, staging / "events.parquet"));
//
// Every function writes one Parquet file through its own database with one thread, so that the
// bytes depend only on the rows. Any number of threads at once.
#ifndef UPNEXT_SIMULATOR_LOG_TABLES_H_
#define UPNEXT_SIMULATOR_LOG_TABLES_H_

#include <filesystem>

#include "base/status.h"
#include "simulator/recommender.h"
#include "simulator/world.h"

namespace upnext::simulator {

// Writes the canonical columns; `rows` may belong to many users.
Status WriteEvents(const World& world, const UserRows& rows, const std::filesystem::path& file);
// Writes the first `items` of the catalogue, which is ordered by upload.
Status WriteItems(const World& world, uint32_t items, const std::filesystem::path& file);
Status WriteUsers(const World& world, const std::filesystem::path& file);

// The ground truth (docs/guides/simulator.md): of every impression among `rows`, which must contain
// it; the examination curve; the hidden qualities of items.
Status WriteImpressionTruth(const World& world, const UserRows& rows,
                            const std::filesystem::path& file);
Status WriteExamination(const World& world, const std::filesystem::path& file);
Status WriteQualities(const World& world, uint32_t items, const std::filesystem::path& file);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_LOG_TABLES_H_
