// Handles SIGBUS, which the system sends when a mapped file is truncated, or its disk fails, while
// it is being read. The process cannot continue, but a message can name the file.
//
//   InstallMappedFaultHandler();      // once, at the start
#ifndef UPNEXT_CLI_MAPPED_FAULT_H_
#define UPNEXT_CLI_MAPPED_FAULT_H_

namespace upnext::cli {

// On SIGBUS at an address of a mapped file: prints a line on stderr that names the file and the
// remedy, and exits with code 1 without unwinding. Any other SIGBUS ends the process as usual.
void InstallMappedFaultHandler();

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_MAPPED_FAULT_H_
