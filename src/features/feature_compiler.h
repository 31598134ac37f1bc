// One declared feature to what extraction executes. Only this room includes it: FeaturePlan and
// FeatureSpec call it.
//
//   FeatureCompiler compiler(schema, Model::kRanking, &needs);
//   Compiled<Feature> feature = compiler.Compile({"brand_watches", "count(watch, item.brand)"});
#ifndef UPNEXT_FEATURES_FEATURE_COMPILER_H_
#define UPNEXT_FEATURES_FEATURE_COMPILER_H_

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "features/feature_expression.h"
#include "features/feature_plan.h"
#include "features/state_spec.h"
#include "schema/schema.h"

namespace upnext::features {

// What the compiled features ask for.
struct FeatureNeeds {
  StateSpec::Builder state, everybody;
  std::vector<VocabularyPlan> vocabularies;
  uint32_t user_vector_floats = 0;  // 0: no feature lists the user vector
  // The index of the vocabulary of this name; `paths`, if any, is counted into it.
  uint32_t Vocabulary(const VocabularyPlan& vocabulary);
};

// Of all functions: the mistake at an expression, and checks of its arguments.
inline std::unexpected<Mistake> Wrong(const Expression& expression, std::string message) {
  return std::unexpected(Mistake{expression.at, std::move(message)});
}

inline Compiled<void> CheckArguments(const Expression& call, size_t min, size_t max,
                                     std::string_view form) {
  if (call.arguments.size() >= min && call.arguments.size() <= max) return {};
  return Wrong(call, fmt::format("expected {}, found {} arguments", form, call.arguments.size()));
}

inline Compiled<double> NumberIn(const Expression& expression, double min, double max) {
  if (expression.kind == Expression::Kind::kNumber && expression.number >= min &&
      expression.number <= max) {
    return expression.number;
  }
  return Wrong(expression, fmt::format("expected a number from {:g} to {:g}, found '{}'", min, max,
                                       ToText(expression)));
}

inline Compiled<uint32_t> WholeIn(const Expression& expression, uint32_t min, uint32_t max) {
  const auto number = NumberIn(expression, min, max);
  if (number && std::trunc(*number) == *number) return static_cast<uint32_t>(*number);
  return Wrong(expression, fmt::format("expected a whole number from {} to {}, found '{}'", min,
                                       max, ToText(expression)));
}

inline Feature NumberFeature(NumberOp op, Side side) {
  Feature feature;
  feature.kind = FeatureKind::kContinuous;
  feature.side = side;
  feature.number = std::move(op);
  return feature;
}

// Of cross() and of tokens() of a text.
inline constexpr uint32_t kMaxHashedRows = 10'000'000;

inline Feature CategoryFeature(CategoryOp op, bool list, Side side, uint32_t vocabulary) {
  Feature feature;
  feature.kind = list ? FeatureKind::kMultivalent : FeatureKind::kUnivalent;
  feature.side = side;
  feature.vocabulary = vocabulary;
  feature.category = std::move(op);
  return feature;
}

class FeatureCompiler {
 public:
  FeatureCompiler(const schema::Schema& schema, Model model, FeatureNeeds* needs)
      : schema_(schema), model_(model), needs_(*needs) {}
  Compiled<Feature> Compile(const Declaration& declaration);

 private:
  // "watch or positive after like", "watch.value".
  struct Events {
    std::vector<Term> terms, after, unless;
    std::string measure;  // "value", "share"
  };
  // An expression of categories or of a number, before it has a name.
  Compiled<Feature> Any(const Expression& expression);
  Compiled<Feature> Path(const Expression& expression);
  Compiled<Feature> Else(const Expression& expression);
  // Of the reference candidate model.
  Compiled<void> CheckReference(const Expression& expression) const;
  Compiled<Feature> Vector(const Expression& call);
  Compiled<Feature> UserVector(const Expression& call);
  // The op of history() or last(); `path` is what it lists.
  Compiled<CategoryOp> Bag(const Expression& call, bool sorted, AttributePath* path);
  Compiled<Feature> BagOf(const Expression& call, bool sorted);
  // The rows of what the op lists, and of what `path` names if it lists ids.
  uint32_t VocabularyOf(const CategoryOp& op, const AttributePath& path);
  Compiled<Feature> Tokens(const Expression& call);
  Compiled<Feature> Words(const Expression& call);
  Compiled<Feature> WordOverlap(const Expression& call);
  // The op of a list of queries.
  Compiled<void> QueryBag(const Expression& queries, CategoryOp* op);
  Compiled<AttributePath> ItemText(const Expression& expression) const;
  Compiled<Feature> Cross(const Expression& call);
  Compiled<Feature> Match(const Expression& call);
  Compiled<Feature> Time(const Expression& call);
  Compiled<Feature> Counted(const Expression& call, bool everybody);
  Compiled<Feature> Mean(const Expression& call, bool everybody);
  Compiled<Feature> Rate(const Expression& call, bool everybody);
  Compiled<Feature> Limited(const Expression& call);
  Compiled<Feature> Encoded(const Expression& call);

  Compiled<AttributePath> Attribute(const Expression& expression) const;
  Compiled<AttributePath> Category(const Expression& expression) const;
  Compiled<Events> EventsOf(const Expression& expression) const;
  Compiled<Term> TermNamed(const Expression& expression, std::string_view name) const;
  // The table that counts by the key at argument `at`, if that is a path; it is taken.
  Compiled<StateKey> KeyAt(const Expression& call, size_t* at, bool everybody, Feature* feature);
  static Compiled<StateKey> KeyOf(const AttributePath& path, const Expression& expression);
  // One column of the table for each term.
  Cells Columns(const StateKey& key, Column::Kind kind, const std::vector<Term>& terms,
                bool everybody, const std::vector<Term>& resets, uint32_t* table);
  void AddPrior(NumberOp* op, Column::Kind kind, const std::vector<Term>& part,
                const std::vector<Term>& whole);
  uint32_t VocabularyOf(schema::IdSpace space, std::vector<AttributePath> path);
  schema::IdSpace SpaceOf(const AttributePath& path) const;
  Side SideOf(const AttributePath& path) const;

  const schema::Schema& schema_;
  const Model model_;
  FeatureNeeds& needs_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_COMPILER_H_
