// Whether a gzip or zstd file is whole. DuckDB takes the end of a file for the end of the data, so
// that one that was cut short gives fewer rows and no error.
//
//   UPNEXT_RETURN_IF_ERROR(CheckCompressed(path, [&] { return stopped; }));
//
// Only the import includes it. A pure function.
#ifndef UPNEXT_IMPORT_COMPRESSED_FILE_H_
#define UPNEXT_IMPORT_COMPRESSED_FILE_H_

#include <filesystem>
#include <functional>

#include "base/status.h"

namespace upnext::import {

// A file that begins like neither is fine. gzip is decompressed whole and its checksums compared,
// at about 300 MB/s of content; of zstd, only the headers of its blocks are read. kDataLoss for a
// file that is cut short or damaged, kCancelled once `stop` says so, else the system's error.
Status CheckCompressed(const std::filesystem::path& path, const std::function<bool()>& stop);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_COMPRESSED_FILE_H_
