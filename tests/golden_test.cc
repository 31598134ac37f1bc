// Compares the inputs of both models byte by byte with recorded digests: one digest per named
// input, independent of the layout of the blocks that contain it.
//
//   UPNEXT_DATA=.../data build/release/tests/golden_test
//
// compares with golden/features.json. UPNEXT_WRITE_GOLDEN=1 writes that file (run the program for
// this, not ctest -j), and UPNEXT_DUMP_GOLDEN=FOLDER also writes the values, as LOG/MODEL.INPUT.
// When a digest differs, dump the values with both binaries and compare them: an example is the
// number of its bytes (4 bytes), then its values (rows as uint32, numbers as float32), in the order
// of the streams.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/config.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "examples/candidate_stream.h"
#include "examples/learn.h"
#include "examples/ranking_stream.h"
#include "examples/test_world.h"
#include "features/signal_options.h"
#include "import/import.h"
#include "simulator/log_writer.h"
#include "sparse_world.h"

namespace upnext {
namespace {

// ---- Adapters of the layout of batches and tables -----------------------------------------------
// A change of the layout changes only the three functions from here to the next line of dashes.
// Names are those of golden/features.json.

// One named input of a batch.
struct Input {
  enum class Kind : uint8_t { kRows, kNumbers } kind;  // of embedding tables / floating point
  std::string name;
  std::function<std::span<const std::byte>(size_t example)> values;  // uint32 or float
};

// Every input of the ranker, for impression 0 .. batch.size() - 1; what is kept once per request is
// that of the impression's request. A feature NAME with numbers is two inputs: NAME.raw, its value
// or NaN, and NAME.dense, what the model reads: normalised, square, root, "is missing".
std::vector<Input> RankerInputs(const examples::RankingBatch& batch) {
  using features::Model, features::Side;
  const features::FeaturePlan plan;
  std::vector<Input> inputs;
  for (const Side side : {Side::kQuery, Side::kImpression}) {
    const features::SidePlan& layout = plan.side(Model::kRanking, side);
    const bool query = side == Side::kQuery;
    const features::FeatureBlock& block = query ? batch.queries : batch.impressions;
    const auto row = [&batch, query](size_t i) { return query ? batch.query_of[i] : i; };
    for (size_t slot = 0; slot < layout.categories.size(); ++slot) {
      inputs.push_back(
          {Input::Kind::kRows, layout.categories[slot].name, [&block, row, slot](size_t i) {
             return std::as_bytes(block.categorical[slot][row(i)]);
           }});
    }
    for (const features::Feature& feature : layout.numbers) {
      const auto add = [&](const char* what, const std::vector<float>& values, size_t width,
                           size_t offset, size_t n) {
        inputs.push_back({Input::Kind::kNumbers, feature.name + what,
                          [&values, row, width, offset, n](size_t i) {
                            return std::as_bytes(
                                std::span(values).subspan(row(i) * width + offset, n));
                          }});
      };
      add(".raw", block.raw, layout.raw_width, feature.raw, 1);
      add(".dense", block.dense, layout.dense_width, feature.dense, feature.number.width());
    }
  }
  return inputs;
}

// Every input of the candidate model and the label, for example 0 .. batch.size() - 1.
std::vector<Input> CandidateInputs(const features::CandidateBatch& batch) {
  const features::FeaturePlan plan;
  const features::SidePlan& layout = plan.side(features::Model::kRetrieval, features::Side::kQuery);
  std::vector<Input> inputs;
  const auto rows = [&](std::string name, auto values) {
    inputs.push_back({Input::Kind::kRows, std::move(name),
                      [values](size_t i) { return std::as_bytes(std::span(values(i))); }});
  };
  for (size_t slot = 0; slot < layout.categories.size(); ++slot) {
    const features::Feature& feature = layout.categories[slot];
    const bool one = feature.kind == features::FeatureKind::kUnivalent;
    // Of univalent ones the digests hold a row always, 0 when the id is not known.
    rows(feature.name == "searches" ? "tokens" : feature.name,
         [bags = &batch.features.categorical[slot], one](size_t i) -> std::span<const uint32_t> {
           static constexpr uint32_t kUnknown = 0;
           const std::span<const uint32_t> ids = (*bags)[i];
           return one && ids.empty() ? std::span(&kUnknown, 1) : ids;
         });
  }
  rows("label", [&batch](size_t i) { return std::span(batch.label).subspan(i, 1); });
  for (const features::Feature& feature : layout.numbers) {
    size_t column = feature.dense;
    const auto numbers = [&](const std::string& name, size_t n) {
      inputs.push_back(
          {Input::Kind::kNumbers, name, [&batch, column, n, width = layout.dense_width](size_t i) {
             return std::as_bytes(std::span(batch.features.dense).subspan(i * width + column, n));
           }});
      column += n;
    };
    numbers(feature.name, 1);
    const bool hats = feature.number.encoding == features::NumberOp::Encoding::kHats;
    numbers(feature.name + (hats ? ".root" : ".missing"), 1);
    if (hats) numbers(feature.name + ".hats", feature.number.hats);
  }
  return inputs;
}

std::map<std::string, uint32_t> VocabularyRows(const features::FeatureStatistics& tables) {
  std::map<std::string, uint32_t> rows;
  for (size_t i = 0; i < tables.plan.vocabularies().size(); ++i) {
    rows[tables.plan.vocabularies()[i].name] = tables.rows(i);
  }
  return rows;
}
// ---- End of the adapters ------------------------------------------------------------------------

using nlohmann::ordered_json;

std::string Hex(uint64_t digest) { return fmt::format("{:016x}", digest); }

// Digests of one model's inputs over all its batches.
class Digests {
 public:
  // Values are also written to `dump`, unless that is empty.
  Digests(std::string model, std::filesystem::path dump)
      : model_(std::move(model)), dump_(std::move(dump)) {}

