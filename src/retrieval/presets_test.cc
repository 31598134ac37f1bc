#include "retrieval/presets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace upnext::retrieval {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

PresetOptions Read(const std::string& keys, std::string* mistake = nullptr) {
  const base::Config config = base::Config::Parse("[retrieval]\n" + keys, "p.toml").value();
  PresetOptions options = PresetOptions::FromConfig(config.Table("retrieval"));
  const Status checked = config.Check();
  EXPECT_TRUE(checked || mistake != nullptr) << checked.error().message;
  if (mistake != nullptr && !checked) *mistake = checked.error().message;
  return options;
}

std::vector<std::string> NamesOf(const PresetOptions& options) {
  std::vector<std::string> names;
  for (const CandidatePreset& preset : options.presets) names.push_back(preset.name);
  return names;
}

TEST(PresetOptions, ANamedPresetIsTheOnlyOneAndAutoHasAll) {
  EXPECT_THAT(NamesOf(Read("preset = \"sequence\"")), ElementsAre("sequence"));
  EXPECT_THAT(NamesOf(Read("preset = \"auto\"")),
              ElementsAre("linear", "sequence", "deep", "watch"));
  std::string mistake;
  Read("preset = \"sequnce\"", &mistake);
  EXPECT_THAT(mistake, HasSubstr("sequence"));
}

TEST(PresetOptions, KeysOfTheFileOverrideEveryPreset) {
  for (const CandidatePreset& preset :
       Read("preset = \"auto\"\ndim = 24\ndropout = 0.1\nrecent_windows = [2]").presets) {
    EXPECT_EQ(preset.model.dim, 24u);
    EXPECT_EQ(preset.model.embedding_dim, 24u);
    EXPECT_EQ(preset.train.dropout, 0.1f);
    EXPECT_THAT(preset.model.recent_windows, ElementsAre(2));
  }
  const PresetOptions sequence = Read("preset = \"sequence\"\ndepth = 1");
  EXPECT_EQ(sequence.presets[0].model.depth, 1u);
  EXPECT_TRUE(sequence.presets[0].model.tie_items) << "not in the file";
}

TEST(PresetOptions, TablesOfTwoWidthsAreNotTiedByAPreset) {
  const PresetOptions options = Read("preset = \"sequence\"\ndim = 32\nembedding_dim = 16");
  EXPECT_FALSE(options.presets[0].model.tie_items);
}

}  // namespace
}  // namespace upnext::retrieval
