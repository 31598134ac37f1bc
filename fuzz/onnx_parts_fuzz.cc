// OnnxEncoder::ReadParts and OnnxRanker::ReadParts on files in which the input edits sections
// (section_edits.h). Checksums are corrected afterwards, so that the readers' own checks must find the
// errors. What is read is then made a model of a network that says what the first one said, and used.
#include <array>
#include <cmath>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "features/feature_statistics.h"
#include "fuzz/harness.h"
#include "fuzz/section_bytes.h"
#include "fuzz/section_edits.h"
#include "onnx/test_network.h"
#include "ranking/onnx_ranker.h"
#include "retrieval/onnx_encoder.h"

namespace upnext::fuzz {
namespace {

constexpr uint64_t kDigest = 77;
constexpr std::array<std::string_view, 2> kNames = {"onnx_encoder.uxs", "onnx_ranker.uxs"};
constexpr char kEncoderManifest[] =
    R"({"features": "f", "items": "i", "inputs": [{"list": "query.watches", "length": 2}]})";
constexpr char kRankerManifest[] =
    R"({"features": "f", "inputs": [{"columns": ["duration_s"]}], "outputs": [{"objective": "click"}]})";

struct File {
  std::string kind;
  uint32_t version;
  std::vector<Section> sections;
};
using Files = std::array<File, kNames.size()>;

const features::FeatureStatistics& Tables() {
  static const features::FeatureStatistics tables = [] {
    features::FeatureStatistics made;
    made.vocabularies[made.plan.FindVocabulary(features::kItemVocabulary)] =
        features::Vocabulary::Learn(std::vector<uint64_t>{9, 8, 7, 6, 5}, 5);
    return made;
  }();
  return tables;
}

// One input and one output of these columns, all 0.5.
std::unique_ptr<const onnx::TensorModel> Network(onnx::TensorType input, int64_t width,
                                                 int64_t columns) {
  static std::vector<onnx::Tensor> given;
  const onnx::TensorPort x{"x", input, "", {-1, width}};
  const onnx::TensorPort y{"y", onnx::TensorType::kFloat, "", {-1, columns}};
  return std::make_unique<onnx::FakeNetwork>(
      std::vector{x}, std::vector{y},
      [columns](std::span<const onnx::Tensor> inputs) {
        const int64_t rows = inputs[0].shape[0];
        return std::vector{onnx::Floats(
            {rows, columns}, std::vector<float>(static_cast<size_t>(rows * columns), .5f))};
      },
      &given);
}

features::FeatureBlock RowOf(features::Model model, features::Side side) {
  const features::SidePlan& plan = Tables().plan.side(model, side);
  features::FeatureBlock block;
  block.categorical.resize(plan.categories.size());
  for (features::Bags& bags : block.categorical) bags.Close();
  block.raw_width = plan.raw_width;
  block.dense_width = plan.dense_width;
  block.raw.resize(plan.raw_width);
  block.dense.resize(plan.dense_width);
  block.rows = 1;
  return block;
}

auto MakeEncoder(const retrieval::OnnxEncoderParts& parts) {
  const auto dim = static_cast<int64_t>(parts.items.columns);
  return retrieval::OnnxEncoder::Make(parts, Network(onnx::TensorType::kInt64, 2, dim), Tables());
}
auto MakeRanker(ranking::OnnxRankerParts parts) {
  return ranking::OnnxRanker::Make(std::move(parts), Network(onnx::TensorType::kFloat, 1, 1),
                                   Tables().plan);
}

bool TryEncoder(const std::filesystem::path& file) {
  const auto parts = retrieval::OnnxEncoder::ReadParts(file, kDigest);
  if (!parts) return false;
  const base::NpyMatrix& items = parts->items;
  FUZZ_REQUIRE(items.rows > 0 && items.values.size() == items.rows * items.columns,
               "a vector for each row");
  const auto encoder = MakeEncoder(*parts);
  if (!encoder) return false;
  FUZZ_REQUIRE((*encoder)->searched_rows() <= (*encoder)->item_vectors().rows(),
               "no rows beyond the table");
  std::vector<float> out((*encoder)->dim());
  retrieval::UserItemModel::Scratch scratch;
  FUZZ_REQUIRE((*encoder)->EncodeUsers(RowOf(features::Model::kRetrieval, features::Side::kQuery),
                                       out.data(), scratch, {}),
               "the network gives what it said");
  for (uint32_t row = 0; row < (*encoder)->searched_rows(); ++row) {
    for (const float value : (*encoder)->item_vectors().Row(row)) {
      FUZZ_REQUIRE(std::isfinite(value), "checked when it was made");
    }
  }
  return true;
}

bool TryRanker(const std::filesystem::path& file) {
  auto parts = ranking::OnnxRanker::ReadParts(file, kDigest);
  if (!parts) return false;
  const auto ranker = MakeRanker(*std::move(parts));
  if (!ranker) return false;
  std::vector<float> out((*ranker)->objectives().size());
  ranking::RankerScratch scratch;
  using features::Side;
  const std::vector<uint32_t> query_of = {0};
  (void)(*ranker)->Predict(RowOf(features::Model::kRanking, Side::kQuery),
                           RowOf(features::Model::kRanking, Side::kImpression), query_of,
                           out.data(), scratch, {});
  return true;
}

Files WrittenFiles(const ScratchFolder& folder) {
  const auto rows = onnx::RowsOf(Tables());
  const auto encoder = MakeEncoder(
      {.network = {.name = "e.onnx", .bytes = "e", .manifest = kEncoderManifest, .rows = rows},
       .items = {.rows = 6, .columns = 2, .values = {0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1}}});
  FUZZ_REQUIRE(encoder && (*encoder)->Save(folder / kNames[0], kDigest), "expected an encoder");
  const auto ranker = MakeRanker(
      {.network = {.name = "r.onnx", .bytes = "r", .manifest = kRankerManifest, .rows = rows},
       .objectives = {
           {.name = "click", .label = ranking::Objective::Label::kEvent, .score_weight = 1}}});
  FUZZ_REQUIRE(ranker && (*ranker)->Save(folder / kNames[1], kDigest), "expected a ranker");
  Files files;
  for (size_t i = 0; i < kNames.size(); ++i) {
    std::ifstream in(folder / kNames[i], std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    files[i] = {Kind(bytes), Version(bytes), Sections(bytes)};
  }
  return files;
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext::fuzz;
  static const ScratchFolder folder;
  static const Files files = WrittenFiles(folder);
  Files edited = files;
  std::array<bool, kNames.size()> changed = {};
  for (const Edit& edit : ReadEdits(TextOf(data, size), kNames.size())) {
    Apply(edit, &edited[edit.file].sections);
    changed[edit.file] = true;
  }
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (!changed[i]) continue;
    folder.Write(kNames[i], Build(edited[i].kind, edited[i].version, edited[i].sections));
    if (i == 0 ? TryEncoder(folder / kNames[i]) : TryRanker(folder / kNames[i])) Accepted();
  }
  return 0;
}
