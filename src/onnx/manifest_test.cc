#include "onnx/manifest.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace upnext::onnx {
namespace {

constexpr char kWhole[] = R"({
  "features": "examples.features.uxs",
  "inputs": [
    {"name": "x", "columns": ["query.age", {"column": "impression.item", "missing": 7}], "missing": -1},
    {"name": "h", "list": "query.watched_items", "length": 20}],
  "outputs": [{"objective": "click", "name": "p", "column": 1, "is": "logit"}, {"objective": "watch"}]
})";

TEST(Manifest, SaysWhatGoesInAndWhatComesOut) {
  const auto manifest = Manifest::Parse(kWhole, "model.json", Of::kRanker);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->features, "examples.features.uxs");
  ASSERT_EQ(manifest->inputs.size(), 2u);
  const Input& columns = manifest->inputs[0];
  EXPECT_EQ(columns.name, "x");
  EXPECT_EQ(columns.missing, -1);
  ASSERT_EQ(columns.columns.size(), 2u);
  EXPECT_EQ(columns.columns[0].name, "query.age");
  EXPECT_FALSE(columns.columns[0].missing);
  EXPECT_EQ(columns.columns[1].name, "impression.item");
  EXPECT_EQ(columns.columns[1].missing, 7);
  EXPECT_EQ(manifest->inputs[1].list, "query.watched_items");
  EXPECT_EQ(manifest->inputs[1].length, 20u);
  ASSERT_EQ(manifest->outputs.size(), 2u);
  EXPECT_EQ(manifest->outputs[0].column, 1u);
  EXPECT_EQ(manifest->outputs[0].is, Output::Is::kLogit);
  EXPECT_EQ(manifest->outputs[1].name, "");
  EXPECT_FALSE(manifest->outputs[1].is);
}

TEST(Manifest, AMistakeIsNamedWithItsPlace) {
  const std::string whole = kWhole;
  const std::vector<std::pair<std::pair<std::string, std::string>, std::string>> cases = {
      {{"{\n", "[\n"}, "expected JSON"},
      {{"\"features\": \"examples.features.uxs\"", "\"features\": \"\""},
       "\"features\" should be a text"},
      {{"\"inputs\"", "\"input\""}, "has a key \"input\"; there are features, inputs, outputs"},
      {{"\"query.age\"", "1"}, "inputs[0].columns[0] should be an object"},
      {{"\"missing\": 7", "\"missing\": \"7\""}, "inputs[0].columns[1].missing should be a number"},
      {{"\"length\": 20", "\"length\": 0"}, "inputs[1].length should be a whole number from 1"},
      {{"\"list\": \"query.watched_items\", ", ""}, "either \"columns\" or \"list\""},
      {{"\"missing\": -1}", "\"length\": 3}"}, "has a \"length\", which is of a \"list\""},
      {{"\"logit\"", "\"odds\""}, "outputs[0].is should be one of value, probability, logit"},
      {{"\"column\": 1", "\"column\": -1"}, "outputs[0].column should be a whole number"},
      {{"{\"objective\": \"watch\"}", "{\"objective\": \"click\"}"},
       "outputs[1] predicts \"click\" a second time"},
      {{"[{\"objective\": \"click\", \"name\": \"p\", \"column\": 1, \"is\": \"logit\"}, {\"objective\": \"watch\"}]",
        "[]"},
       "\"outputs\" should be a list of 1 to"}};
  for (const auto& [change, message] : cases) {
    std::string text = whole;
    const size_t at = text.find(change.first);
    ASSERT_NE(at, std::string::npos) << change.first;
    text.replace(at, change.first.size(), change.second);
    const auto manifest = Manifest::Parse(text, "model.json", Of::kRanker);
    ASSERT_FALSE(manifest) << text;
    EXPECT_EQ(manifest.error().code, Code::kInvalidArgument);
    EXPECT_NE(manifest.error().message.find("model.json: "), std::string::npos);
    EXPECT_NE(manifest.error().message.find(message), std::string::npos)
        << manifest.error().message;
  }
}

constexpr char kEncoder[] = R"({
  "features": "examples.features.uxs",
  "items": "items.npy",
  "inputs": [{"columns": ["query.age"]}],
  "output": "user_vector"
})";

TEST(Manifest, OfAUserEncoderHasAFileOfItems) {
  const auto manifest = Manifest::Parse(kEncoder, "encoder.json", Of::kUserEncoder);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->features, "examples.features.uxs");
  EXPECT_EQ(manifest->items, "items.npy");
  EXPECT_EQ(manifest->output, "user_vector");
  ASSERT_EQ(manifest->inputs.size(), 1u);
  EXPECT_TRUE(manifest->outputs.empty());
  std::string text = kEncoder;
  const std::string output = ",\n  \"output\": \"user_vector\"";
  text.erase(text.find(output), output.size());
  const auto without = Manifest::Parse(text, "encoder.json", Of::kUserEncoder);
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_EQ(without->output, "");
}

TEST(Manifest, RankersAndUserEncodersHaveOtherKeys) {
  const auto refusal = [](std::string_view text, Of of) -> std::string {
    const auto manifest = Manifest::Parse(text, "model.json", of);
    return manifest ? "none" : manifest.error().message;
  };
  EXPECT_EQ(
      refusal(kWhole, Of::kUserEncoder),
      "model.json: the manifest has a key \"outputs\"; there are features, items, inputs, output");
  EXPECT_EQ(refusal(kEncoder, Of::kRanker),
            "model.json: the manifest has a key \"items\"; there are features, inputs, outputs");
  std::string text = kEncoder;
  const std::string items = "\"items\": \"items.npy\",";
  text.erase(text.find(items), items.size());
  EXPECT_EQ(refusal(text, Of::kUserEncoder),
            "model.json: \"items\" should be a text that is not empty");
}

}  // namespace
}  // namespace upnext::onnx
