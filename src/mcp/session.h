// The Model Context Protocol (modelcontextprotocol.io, revision 2025-06-18): a client's messages and
// their answers. Tools are verbs of the command line, resources are the guides.
//
//   Session session({.version = "0.1.0", .may_change = false}, run);
//   while (std::getline(input, line)) {
//     if (auto answer = session.Answer(line)) output << *answer << '\n';
//   }
//
// One thread at a time.
#ifndef UPNEXT_MCP_SESSION_H_
#define UPNEXT_MCP_SESSION_H_

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mcp/tools.h"

namespace upnext::mcp {

struct SessionOptions {
  std::string version;      // of this program
  bool may_change = false;  // whether tools that change the project are offered
};

class Session {
 public:
  // Runs a verb with its flags and returns what it printed; the error is what it said.
  using Run = std::function<Result<std::string>(const std::vector<std::string>& words)>;
  static constexpr size_t kMostBytes = 1 << 20;  // of a message

  Session(SessionOptions options, Run run) : options_(std::move(options)), run_(std::move(run)) {}
  // The answer to a message, on one line; nothing for a notification. Never fails: mistakes are
  // answers, as JSON-RPC has them, and a failed tool is a result that says so.
  std::optional<std::string> Answer(std::string_view message) const;

 private:
  Result<nlohmann::ordered_json> Call(std::string_view method, const nlohmann::json& params,
                                      int* code) const;
  nlohmann::ordered_json Hello(const nlohmann::json& params) const;
  nlohmann::ordered_json ListTools() const;
  Result<nlohmann::ordered_json> CallTool(const nlohmann::json& params) const;
  const Tool* Find(std::string_view name) const;

  const SessionOptions options_;
  const Run run_;
};

}  // namespace upnext::mcp

#endif  // UPNEXT_MCP_SESSION_H_