  void Add(const std::vector<Input>& inputs, size_t examples) {
    for (const Input& input : inputs) {
      Column& column = ColumnOf(input);
      bytes_.clear();
      for (size_t i = 0; i < examples; ++i) {
        const std::span<const std::byte> values = input.values(i);
        const auto size = static_cast<uint32_t>(values.size());
        Put(std::as_bytes(std::span(&size, 1)));
        if (input.kind == Input::Kind::kRows) {
          Put(values);
        } else {
          PutNumbers(values);
        }
      }
      column.checksum.Append(bytes_);
      if (column.file.is_open()) {
        column.file.write(reinterpret_cast<const char*>(bytes_.data()),
                          static_cast<std::streamsize>(bytes_.size()));
      }
    }
  }
  // {INPUT: DIGEST}
  ordered_json Figures() const {
    ordered_json out = ordered_json::object();
    for (const Column& column : columns_) out[column.name] = Hex(column.checksum.digest());
    return out;
  }

 private:
  struct Column {
    std::string name;
    base::ChecksumStream checksum = {};
    std::ofstream file = {};
  };
  Column& ColumnOf(const Input& input) {
    const auto found = std::ranges::find(columns_, input.name, &Column::name);
    if (found != columns_.end()) return *found;
    Column& column = columns_.emplace_back(Column{.name = input.name});
    if (!dump_.empty()) {
      std::filesystem::create_directories(dump_);
      column.file.open(dump_ / (model_ + "." + input.name), std::ios::binary);
    }
    return column;
  }
  void Put(std::span<const std::byte> values) {
    bytes_.insert(bytes_.end(), values.begin(), values.end());
  }
  // "Missing" has many bit patterns, and compilers choose between them: all are replaced by one.
  void PutNumbers(std::span<const std::byte> values) {
    for (; !values.empty(); values = values.subspan(sizeof(float))) {
      float number;
      std::memcpy(&number, values.data(), sizeof(number));
      if (std::isnan(number)) number = std::numeric_limits<float>::quiet_NaN();
      Put(std::as_bytes(std::span(&number, 1)));
    }
  }

