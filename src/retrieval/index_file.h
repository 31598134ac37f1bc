// What the two kinds of index have in common on disk: a section file of kind "retrieval-index" that
// says which kind it is and which vectors it belongs to. Only this room includes it.
#ifndef UPNEXT_RETRIEVAL_INDEX_FILE_H_
#define UPNEXT_RETRIEVAL_INDEX_FILE_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/section_file.h"
#include "base/status.h"
#include "retrieval/index.h"

namespace upnext::retrieval {

inline constexpr uint32_t kMaxSearchEffort = 100'000;  // more than any list that is asked for
inline constexpr std::string_view kExactKind = "exact", kGraphKind = "graph";

// A writer that already holds the two common sections, "kind" and "vectors_digest".
Result<base::SectionWriter> CreateIndexFile(const std::filesystem::path& path,
                                            std::string_view kind, uint64_t vectors_digest);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_INDEX_FILE_H_
