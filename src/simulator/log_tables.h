// The tables of a simulated log as DuckDB reads them: rows of the simulator in, columns of the
// files out.
//
//   UPNEXT_RETURN_IF_ERROR(WriteEvents(world, rows, staging / "events.parquet"));
//
// Every function writes one Parquet file through a database of its own with one thread, so that the
// bytes are a function of the rows. Any number of threads at once.
#ifndef UPNEXT_SIMULATOR_LOG_TABLES_H_
#define UPNEXT_SIMULATOR_LOG_TABLES_H_

#include <filesystem>

#include "base/status.h"
#include "simulator/recommender.h"
#include "simulator/world.h"

namespace upnext::simulator {

// The canonical columns; `rows` may be of many users.
Status WriteEvents(const World& world, const UserRows& rows, const std::filesystem::path& file);
// The first `items` of the catalogue, which are numbered by upload.
Status WriteItems(const World& world, uint32_t items, const std::filesystem::path& file);
Status WriteUsers(const World& world, const std::filesystem::path& file);

// The truth (docs/guides/simulator.md): of every impression among `rows`, which must carry it; the
// examination curve; the hidden qualities of items.
Status WriteImpressionTruth(const World& world, const UserRows& rows,
                            const std::filesystem::path& file);
Status WriteExamination(const World& world, const std::filesystem::path& file);
Status WriteQualities(const World& world, uint32_t items, const std::filesystem::path& file);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_LOG_TABLES_H_
