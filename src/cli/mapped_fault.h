// What happens when a mapped file shrinks, or its disk fails, while it is being read: the system
// sends SIGBUS. There is nothing to go on with then, but a message can say which file it was.
//
//   InstallMappedFaultHandler();      once, at the start
#ifndef UPNEXT_CLI_MAPPED_FAULT_H_
#define UPNEXT_CLI_MAPPED_FAULT_H_

namespace upnext::cli {

// SIGBUS at an address of a mapped file: a line on stderr that names the file and says what to do,
// and exit code 1, without unwinding. Any other SIGBUS ends the process as without a handler.
void InstallMappedFaultHandler();

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_MAPPED_FAULT_H_
