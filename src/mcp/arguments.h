// The arguments of a call as words of a command line.
#ifndef UPNEXT_MCP_ARGUMENTS_H_
#define UPNEXT_MCP_ARGUMENTS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "mcp/tools.h"

namespace upnext::mcp {

// The JSON Schema of a tool's arguments.
nlohmann::ordered_json SchemaOf(const Tool& tool);

// Verb, flags and values. A value is part of its flag's word (--user=-x), so that none is read as
// another flag. kInvalidArgument names the argument that is unknown, missing or of another type.
Result<std::vector<std::string>> WordsOf(const Tool& tool, const nlohmann::json& arguments);

}  // namespace upnext::mcp

#endif  // UPNEXT_MCP_ARGUMENTS_H_
