#include "ranking/score_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace upnext::ranking {
namespace {

constexpr std::string_view kScoreKey = "score_weight";

// Bytes [begin, begin + removed) of a text become `text`.
struct TextEdit {
  size_t begin = 0, removed = 0;
  std::string text;
};

// In a table that has no such key: below its [[name]], or behind its brace.
TextEdit InsertedKey(std::string_view file, size_t table, float exponent) {
  if (file[table] == '{') return {table + 1, 0, fmt::format("{} = {}, ", kScoreKey, exponent)};
  const size_t line_end = file.find('\n', table);
  if (line_end == std::string_view::npos) {
    return {file.size(), 0, fmt::format("\n{} = {}\n", kScoreKey, exponent)};
  }
  return {line_end + 1, 0, fmt::format("{} = {}\n", kScoreKey, exponent)};
}

std::vector<TextEdit> EditsOf(const std::vector<base::ConfigTable>& tables, std::string_view file,
                              const ScoreWeights& weights) {
  std::vector<TextEdit> edits;
  for (const base::ConfigTable& table : tables) {
    const auto weight = weights.find(NameOfObjective(table));
    if (weight == weights.end() || weight->second == ScoreWeightOf(table)) continue;
    if (const auto value = table.OffsetOf(kScoreKey)) {
      const size_t end = std::min(file.find_first_of(" \t\r\n#,}", *value), file.size());
      edits.push_back({*value, end - *value, fmt::format("{}", weight->second)});
    } else if (const auto begin = table.Offset()) {
      edits.push_back(InsertedKey(file, *begin, weight->second));
    }
  }
  return edits;
}

// What a file says apart from exponents.
std::vector<std::string> OtherLines(const base::Config& config) {
  std::vector<std::string> lines = config.root().Lines();
  std::erase_if(lines, [](const std::string& line) {
    return line.starts_with("ranking.objective[") &&
           line.find(fmt::format("].{} = ", kScoreKey)) != std::string::npos;
  });
  return lines;
}

// Of every objective of the file, when those that `weights` names have its exponents.
ScoreWeights WeightsAfter(const base::Config& config, const ScoreWeights& weights) {
  ScoreWeights expected = ScoreWeightsFromConfig(config.Table("ranking"));
  for (const auto& [name, exponent] : weights) {
    if (const auto found = expected.find(name); found != expected.end()) found->second = exponent;
  }
  return expected;
}

}  // namespace

Result<std::string> WithScoreWeights(const base::Config& config, const ScoreWeights& weights) {
  const std::vector<base::ConfigTable> tables = config.Table("ranking").Tables("objective");
  for (const auto& [name, exponent] : weights) {
    const bool has = std::ranges::find(tables, name, NameOfObjective) != tables.end();
    if (has || exponent == 0) continue;
    return FailedPrecondition(
        "expected a [[ranking.objective]] with name = \"{}\" for its {} = {}, found none", name,
        kScoreKey, exponent);
  }
  std::string text = config.text();
  std::vector<TextEdit> edits = EditsOf(tables, text, weights);
  std::ranges::sort(edits, std::greater<>(), &TextEdit::begin);  // the last first
  for (const TextEdit& edit : edits) text.replace(edit.begin, edit.removed, edit.text);
  const Result<base::Config> written = base::Config::Parse(text, "the new file");
  if (!written || OtherLines(*written) != OtherLines(config) ||
      ScoreWeightsFromConfig(written->Table("ranking")) != WeightsAfter(config, weights)) {
    return FailedPrecondition(
        "expected each objective below a line [[ranking.objective]], found a form that cannot be "
        "changed without changing more");
  }
  return text;
}

std::string ObjectiveLines(std::span<const Objective> objectives, const ScoreWeights& weights,
                           const schema::Schema& schema) {
  std::string lines;
  for (const Objective& objective : objectives) {
    std::string label = "watch_seconds";
    if (objective.label == Objective::Label::kUnwanted) label = "unwanted";
    if (objective.label == Objective::Label::kEvent) label = schema.info(objective.event).name;
    const auto weight = weights.find(objective.name);
    lines += fmt::format("{}[[ranking.objective]]\nname = \"{}\"\nlabel = \"{}\"\n{} = {}\n",
                         lines.empty() ? "" : "\n", objective.name, label, kScoreKey,
                         weight == weights.end() ? 0.0f : weight->second);
  }
  return lines;
}

}  // namespace upnext::ranking
