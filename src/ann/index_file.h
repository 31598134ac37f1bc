// The common part of index files, whatever the kind of index
// (docs/formats/retrieval_index.md): a section file that names the kind and the vectors.
#ifndef UPNEXT_ANN_INDEX_FILE_H_
#define UPNEXT_ANN_INDEX_FILE_H_

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "ann/vectors.h"
#include "base/section_file.h"
#include "base/status.h"

namespace upnext::ann {

inline constexpr std::string_view kIndexFileKind = "retrieval-index";
inline constexpr uint32_t kIndexFileVersion = 4;  // 4: a graph of one layer, with its quality
inline constexpr uint32_t kMaxDegree = 256;
inline constexpr uint32_t kMaxSearchEffort = 100'000;  // more than any list that is asked for
inline constexpr std::string_view kExactKind = "exact", kGraphKind = "graph";

// Of shape and content, not of the ids: what binds a file to its vectors.
uint64_t VectorsDigest(const Vectors& vectors);

// A writer that already holds the two common sections, "kind" and "vectors_digest".
Result<base::SectionWriter> CreateIndexFile(const std::filesystem::path& path,
                                            std::string_view kind, const Vectors& vectors);
// The file, once it is known to belong to these vectors.
Result<base::SectionFile> OpenIndexFile(const std::filesystem::path& path, const Vectors& vectors);

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_INDEX_FILE_H_