  const std::string model_;
  const std::filesystem::path dump_;
  std::vector<Column> columns_;   // in the order of the adapters
  std::vector<std::byte> bytes_;  // of one input of a batch
};

// The outputs of the streams other than the fields.
std::vector<Input> ImpressionInputs(const examples::RankingBatch& batch) {
  std::vector<Input> inputs;
  const auto add = [&](Input::Kind kind, const char* name, auto value) {
    inputs.push_back(
        {kind, name, [value](size_t i) { return std::as_bytes(std::span(&value(i), 1)); }});
  };
  using Kind = Input::Kind;
  add(Kind::kRows, "@user", [&](size_t i) -> auto& { return batch.user[i]; });
  add(Kind::kRows, "@request", [&](size_t i) -> auto& { return batch.request[i]; });
  add(Kind::kRows, "@position", [&](size_t i) -> auto& { return batch.position[i]; });
  // As the 16 bits that the first types once were.
  add(Kind::kRows, "@happened", [&](size_t i) -> auto& {
    static uint16_t bits;
    bits = 0;
    for (int type = 0; type < 16; ++type) {
      if (batch.labels[i].Has(static_cast<schema::EventType>(type))) {
        bits = static_cast<uint16_t>(bits | 1 << type);
      }
    }
    return bits;
  });
  add(Kind::kNumbers, "@watch_s", [&](size_t i) -> auto& { return batch.labels[i].watch_s; });
  add(Kind::kNumbers, "@rating", [&](size_t i) -> auto& { return batch.labels[i].rating; });
  return inputs;
}

// The contents of the log, independent of its files: names, items, users and events.
uint64_t LogDigest(const log::EventLog& log) {
  base::ChecksumStream stream;
  const auto text = [&](std::string_view value) {
    stream.Append(std::as_bytes(std::span(value)));
    stream.Append(std::as_bytes(std::span("\n", 1)));
  };
  const auto number = [&](const auto& value) {
    stream.Append(std::as_bytes(std::span(&value, 1)));
  };
  for (uint8_t space = 0; space < schema::kIdSpaces; ++space) {
    const log::Dictionary& names = log.dictionary(static_cast<schema::IdSpace>(space));
    for (uint32_t id = 0; id < names.size(); ++id) text(names.name(id));
    number(names.size());
  }
  for (uint32_t i = 0; i < log.items(); ++i) {
    const schema::Item item = log.item(i);
    text(fmt::format("{} {} {} {} {} [{}] {}", item.created_ms, item.duration_s, item.channel,
                     item.language, item.removed, fmt::join(item.topics, " "), item.title));
  }
  for (uint32_t u = 0; u < log.users(); ++u) {
    const schema::User user = log.user(u);
    text(fmt::format("{} {} {} {} {} {}", user.region, user.language, user.age, user.gender,
                     user.logged_in, log.end(u) - log.begin(u)));
    for (uint64_t row = log.begin(u); row < log.end(u); ++row) {
      const schema::Event event = log.event(row);
      for (const uint32_t id : {event.item, event.query, event.source, event.device, event.region,
                                event.current_item, uint32_t{event.position}})
        number(id);
      for (const float value : {event.value, event.propensity}) {
        number(std::isnan(value) ? schema::kAbsent : value);
      }
      number(event.time_ms);
      number(event.request);
      number(event.type);
      number(event.off_site);
    }
  }
  return stream.digest();
}

// The compared values: {"log": DIGEST, "vocabularies": {NAME: ROWS}, "examples": {"MODEL.PART":
// COUNT}, "candidate": {INPUT: DIGEST}, "ranker": {INPUT: DIGEST}}. Of every example of every part
// of the split, with features learned from the training part.
ordered_json Measure(const examples::ReplaySource& source, const features::FeatureSpec& spec,
                     int threads, const std::filesystem::path& dump) {
  constexpr size_t kBatch = 4096;
  base::ThreadPool pool(threads);
  const features::FeatureStatistics tables =
      examples::World::Value(examples::LearnFeatures(source, spec, pool, base::NoProgress()));
  std::map<std::string, uint64_t> examples;
  Digests candidate("candidate", dump), ranker("ranker", dump);
  for (const auto& [part, name] : {std::pair(examples::SplitPart::kTrain, "train"),
                                   std::pair(examples::SplitPart::kValidation, "validation"),
                                   std::pair(examples::SplitPart::kTest, "test")}) {
    examples::CandidateStream watches(
        source, tables, {.max_per_user = UINT32_MAX, .part = part, .min_history = 0}, pool);
    features::CandidateBatch watch_batch;
    watches.StartEpoch(0);
    while (watches.Next(kBatch, &watch_batch)) {
      candidate.Add(CandidateInputs(watch_batch), watch_batch.size());
      examples[std::string("candidate.") + name] += watch_batch.size();
    }
    examples::RankingStream impressions(source, tables, {.part = part, .shuffle = false}, pool);
    examples::RankingBatch batch;
    impressions.StartEpoch(0);
    while (impressions.Next(kBatch, &batch)) {
      ranker.Add(RankerInputs(batch), batch.size());
      ranker.Add(ImpressionInputs(batch), batch.size());
      examples[std::string("ranker.") + name] += batch.size();
    }
  }
  return {{"log", Hex(LogDigest(source.log))},
          {"vocabularies", VocabularyRows(tables)},
          {"examples", examples},
          {"candidate", candidate.Figures()},
          {"ranker", ranker.Figures()}};
}

ordered_json ReadGolden() {
  const auto text = base::ReadFile(UPNEXT_GOLDEN);
  return text ? ordered_json::parse(*text) : ordered_json::object();
}

// Compares every group, name by name.
void ExpectFigures(const ordered_json& expected, const ordered_json& found) {
  for (const char* group : {"vocabularies", "examples", "candidate", "ranker"}) {
    for (const auto& [name, value] : expected[group].items()) {
      if (!found[group].contains(name)) {
        ADD_FAILURE() << group << ": '" << name << "' is missing";
      } else {
        EXPECT_EQ(found[group][name], value) << group << ": '" << name << "' is not what it was";
      }
    }
    for (const auto& [name, value] : found[group].items()) {
      EXPECT_TRUE(expected[group].contains(name)) << group << ": '" << name << "' is new";
    }
  }
}

// Compares with the golden file, or writes it.
void ExpectGolden(const std::string& name, const examples::ReplaySource& source,
                  const features::FeatureSpec& spec) {
  SCOPED_TRACE("log '" + name + "'");
  const char* dump = std::getenv("UPNEXT_DUMP_GOLDEN");
  const ordered_json found =
      Measure(source, spec, 2, dump == nullptr ? "" : std::filesystem::path(dump) / name);
  {
    SCOPED_TRACE("one thread against two");
    ExpectFigures(found, Measure(source, spec, 1, ""));
  }
  ordered_json golden = ReadGolden();
  if (std::getenv("UPNEXT_WRITE_GOLDEN") != nullptr) {
    golden[name] = found;
    ASSERT_TRUE(base::WriteFileAtomic(UPNEXT_GOLDEN, golden.dump(1) + "\n"));
    return;
  }
  ASSERT_TRUE(golden.contains(name)) << UPNEXT_GOLDEN << " does not hold this log";
  ASSERT_EQ(found["log"], golden[name]["log"])
      << "this is not the log of the golden digests, so its inputs cannot be compared: the data, "
         "the import or the simulator changed, or this machine's libm rounds the "
         "simulator's logarithms and powers otherwise";
  ExpectFigures(golden[name], found);
}

// ---- Logs ---------------------------------------------------------------------------------------

// Imports with configs/NAME.toml, splits and learns features as configured there.
void ExpectProjectGolden(const std::string& name, const std::filesystem::path& data) {
  const auto loaded = base::Config::Load(std::filesystem::path(UPNEXT_CONFIGS) / (name + ".toml"));
  ASSERT_TRUE(loaded) << loaded.error().message;
  const base::Config& config = *loaded;
  import::ImportOptions import = import::ImportOptions::FromConfig(config);
  import.data = data;
  const base::TestFolder folder;
  const auto report = import::Import(import, folder / "log", base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  const auto log = log::EventLog::Open(folder / "log" / report->version);
  ASSERT_TRUE(log) << log.error().message;
  const catalogue::Catalogue catalogue(*log);
  const auto rule = features::SignalOptions::FromConfig(config, log->schema())
                        .Resolve(log->schema(), log->stats().by_type);
  const auto split =
      examples::Split::Make(examples::SplitOptions::FromConfig(config.Table("split")), *log, rule);
  ASSERT_TRUE(split) << split.error().message;
  ExpectGolden(name, {*log, catalogue, rule, *split},
               features::FeatureSpec::FromConfig(config.Table("features")));
}

TEST(Golden, InputsOfALogWithGapsAreWhatTheyWere) {
  const examples::World world(SparseWorld());
  ExpectGolden("sparse", world.source, {});
}

TEST(Golden, InputsUnderLimitsAndWithDroppedFieldsAreWhatTheyWere) {
  const examples::World world(SparseWorld());
  ExpectGolden("sparse-dropped", world.source,
               {.max_items = 40,
                .max_tokens = 12,
                .max_channels = 5,
                .min_item_count = 3,
                .drop = {"searches", "region", "age", "logged_in", "liked_items", "click_rate",
                         "topics", "item_age_days", "item_like_rate", "powers"}});
}

TEST(Golden, InputsOfTheDemoAreWhatTheyWere) {
  const auto config = base::Config::Load(std::filesystem::path(UPNEXT_CONFIGS) / "demo-world.toml");
  ASSERT_TRUE(config) << config.error().message;
  const auto options = simulator::WorldOptions::FromConfig(config->root());
  const base::TestFolder folder;
  const Status written = simulator::SimulateLog(options, folder.path(), base::NoProgress());
  ASSERT_TRUE(written) << written.error().message;
  ExpectProjectGolden("demo", folder.path());
}

class GoldenData : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("UPNEXT_DATA") == nullptr) GTEST_SKIP() << "UPNEXT_DATA is not set";
  }
};

TEST_F(GoldenData, InputsOfKuaiRandAreWhatTheyWere) {
  ExpectProjectGolden("kuairand", std::getenv("UPNEXT_DATA"));
}

TEST_F(GoldenData, InputsOfMovieLensAreWhatTheyWere) {
  ExpectProjectGolden("ml-1m", std::getenv("UPNEXT_DATA"));
}

}  // namespace
}  // namespace upnext
