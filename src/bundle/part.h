// The parts of a bundle while it is written: each has a name, a file of some kind, and a function
// that writes it.
//
//   Parts parts(tables, rule);                      features, and an empty project file and report
//   parts.Set(RankerPart(ranker));
//   parts.Set(GeneratorPart(learner, {source, pool}));
//   UPNEXT_RETURN_IF_ERROR(WriteBundle(staged, parts, &manifest));
//
// What the parts are made from is referred to and outlives the writing. One thread at a time.
#ifndef UPNEXT_BUNDLE_PART_H_
#define UPNEXT_BUNDLE_PART_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ann/index.h"
#include "base/config.h"
#include "base/status.h"
#include "bundle/manifest.h"
#include "features/feature_statistics.h"
#include "features/positive_rule.h"
#include "ranking/ranker.h"
#include "ranking/ranker_trainer.h"
#include "retrieval/candidate_state.h"
#include "retrieval/generator_registry.h"
#include "retrieval/user_item_model.h"

namespace upnext::bundle {

// What a part is called, where it is, and what a reader of it expects.
struct PartType {
  std::string name;  // "ranker"
  std::string file;  // "ranker.uxs"
  std::string kind;  // of the section file, else what the file is: "toml", "json"
  uint32_t version;  // of that kind
};
PartType FeaturesType();
PartType CandidateType();
PartType IndexType();
PartType RankerType();
PartType OnnxEncoderType();  // a network of others in the place of the candidate model
PartType OnnxRankerType();   // and in that of the ranker
PartType RankerStateType();  // of its training, to continue from
PartType CandidateStateType();
// The candidate model that the ranker's features read, and its statistics (RK-16).
PartType ReferenceFeaturesType();
PartType ReferenceModelType();
PartType GeneratorType(std::string_view generator, uint32_t version);
PartType ProjectType();  // the project file of the training
PartType ReportType();   // the evaluation before publishing
// What was evaluated, where that is not what is served (validated_models.h).
PartType ValidatedFeaturesType();
PartType ValidatedCandidateType();
PartType ValidatedRankerType();
PartType ValidatedRankerStateType();
PartType ValidatedCandidateStateType();
// The entry of this name; null: the bundle has no such part.
const PartEntry* FindPart(const Manifest& manifest, const PartType& type);
// The project file of the training whose bundle is in this folder.
Result<base::Config> ReadProject(const std::filesystem::path& directory);
// kFailedPrecondition unless the entry of a manifest is of this type.
Status CheckPart(const PartEntry& part, const PartType& type,
                 const std::filesystem::path& directory);

struct Part {
  PartType type;
  // `features_digest` binds models to the vocabularies that they were trained with.
  std::function<Status(const std::filesystem::path& file, uint64_t features_digest)> write;
};
Part CandidatePart(const retrieval::UserItemModel& model);  // of its type
Part CandidateStatePart(const retrieval::CandidateState& state);
Part IndexPart(const ann::Index& index);
Part RankerPart(const ranking::RankingModel& ranker);  // of its type
Part RankerStatePart(ranking::RankerTrainer& trainer);
// Learned while it is written.
Part GeneratorPart(const retrieval::ConfiguredLearner& learner, const retrieval::LearnInput& input);
Part ProjectPart(std::string toml);
Part ReportPart(std::string text);
// Of a file that is in the folder already.
Part WrittenPart(PartType type);

class Parts {
 public:
  // `rule`: that the examples were made with. The reference of `tables`, if any, is a part too.
  Parts(const features::FeatureStatistics& tables, const features::PositiveRule& rule);
  // Adds the part, or replaces the one of its name.
  void Set(Part part);
  const features::FeatureStatistics& tables() const { return tables_; }
  const features::PositiveRule& rule() const { return rule_; }
  std::span<const Part> all() const { return parts_; }

 private:
  const features::FeatureStatistics& tables_;
  features::PositiveRule rule_;
  std::vector<Part> parts_;
};

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_PART_H_
