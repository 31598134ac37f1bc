// Bundle::Open on a small bundle in whose binary files the input edits sections (section_edits.h).
// Checksums, the manifest's entries and the digests by which the files refer to each other are
// corrected afterwards, so that the readers' own checks must find the errors. A bundle that opens
// then makes feeds and lists of similar items.
#include <array>
#include <iterator>

#include "ann/index_file.h"
#include "bundle/bundle.h"
#include "bundle/test_bundle.h"
#include "bundle/validated_models.h"
#include "fuzz/harness.h"
#include "fuzz/section_bytes.h"
#include "fuzz/section_edits.h"
#include "ranking/test_batches.h"
#include "retrieval/indexed_items.h"
#include "serving/engine.h"
#include "serving/similar.h"

namespace upnext::fuzz {
namespace {

// Files of a lower number name those of a higher one, but for the reference, which the features name.
constexpr std::array<std::string_view, 16> kFiles = {"features.uxs",
                                                     "candidate.uxs",
                                                     "index.uxs",
                                                     "ranker.uxs",
                                                     "generator.co-watch.uxs",
                                                     "generator.trending.uxs",
                                                     "generator.popular.uxs",
                                                     "generator.topic.uxs",
                                                     "generator.next.uxs",
                                                     "generator.bought-together.uxs",
                                                     "generator.new-items.uxs",
                                                     "generator.similar-content.uxs",
                                                     "generator.series.uxs",
                                                     "generator.same-channel.uxs",
                                                     "reference.features.uxs",
                                                     "reference.candidate.uxs"};
enum : size_t { kFeatures, kCandidate, kIndex, kReferenceFeatures = 14, kReferenceModel };

struct File {
  std::string kind;
  uint32_t version;
  std::vector<Section> sections;
};
using Files = std::array<File, kFiles.size()>;

Files ReadFiles(const std::filesystem::path& folder) {
  Files files;
  for (size_t i = 0; i < kFiles.size(); ++i) {
    std::ifstream in(folder / kFiles[i], std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    files[i] = {Kind(bytes), Version(bytes), Sections(bytes)};
    FUZZ_REQUIRE(Build(files[i].kind, files[i].version, files[i].sections) == bytes,
                 "the harness must write the same section file as SectionWriter");
  }
  return files;
}

void SetDigest(File* file, std::string_view section, uint64_t digest) {
  for (Section& one : file->sections) {
    if (one.name == section)
      one.bytes.assign(reinterpret_cast<const char*>(&digest), sizeof(digest));
  }
}

// Models whose files have every kind of section.
bundle::TestProjectOptions Options() {
  bundle::TestProjectOptions options;
  options.encoder = retrieval::ItemEncoder::kContent;
  options.reference = 1;
  options.index = {.kind = ann::IndexOptions::Kind::kGraph};  // it has the most to check
  options.bias = {.method = ranking::BiasMethod::kTower,
                  .features = {"position x device", "row"},
                  .columns = 4};
  options.objectives = {ranking::WatchObjective(), ranking::QuantileObjective(),
                        ranking::OrdinalObjective(), ranking::CompletionObjective()};
  for (ranking::Objective& objective : options.objectives) objective.position_bias = true;
  return options;
}

// The digest of what was written.
uint64_t WriteFile(const ScratchFolder& folder, std::string_view name, const File& file) {
  const std::string bytes = Build(file.kind, file.version, file.sections);
  folder.Write(name, bytes);
  return Digest(bytes);
}

// Writes the reference, and its digest where the features name it.
void WriteReference(const ScratchFolder& folder, Files* files) {
  const uint64_t features =
      WriteFile(folder, kFiles[kReferenceFeatures], (*files)[kReferenceFeatures]);
  SetDigest(&(*files)[kReferenceModel], "features_digest", features);
  const uint64_t model = WriteFile(folder, kFiles[kReferenceModel], (*files)[kReferenceModel]);
  for (Section& one : (*files)[kFeatures].sections) {
    if (one.name == "reference" && one.bytes.size() >= sizeof(model)) {
      one.bytes.replace(0, sizeof(model), reinterpret_cast<const char*>(&model), sizeof(model));
    }
  }
}

// Writes the files and a matching manifest.
void WriteFiles(const ScratchFolder& folder, Files files, bundle::Manifest manifest) {
  WriteReference(folder, &files);
  for (size_t i = 0; i < kReferenceFeatures; ++i) {
    const uint64_t digest = WriteFile(folder, kFiles[i], files[i]);
    if (i == kFeatures) {
      manifest.features_digest = digest;
      for (size_t k = 0; k < kReferenceFeatures; ++k) {
        SetDigest(&files[k], "features_digest", digest);
      }
    }
    if (i != kCandidate) continue;
    const auto model =
        retrieval::CandidateModel::Load(folder / kFiles[kCandidate], manifest.features_digest);
    if (model) {
      SetDigest(&files[kIndex], "vectors_digest",
                ann::VectorsDigest(retrieval::IndexedItems(model->item_vectors(), {})));
    }
  }
  for (bundle::PartEntry& part : manifest.parts) {
    FUZZ_REQUIRE(bundle::MeasurePart(folder.path(), &part), "expected the file to be there");
  }
  FUZZ_REQUIRE(bundle::WriteManifest(folder.path(), manifest), "expected to write the manifest");
}

void Use(const bundle::Bundle& opened, const bundle::TestProject& project) {
  const catalogue::Catalogue& catalogue = project.log().catalogue();
  const serving::Engine engine(opened, catalogue, {.budgets = {{"topic", 20}}});
  for (const char* user : {"u", "u3", ""}) {
    const features::UserState state =
        *user == '\0' ? features::UserState() : features::Fold(project.log(), user);
    serving::Request request;
    request.user = user;
    request.n = 7;
    request.time_ms = features::Minutes(40'000);
    request.current_item = "i3";
    const auto slate = engine.Recommend(state, request);
    if (!slate) continue;
    for (const serving::Recommendation& one : slate->items) {
      FUZZ_REQUIRE(one.item < catalogue.size(schema::IdSpace::kItem), "an unknown item");
    }
  }
  for (const char* item : {"i0", "i1", "i39"}) {
    (void)serving::SimilarItems(opened, catalogue, item, 5);
  }
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  using namespace upnext::fuzz;
  static const bundle::TestProject project(Options());
  static const Files files = ReadFiles(project.bundle_folder());
  static const auto manifest = bundle::ReadManifest(project.bundle_folder()).value();
  static const ScratchFolder folder;
  if (!std::filesystem::exists(folder / "report.json")) {
    for (const char* name : {"project.toml", "report.json"}) {
      std::filesystem::copy_file(project.bundle_folder() / name, folder / name,
                                 std::filesystem::copy_options::overwrite_existing);
    }
  }
  Files edited = files;
  for (const Edit& edit : ReadEdits(TextOf(data, size), kFiles.size())) {
    Apply(edit, &edited[edit.file].sections);
  }
  WriteFiles(folder, std::move(edited), manifest);
  const auto opened = bundle::Bundle::Open(folder.path(), project.lineage());
  FUZZ_REQUIRE(!opened || bundle::ValidatedModels::Open(folder.path()),
               "a bundle that opens, but whose evaluated models do not");
  if (!opened || !(*opened)->tables().CheckIds(project.log().log())) return 0;
  Use(**opened, project);
  Accepted();
  return 0;
}
