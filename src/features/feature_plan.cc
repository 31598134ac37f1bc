#include "features/feature_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "features/feature_compiler.h"
#include "features/low_rating.h"

namespace upnext::features {

namespace {

// A term for each type against an item.
std::vector<Term> TermsAgainst(const schema::Schema& schema) {
  const schema::EventTypeSet against = TypesAgainst(schema);
  std::vector<Term> terms;
  for (size_t i = 0; i < schema.event_types().size(); ++i) {
    const auto type = static_cast<schema::EventType>(i + 1);
    if (against.Has(type)) terms.push_back(TermOf(type));
  }
  return terms;
}

// What one does with an item that one looks at; not what one thinks of it.
std::vector<Term> TypesOfLooking(const schema::Schema& schema) {
  using enum schema::EventType;
  std::vector<Term> types;
  for (size_t i = 0; i < schema.event_types().size(); ++i) {
    const auto type = static_cast<schema::EventType>(i + 1);
    const schema::Role role = schema.info(type).role;
    if (role == schema::Role::kPositive || role == schema::Role::kContext || type == kWatch) {
      types.push_back(TermOf(type));
    }
  }
  return types;
}

}  // namespace

class PlanCompiler {
 public:
  PlanCompiler(const FeatureSpec& spec, const schema::Schema& schema)
      : spec_(spec), schema_(schema), rep_(std::make_shared<FeaturePlan::Rep>()) {
    rep_->schema = schema;
  }

  Result<FeaturePlan> Compile() {
    needs_.state.AddBag({.key = {.of = StateKey::Of::kItem},
                         .terms = {kInterest},
                         .removes = {},
                         .limit = kWatchesKept});
    needs_.Vocabulary({.name = std::string(kItemVocabulary),
                       .space = schema::IdSpace::kItem,
                       .counts = VocabularyPlan::Counts::kPositives,
                       .paths = {}});
    const AttributePath device{schema::Entity::kRequest,
                               static_cast<uint32_t>(RequestAttribute::kDevice)};
    needs_.Vocabulary({.name = std::string(kDeviceVocabulary),
                       .space = schema::IdSpace::kDevice,
                       .paths = {{device}}});
    UPNEXT_RETURN_IF_ERROR(AddModel(Model::kRetrieval));
    rep_->retrieval_state = needs_.state.Build();
    needs_.state.AddColumn({.of = StateKey::Of::kItem}, StateSpec::SeenColumn());
    UPNEXT_RETURN_IF_ERROR(AddModel(Model::kRanking));
    needs_.state.AddOpinions(TermsAgainst(schema_));
    needs_.state.AddViewed(TypesOfLooking(schema_), TermsAgainst(schema_));
    if (needs_.state.full() || needs_.everybody.full()) {
      return InvalidArgument(
          "the features ask for more than {} lists, {} keys or {} counts by one key; declare fewer",
          kMaxBags, kMaxTables, kMaxColumns);
    }
    rep_->state = needs_.state.Build();
    rep_->everybody = needs_.everybody.Build();
    rep_->vocabularies = std::move(needs_.vocabularies);
    rep_->text += "state\n" + rep_->state.ToText() + "everybody\n" + rep_->everybody.ToText();
    rep_->digest = base::Fingerprint(rep_->text);
    return FeaturePlan(rep_);
  }

 private:
  Status AddModel(Model model) {
    rep_->text += model == Model::kRetrieval ? "retrieval\n" : "ranking\n";
    FeatureCompiler compiler(schema_, model, &needs_);
    for (const Declaration& declaration : spec_.Features(model)) {
      Compiled<Feature> feature = compiler.Compile(declaration);
      if (!feature) {
        return InvalidArgument("feature '{}', column {} of \"{}\": {}", declaration.name,
                               feature.error().at + 1, declaration.from, feature.error().message);
      }
      feature->dropped = spec_.Drops(declaration.name);
      rep_->text += fmt::format("{} = {}{}{}\n", feature->name, feature->from,
                                feature->category.aligned ? " (an id for each event)" : "",
                                feature->dropped ? " (dropped)" : "");
      Add(model, *std::move(feature));
    }
    return Ok();
  }

  void Add(Model model, Feature feature) {
    SidePlan& side = rep_->sides[static_cast<size_t>(model)][static_cast<size_t>(feature.side)];
    if (feature.kind != FeatureKind::kContinuous) {
      side.categories.push_back(std::move(feature));
      return;
    }
    feature.dense = side.dense_width;
    feature.raw = side.raw_width;
    side.dense_width += feature.number.width();
    side.raw_width += feature.by_quantiles() ? 1 : 0;
    side.numbers.push_back(std::move(feature));
  }

  const FeatureSpec& spec_;
  const schema::Schema& schema_;
  FeatureNeeds needs_;
  std::shared_ptr<FeaturePlan::Rep> rep_;
};

FeaturePlan::FeaturePlan() {
  static const FeaturePlan default_plan = *Compile({}, {});
  rep_ = default_plan.rep_;
}

Result<FeaturePlan> FeaturePlan::Compile(const FeatureSpec& spec, const schema::Schema& schema) {
  return PlanCompiler(spec, schema).Compile();
}

bool FeaturePlan::reads_reference() const {
  const auto reads = [&](Side of) {
    return std::ranges::any_of(side(Model::kRanking, of).numbers, &Feature::reads_reference);
  };
  return reads(Side::kQuery) || reads(Side::kImpression);
}

uint32_t FeaturePlan::user_vector_floats() const {
  for (const Feature& feature : side(Model::kRanking, Side::kQuery).numbers) {
    if (feature.reads_reference()) return feature.number.floats;
  }
  return 0;
}

size_t FeaturePlan::FindVocabulary(std::string_view name) const {
  const auto found = std::ranges::find(vocabularies(), name, &VocabularyPlan::name);
  return static_cast<size_t>(found - vocabularies().begin());
}

std::vector<std::string> FeaturePlan::VocabularyNames() const {
  std::vector<std::string> names;
  for (const VocabularyPlan& vocabulary : vocabularies()) names.push_back(vocabulary.name);
  return names;
}

}  // namespace upnext::features
