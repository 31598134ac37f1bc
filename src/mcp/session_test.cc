#include "mcp/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "guides/guides.h"

namespace upnext::mcp {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Client {
  std::vector<std::string> words;
  Result<std::string> prints = std::string(R"({"items": []})");
  Session session;
  explicit Client(bool may_change = false)
      : session({.version = "1", .may_change = may_change}, [this](const auto& ran) {
          words = ran;
          return prints;
        }) {}
  json Ask(const std::string& method, const json& params = json::object()) {
    const json request = {{"jsonrpc", "2.0"}, {"id", 7}, {"method", method}, {"params", params}};
    const json answer = json::parse(session.Answer(request.dump()).value_or("null"));
    EXPECT_EQ(answer["id"], 7);
    return answer;
  }
  json Call(const std::string& tool, const json& arguments) {
    return Ask("tools/call", {{"name", tool}, {"arguments", arguments}})["result"];
  }
};

TEST(McpSession, AgreesOnARevision) {
  Client client;
  EXPECT_EQ(
      client.Ask("initialize", {{"protocolVersion", "2024-11-05"}})["result"]["protocolVersion"],
      "2024-11-05");
  const json hello = client.Ask("initialize", {{"protocolVersion", "2099-01-01"}})["result"];
  EXPECT_EQ(hello["protocolVersion"], "2025-06-18");
  EXPECT_EQ(hello["serverInfo"]["name"], "upnext");
  EXPECT_TRUE(hello["capabilities"].contains("tools"));
  EXPECT_EQ(client.session.Answer(R"({"jsonrpc": "2.0", "method": "notifications/initialized"})"),
            std::nullopt);
  EXPECT_EQ(client.Ask("ping")["result"], json::object());
}

TEST(McpSession, ACalledToolIsAVerb) {
  Client client;
  const json result = client.Call("recommend", {{"user", "u1"}});
  EXPECT_THAT(client.words, ElementsAre("recommend", "--json", "--user=u1"));
  EXPECT_EQ(result["isError"], false);
  EXPECT_EQ(result["content"][0]["text"], R"({"items": []})");
  EXPECT_EQ(result["structuredContent"]["items"], json::array());
}

TEST(McpSession, AFailedToolIsAResultThatSaysWhy) {
  Client client;
  client.prints = NotFound("no bundle yet");
  EXPECT_EQ(client.Call("inspect", json::object())["isError"], true);
  const json wrong = client.Call("recommend", {{"usr", "u1"}});
  EXPECT_EQ(wrong["isError"], true);
  EXPECT_THAT(wrong["content"][0]["text"].get<std::string>(), HasSubstr("did you mean 'user'"));
}

TEST(McpSession, OnlyReadsUnlessChangesAreAllowed) {
  Client reader, writer(true);
  const auto names = [](Client& client) {
    std::vector<std::string> out;
    const json listed = client.Ask("tools/list");
    for (const json& tool : listed["result"]["tools"]) {
      if (!tool["annotations"]["readOnlyHint"].get<bool>()) out.push_back(tool["name"]);
    }
    return out;
  };
  EXPECT_THAT(names(reader), ElementsAre());
  EXPECT_THAT(names(writer), ElementsAre("publish", "move_posted_events", "train"));
  EXPECT_EQ(reader.Ask("tools/call", {{"name", "train"}})["error"]["code"], -32602);
  EXPECT_THAT(reader.words, ElementsAre());
  writer.Call("publish", {{"version", "v000001"}});
  EXPECT_THAT(writer.words, ElementsAre("publish", "--version=v000001"));
}

TEST(McpSession, GuidesAreResources) {
  Client client;
  EXPECT_EQ(client.Ask("resources/list")["result"]["resources"].size(), guides::All().size());
  const json read = client.Ask("resources/read", {{"uri", "upnext://guides/metrics"}})["result"];
  EXPECT_EQ(read["contents"][0]["text"].get<std::string>(), guides::Find("metrics")->text);
  EXPECT_EQ(client.Ask("resources/read", {{"uri", "file:///etc/passwd"}})["error"]["code"], -32602);
}

TEST(McpSession, MistakesAreErrorsOfJsonRpc) {
  Client client;
  const auto code = [&](const std::string& line) {
    return json::parse(client.session.Answer(line).value_or("null"))["error"]["code"].get<int>();
  };
  EXPECT_EQ(code("{"), -32700);
  EXPECT_EQ(code("[]"), -32600);
  EXPECT_EQ(code(R"({"jsonrpc": "2.0", "id": {}, "method": "ping"})"), -32600);
  EXPECT_EQ(code(R"({"jsonrpc": "2.0", "id": 1})"), -32600);
  EXPECT_EQ(code(R"({"jsonrpc": "2.0", "id": 1, "method": "no"})"), -32601);
  EXPECT_EQ(code(R"({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": []})"), -32602);
  EXPECT_EQ(code(std::string(Session::kMostBytes + 1, ' ')), -32600);
}

}  // namespace
}  // namespace upnext::mcp
