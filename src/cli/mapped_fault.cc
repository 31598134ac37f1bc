#include "cli/mapped_fault.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

namespace upnext::cli {
namespace {

// The code below runs in a signal handler: system calls and static memory only. It reads the
// kernel's list of mappings, /proc/self/maps, since libraries map files too.

// Reads the file descriptor byte by byte through a buffer; -1 at the end.
class Bytes {
 public:
  explicit Bytes(int fd) : fd_(fd) {}
  int Next() {
    if (at_ == size_) {
      size_ = read(fd_, buffer_, sizeof(buffer_));
      at_ = 0;
      if (size_ <= 0) return -1;
    }
    return static_cast<unsigned char>(buffer_[at_++]);
  }

 private:
  int fd_;
  char buffer_[512];
  ssize_t at_ = 0, size_ = 0;
};

// A hexadecimal number that ends before `end`.
uintptr_t Hex(Bytes& bytes, char end) {
  uintptr_t number = 0;
  for (int c = bytes.Next(); c >= 0 && c != end; c = bytes.Next()) {
    number = number << 4 | static_cast<uintptr_t>(c >= 'a' ? c - 'a' + 10 : c - '0');
  }
  return number;
}

// The path at the end of the line "begin-end perms offset device inode    path" for `address`, cut
// to `room`. Empty when no file is mapped there.
void FileAt(uintptr_t address, char* path, size_t room) {
  path[0] = '\0';
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  Bytes bytes(fd);
  for (;;) {
    const uintptr_t begin = Hex(bytes, '-'), end = Hex(bytes, ' ');
    if (end == 0) break;
    size_t length = 0;
    int c = bytes.Next();
    for (bool in_path = false; c >= 0 && c != '\n'; c = bytes.Next()) {
      in_path = in_path || c == '/';
      if (in_path && length + 1 < room) path[length++] = static_cast<char>(c);
    }
    path[length] = '\0';
    if (c < 0 || (begin <= address && address < end)) break;
    path[0] = '\0';
  }
  close(fd);
}

void Say(const char* text) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
}

void OnBusError(int signal_number, siginfo_t* info, void*) {
  static char path[4096];
  // Only signals sent by the kernel have an address.
  if (info->si_code > 0) {
    FileAt(reinterpret_cast<uintptr_t>(info->si_addr), path, sizeof(path));
  }
  if (path[0] == '\0') {
    // Not a mapped file: the instruction runs again and ends the process as usual.
    signal(signal_number, SIG_DFL);
    return;
  }
  Say("\nupnext: ");
  Say(path);
  Say(": the file shrank or its disk failed while it was being read. Files of a project are never "
      "changed in place: restore it, or run `upnext import` and `upnext train` again.\n");
  _exit(1);
}

}  // namespace

void InstallMappedFaultHandler() {
  struct sigaction action = {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace upnext::cli
