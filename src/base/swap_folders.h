// Exchanges two folders, so that whoever opens one of the two paths finds a whole folder.
//
//   UPNEXT_RETURN_IF_ERROR(SwapFolders(written_anew, published));
//   UPNEXT_RETURN_IF_ERROR(RemoveAll(written_anew));       what was published before
//
// Files that are open or mapped stay as they are. The caller excludes other writers.
#ifndef UPNEXT_BASE_SWAP_FOLDERS_H_
#define UPNEXT_BASE_SWAP_FOLDERS_H_

#include <filesystem>

#include "base/status.h"

namespace upnext::base {

// Both must exist, on one file system. On an error both are where they were, but for file systems
// that cannot exchange names (kUnavailable names what is where). Syncs neither's content.
Status SwapFolders(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_SWAP_FOLDERS_H_
