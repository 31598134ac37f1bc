#include "mcp/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "guides/guides.h"
#include "mcp/arguments.h"

namespace upnext::mcp {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Newest first. What tools and resources are is the same in all of them.
constexpr std::array<std::string_view, 3> kRevisions{"2025-06-18", "2025-03-26", "2024-11-05"};
constexpr std::string_view kGuide = "upnext://guides/";
// Of JSON-RPC 2.0.
constexpr int kParseError = -32700, kInvalidRequest = -32600, kMethodNotFound = -32601,
              kInvalidParams = -32602;

std::string Line(const ordered_json& message) {
  return message.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string ErrorLine(const json& id, int code, std::string_view message) {
  return Line({{"jsonrpc", "2.0"}, {"id", id}, {"error", {{"code", code}, {"message", message}}}});
}

std::string TextAt(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

ordered_json TextResult(std::string_view text, bool failed) {
  ordered_json out = {{"content", ordered_json::array({{{"type", "text"}, {"text", text}}})},
                      {"isError", failed}};
  if (failed) return out;
  // Clients that read results by program get them parsed; these must be an object.
  const json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_object()) out["structuredContent"] = ordered_json::parse(text);
  return out;
}

ordered_json ListResources() {
  ordered_json list = ordered_json::array();
  for (const guides::Guide& guide : guides::All()) {
    list.push_back({{"uri", std::string(kGuide).append(guide.name)},
                    {"name", guide.name},
                    {"title", guide.title},
                    {"description", guides::SummaryOf(guide)},
                    {"mimeType", "text/markdown"}});
  }
  return {{"resources", std::move(list)}};
}

Result<ordered_json> ReadResource(const json& params) {
  const std::string uri = TextAt(params, "uri");
  const guides::Guide* const guide =
      uri.starts_with(kGuide) ? guides::Find(std::string_view(uri).substr(kGuide.size())) : nullptr;
  if (guide == nullptr) return NotFound("uri: no resource '{}'; resources/list has them", uri);
  return ordered_json{
      {"contents", ordered_json::array(
                       {{{"uri", uri}, {"mimeType", "text/markdown"}, {"text", guide->text}}})}};
}

}  // namespace

const Tool* Session::Find(std::string_view name) const {
  const auto found = std::ranges::find(Tools(), name, &Tool::name);
  const bool offered = found != Tools().end() && (options_.may_change || !found->changes);
  return offered ? &*found : nullptr;
}

ordered_json Session::Hello(const json& params) const {
  const std::string asked = TextAt(params, "protocolVersion");
  const bool known = std::ranges::find(kRevisions, asked) != kRevisions.end();
  return {
      {"protocolVersion", known ? asked : std::string(kRevisions.front())},
      {"capabilities", {{"tools", ordered_json::object()}, {"resources", ordered_json::object()}}},
      {"serverInfo", {{"name", "upnext"}, {"version", options_.version}}},
      {"instructions",
       "Tools answer for one project: its event log, published models and store. The resources "
       "are the guides of this version; read `project_file` and `features` before you propose a "
       "change of the project file."}};
}

ordered_json Session::ListTools() const {
  ordered_json list = ordered_json::array();
  for (const Tool& tool : Tools()) {
    if (Find(tool.name) == nullptr) continue;
    list.push_back({{"name", tool.name},
                    {"description", tool.description},
                    {"inputSchema", SchemaOf(tool)},
                    {"annotations", {{"readOnlyHint", !tool.changes}}}});
  }
  return {{"tools", std::move(list)}};
}

Result<ordered_json> Session::CallTool(const json& params) const {
  const std::string name = TextAt(params, "name");
  const Tool* const tool = Find(name);
  if (tool == nullptr) return NotFound("name: no tool '{}'; tools/list has them", name);
  const auto given = params.find("arguments");
  const auto words = WordsOf(*tool, given == params.end() ? json::object() : *given);
  // Wrong arguments are a failed result, which the assistant reads and can correct.
  if (!words) return TextResult(words.error().message, true);
  const Result<std::string> printed = run_(*words);
  return printed ? TextResult(*printed, false) : TextResult(printed.error().message, true);
}

Result<ordered_json> Session::Call(std::string_view method, const json& params, int* code) const {
  *code = kInvalidParams;
  if (method == "initialize") return Hello(params);
  if (method == "ping") return ordered_json::object();
  if (method == "tools/list") return ListTools();
  if (method == "tools/call") return CallTool(params);
  if (method == "resources/list") return ListResources();
  if (method == "resources/templates/list")
    return ordered_json{{"resourceTemplates", json::array()}};
  if (method == "resources/read") return ReadResource(params);
  *code = kMethodNotFound;
  return NotFound("method '{}' is not known", method);
}

std::optional<std::string> Session::Answer(std::string_view message) const {
  if (message.size() > kMostBytes) {
    return ErrorLine(nullptr, kInvalidRequest,
                     fmt::format("expected at most {} bytes, found more", kMostBytes));
  }
  const json request = json::parse(message, nullptr, /*allow_exceptions=*/false);
  if (request.is_discarded()) return ErrorLine(nullptr, kParseError, "expected a line of JSON");
  const json id = request.is_object() && request.contains("id") ? request["id"] : json();
  const std::string method = TextAt(request, "method");
  const bool valid_id = id.is_null() || id.is_string() || id.is_number_integer();
  if (TextAt(request, "jsonrpc") != "2.0" || !valid_id) {
    return ErrorLine(valid_id ? id : json(), kInvalidRequest,
                     "expected a message of JSON-RPC 2.0 with a method");
  }
  if (id.is_null()) return std::nullopt;  // a notification
  if (method.empty()) {                   // an answer, of which this asks none
    const bool is_answer = request.contains("result") || request.contains("error");
    if (is_answer) return std::nullopt;
    return ErrorLine(id, kInvalidRequest, "expected a message of JSON-RPC 2.0 with a method");
  }
  const json params = request.contains("params") ? request["params"] : json::object();
  int code = 0;
  const Result<ordered_json> result = Call(method, params, &code);
  if (!result) return ErrorLine(id, code, result.error().message);
  return Line({{"jsonrpc", "2.0"}, {"id", id}, {"result", *result}});
}

}  // namespace upnext::mcp
