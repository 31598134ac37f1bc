#include "features/feature_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/suggest.h"
#include "features/feature_compiler.h"

namespace upnext::features {
namespace {

constexpr size_t kMaxFeatures = 1000;  // of a model

bool IsFeatureName(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= 64 && name != kPowersName &&
         std::ranges::all_of(name, fits);
}

// Reports the first mistake of the expression at its place in the file. `needs`: of the features
// before it, with which it has to agree.
void CheckExpression(const base::ConfigTable& table, const Declaration& declaration, Model model,
                     const schema::Schema& schema, FeatureNeeds* needs) {
  const Compiled<Feature> feature = FeatureCompiler(schema, model, needs).Compile(declaration);
  if (!feature) table.FailAt("from", feature.error().at, feature.error().message);
}

void Declare(const Declaration& declaration, std::vector<Declaration>* features) {
  const auto same = std::ranges::find(*features, declaration.name, &Declaration::name);
  if (same == features->end()) {
    features->push_back(declaration);
  } else {
    *same = declaration;
  }
}

void PutFirst(std::vector<Declaration> first, std::vector<Declaration>* features) {
  for (const Declaration& one : *features) Declare(one, &first);
  *features = std::move(first);
}

// The default features of items. Words of one attribute share their rows, so those of the title have as many as a
// declared feature of it.
std::vector<Declaration> FittedContent(const FeatureNeeds& needs) {
  std::vector<Declaration> content = ContentFeatures();
  const auto words = std::ranges::find(needs.vocabularies, "words.title", &VocabularyPlan::name);
  if (words == needs.vocabularies.end()) return content;
  const auto title = std::ranges::find(content, "item_title", &Declaration::name);
  title->from = fmt::format("tokens(item.title, {})", words->rows);
  return content;
}

// Default features of items, but for those that a declared one replaces, have to agree with what is
// declared.
void AddContent(const base::ConfigTable& features, const schema::Schema& schema,
                FeatureNeeds* needs, FeatureSpec* spec) {
  const std::vector<Declaration> content = FittedContent(*needs);
  for (const Declaration& one : content) {
    if (std::ranges::find(spec->retrieval, one.name, &Declaration::name) != spec->retrieval.end()) {
      continue;
    }
    const auto feature = FeatureCompiler(schema, Model::kRetrieval, needs).Compile(one);
    if (feature) continue;
    features.Fail("defaults", fmt::format("the default feature {} = {} of items: {}; declare a "
                                          "[[feature]] of that name for = [\"retrieval\"]",
                                          one.name, one.from, feature.error().message));
  }
  PutFirst(content, &spec->retrieval);
}

void ReadDeclared(const base::ConfigTable& table, const schema::Schema& schema, FeatureNeeds* needs,
                  FeatureSpec* spec) {
  const Declaration declaration{.name = table.Text("name", ""),
                                .from = table.Text("from", ""),
                                .help = table.Text("help", "declared in the project file")};
  if (!IsFeatureName(declaration.name)) {
    table.Fail("name", "expected a name of small letters, digits and '_', other than 'powers'");
    return;
  }
  const std::vector<std::string> models = table.Texts("for", {"ranking"});
  const std::vector<std::string> known = {"retrieval", "ranking"};
  if (models.empty()) {
    table.Fail("for", "expected [\"retrieval\"], [\"ranking\"] or both, found an empty list");
  }
  for (const std::string& model : models) {
    if (std::ranges::find(known, model) == known.end()) {
      table.Fail("for", fmt::format("expected \"retrieval\" or \"ranking\", found \"{}\"", model));
      continue;
    }
    const bool retrieval = model == "retrieval";
    std::vector<Declaration>& features = retrieval ? spec->retrieval : spec->ranking;
    if (std::ranges::find(features, declaration.name, &Declaration::name) != features.end()) {
      table.Fail("name", fmt::format("'{}' is declared twice", declaration.name));
      continue;
    }
    if (features.size() == kMaxFeatures) {
      table.Fail("name", fmt::format("expected at most {} features", kMaxFeatures));
      return;
    }
    CheckExpression(table, declaration, retrieval ? Model::kRetrieval : Model::kRanking, schema,
                    needs);
    features.push_back(declaration);
  }
}

}  // namespace

FeatureSpec FeatureSpec::FromConfig(const base::ConfigTable& features,
                                    const std::vector<base::ConfigTable>& declared,
                                    const schema::Schema& schema,
                                    std::span<const std::string> labels, bool content) {
  FeatureSpec spec;
  const auto limit = [&](std::string_view key, uint32_t fallback) {
    return static_cast<uint32_t>(
        features.Int(key, fallback, {.min = 1, .max = schema::kNone - int64_t{2}}));
  };
  spec.max_items = limit("max_items", spec.max_items);
  spec.max_tokens = limit("max_tokens", spec.max_tokens);
  spec.max_channels = limit("max_channels", spec.max_channels);
  spec.min_item_count = limit("min_item_count", spec.min_item_count);
  spec.defaults = features.Bool("defaults", spec.defaults);
  FeatureNeeds needs;
  for (const base::ConfigTable& table : declared) ReadDeclared(table, schema, &needs, &spec);
  if (spec.defaults) {
    PutFirst(LabelFeatures(labels, schema), &spec.ranking);
    if (content) AddContent(features, schema, &needs, &spec);
  }
  spec.drop = features.Texts("drop", {});
  const std::vector<std::string> names = spec.Names();
  for (const std::string& name : spec.drop) {
    if (std::ranges::find(names, name) == names.end()) {
      features.Fail("drop", fmt::format("'{}' is not the name of a feature{}", name,
                                        base::DidYouMean(name, names)));
    }
  }
  for (const Model model : {Model::kRetrieval, Model::kRanking}) {
    if (!spec.Features(model).empty()) continue;
    features.Fail("defaults",
                  "without the default features, both models need a declared one: "
                  "write [[feature]] with for = [\"retrieval\", \"ranking\"]");
    spec.defaults = true;
  }
  return spec;
}

std::vector<Declaration> FeatureSpec::Features(Model model) const {
  std::vector<Declaration> all;
  if (defaults) all = DefaultFeatures(model);
  for (const Declaration& one : model == Model::kRetrieval ? retrieval : ranking) {
    Declare(one, &all);
  }
  return all;
}

std::vector<std::string> FeatureSpec::Names() const {
  std::vector<std::string> names;
  for (const Model model : {Model::kRetrieval, Model::kRanking}) {
    for (const Declaration& feature : Features(model)) {
      if (std::ranges::find(names, feature.name) == names.end()) names.push_back(feature.name);
    }
  }
  names.emplace_back(kPowersName);
  return names;
}

bool FeatureSpec::Drops(std::string_view name) const {
  return std::ranges::find(drop, name) != drop.end();
}

}  // namespace upnext::features
