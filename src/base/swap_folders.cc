#include "base/swap_folders.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "base/file.h"

namespace upnext::base {

Status SwapFolders(const fs::path& a, const fs::path& b) {
  if (renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) {
    return SyncDirectory(b.parent_path());
  }
  if (errno != EINVAL && errno != ENOSYS) return OsError(errno, b, "exchange the folder");
  const fs::path aside = a.string() + ".swap";
  if (rename(b.c_str(), aside.c_str()) != 0) return OsError(errno, b, "exchange the folder");
  if (rename(a.c_str(), b.c_str()) != 0) {
    const int error = errno;
    if (rename(aside.c_str(), b.c_str()) == 0) return OsError(error, b, "exchange the folder");
    return Unavailable("{}: could be neither replaced nor put back; it is at {} now", b.string(),
                       aside.string());
  }
  if (rename(aside.c_str(), a.c_str()) != 0) return OsError(errno, aside, "exchange the folder");
  return SyncDirectory(b.parent_path());
}

}  // namespace upnext::base
