// The tools that an assistant may call: verbs of the command line with typed arguments.
#ifndef UPNEXT_MCP_TOOLS_H_
#define UPNEXT_MCP_TOOLS_H_

#include <span>
#include <string_view>

namespace upnext::mcp {

enum class Kind : uint8_t { kText, kWhole, kFlag, kTexts };

struct Argument {
  std::string_view name;  // of the tool
  std::string_view flag;  // of the verb: --user; "" for a word that stands alone, the last argument
  Kind kind;
  std::string_view description;
  bool required = false;
};

struct Tool {
  std::string_view name;
  std::string_view description;
  std::span<const std::string_view> words;  // verb, and flags that are always given
  std::span<const Argument> arguments;
  bool changes = false;  // whether it changes the project: only offered when that was allowed
};

std::span<const Tool> Tools();

}  // namespace upnext::mcp

#endif  // UPNEXT_MCP_TOOLS_H_
