// Training examples as a Parquet file, one row for each, to train any other model on the same
// (docs/guides/export.md has the columns).
//
//   UPNEXT_ASSIGN_OR_RETURN(const uint64_t rows, WriteExamples(source, tables, objectives, options,
//                                                              "examples.parquet", pool, progress));
//
// Users are replayed in blocks while the file is written: memory does not grow with the log.
#ifndef UPNEXT_INTERCHANGE_EXAMPLE_TABLE_H_
#define UPNEXT_INTERCHANGE_EXAMPLE_TABLE_H_

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "interchange/example_rows.h"
#include "ranking/objectives.h"

namespace upnext::interchange {

// The metadata of the file has under this key, as JSON, the number of rows of the vocabulary of each
// column of ids: those of the embedding table of a network that is served.
inline constexpr char kVocabularyRowsKey[] = "upnext.rows";

// `objectives`, of kRanking: whose labels are written. Returns the number of rows. Nothing is left
// of a file that was not finished; kCancelled after a stop.
Result<uint64_t> WriteExamples(const examples::ReplaySource& source,
                               const features::FeatureStatistics& tables,
                               const std::vector<ranking::Objective>& objectives,
                               const ExampleOptions& options, const std::filesystem::path& file,
                               base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::interchange

#endif  // UPNEXT_INTERCHANGE_EXAMPLE_TABLE_H_
