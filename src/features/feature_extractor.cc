#include "features/feature_extractor.h"

#include <algorithm>
#include <limits>

#include "features/category_step.h"
#include "features/feature_source.h"
#include "features/number_step.h"
#include "features/retrieval_reference.h"
#include "schema/attribute.h"

namespace upnext::features {
namespace {

// Numbers that read the same rows: those of one table by the ids of one attribute, or none.
struct NumberGroup {
  bool dropped, everybody;
  uint32_t table;
  FeatureSource key;
  std::vector<NumberStep> steps;

  // False when the subject has no key.
  bool FindRows(const FeatureSubject& subject, const FeatureStatistics& tables,
                NumberRows* rows) const {
    rows->clear();
    if (table == 0) {
      rows->push_back(subject.state.row(0, 0));
      return true;
    }
    return key.ForEachId(subject, [&](uint32_t id) {
      const void* row = subject.state.row(table, id);
      if (everybody) row = tables.counts.At(table, id, subject.context.time_ms);
      if (row != nullptr) rows->push_back(row);
    });
  }
};

// The user vector of the request, or a vector that the catalogue has, as it is.
struct VectorStep {
  const Feature& feature;
  FeatureSource given;
  void Append(const FeatureSubject& subject, const catalogue::Catalogue& catalogue,
              float* row) const {
    if (feature.dropped) return;
    const NumberOp& op = feature.number;
    const std::span<const float> vector = op.code == NumberOp::Code::kUserVector
                                              ? subject.user_vector
                                              : given.Vector(subject, catalogue);
    if (vector.size() == op.floats) std::ranges::copy(vector, row + feature.dense);
  }
};

// What a rate is smoothed towards.
double PriorOf(const NumberOp& op, const FeatureStatistics& tables) {
  if (op.prior_table == 0) return op.prior;
  const std::span<const float> prior = tables.counts.Prior(op.prior_table);
  if (prior.empty()) return std::numeric_limits<double>::quiet_NaN();
  return Ratio(Largest(prior.data(), op.prior_part), Largest(prior.data(), op.prior_whole));
}

}  // namespace

// One side of the plan, with everything that it reads found.
struct FeatureExtractor::Steps {
  Steps(const FeatureStatistics& feature_tables, const catalogue::Catalogue& names, Model model,
        Side side);
  void Append(const FeatureSubject& subject, FeatureBlock* block) const;
  // Those that the steps compare with, in the order of their places.
  std::vector<WordSet> RequestWords(const FeatureSubject& subject) const;

  const FeatureStatistics& tables;
  const catalogue::Catalogue& catalogue;
  bool powers;  // false: squares and roots are 0, for ablation
  std::vector<CategoryStep> categories;
  std::vector<NumberGroup> groups;
  std::vector<VectorStep> vectors;
  size_t dense_width, raw_width, words = 0;
};

FeatureExtractor::Steps::Steps(const FeatureStatistics& feature_tables,
                               const catalogue::Catalogue& names, Model model, Side side)
    : tables(feature_tables), catalogue(names), powers(!tables.spec.Drops(kPowersName)) {
  const SidePlan& plan = tables.plan.side(model, side);
  const std::span<const Quantiles> quantiles = tables.QuantilesOf(model, side);
  dense_width = plan.dense_width;
  raw_width = plan.raw_width;
  for (const Feature& feature : plan.categories) {
    categories.emplace_back(feature, tables, catalogue);
  }
  for (const Feature& feature : plan.numbers) {
    const NumberOp& op = feature.number;
    if (op.encoding == NumberOp::Encoding::kVector) {
      vectors.push_back({feature, FeatureSource(op.path, catalogue)});
      continue;
    }
    auto group = std::ranges::find_if(groups, [&](const NumberGroup& one) {
      return one.dropped == feature.dropped && one.everybody == op.everybody &&
             one.table == op.table;
    });
    if (group == groups.end()) {
      groups.push_back({.dropped = feature.dropped,
                        .everybody = op.everybody,
                        .table = op.table,
                        .key = FeatureSource(op.path, catalogue),
                        .steps = {}});
      group = groups.end() - 1;
    }
    const bool normalised = feature.by_quantiles() && !quantiles.empty();
    group->steps.emplace_back(feature, normalised ? &quantiles[feature.raw] : nullptr,
                              PriorOf(op, tables), catalogue);
    if (!group->dropped && group->steps.back().HasWords()) group->steps.back().set_words(words++);
  }
}

std::vector<WordSet> FeatureExtractor::Steps::RequestWords(const FeatureSubject& subject) const {
  std::vector<WordSet> sets(words);
  if (words == 0) return sets;
  for (const NumberGroup& group : groups) {
    for (const NumberStep& step : group.steps) {
      if (!group.dropped && step.HasWords()) sets[step.words()] = step.RequestWords(subject);
    }
  }
  return sets;
}

[[gnu::flatten]] void FeatureExtractor::Steps::Append(const FeatureSubject& subject,
                                                      FeatureBlock* block) const {
  if (block->categorical.size() != categories.size()) block->categorical.resize(categories.size());
  for (size_t i = 0; i < categories.size(); ++i) {
    Bags& bags = block->categorical[i];
    categories[i].Append(subject, &bags);
    bags.Close();
  }
  const size_t raw_size = block->raw.size(), dense_size = block->dense.size();
  block->raw.resize(raw_size + raw_width);
  block->dense.resize(dense_size + dense_width);
  float* raw = block->raw.data() + raw_size;
  float* dense = block->dense.data() + dense_size;
  NumberRows rows;
  for (const NumberGroup& group : groups) {
    const bool has_key = !group.dropped && group.FindRows(subject, tables, &rows);
    for (const NumberStep& step : group.steps) {
      const float value = group.dropped ? kMissing : step.Value(subject, tables, rows, has_key);
      step.Encode(value, powers, raw, dense);
    }
  }
  for (const VectorStep& step : vectors) step.Append(subject, catalogue, dense);
  block->raw_width = raw_width;
  block->dense_width = dense_width;
  ++block->rows;
}

FeatureExtractor::FeatureExtractor(const FeatureStatistics& tables,
                                   const catalogue::Catalogue& catalogue, Model model)
    : narrow_(model == Model::kRetrieval ? tables.plan.retrieval_state() : tables.plan.state()),
      nobody_(tables.plan.state()),
      queries_(std::make_unique<Steps>(tables, catalogue, model, Side::kQuery)),
      impressions_(std::make_unique<Steps>(tables, catalogue, model, Side::kImpression)),
      reference_(model == Model::kRanking && tables.plan.reads_reference() ? tables.reference
                                                                           : nullptr),
      reference_inputs_(reference_ == nullptr
                            ? nullptr
                            : std::make_unique<FeatureExtractor>(reference_->tables(), catalogue,
                                                                 Model::kRetrieval)),
      durations_(catalogue.Column(schema::Entity::kItem, schema::item_attribute::kDuration)) {}

FeatureExtractor::~FeatureExtractor() = default;

std::vector<float> FeatureExtractor::UserVector(const UserState& state, uint32_t user,
                                                const Context& context) const {
  if (reference_ == nullptr || context.time_ms < reference_->end_ms()) return {};
  FeatureBlock query;
  reference_inputs_->AppendQuery(state, user, context, &query);
  std::vector<float> vector(reference_->dim());
  reference_->UserVector(query, vector);
  if (std::ranges::all_of(vector, [](float x) { return x == 0; })) return {};
  return vector;
}

void FeatureExtractor::AppendQueryRow(const FeatureSubject& subject, FeatureBlock* queries) const {
  FeatureSubject with_words = subject;
  const std::vector<WordSet> words = queries_->RequestWords(subject);
  with_words.words = words;
  queries_->Append(with_words, queries);
}

void FeatureExtractor::AppendQuery(const UserState& state, uint32_t user, const Context& context,
                                   FeatureBlock* queries) const {
  const std::vector<float> user_vector = UserVector(state, user, context);
  AppendQueryRow({.state = Fitting(state),
                  .user = user,
                  .context = context,
                  .candidate = {},
                  .user_vector = user_vector},
                 queries);
}

FeatureExtractor::Request FeatureExtractor::For(const UserState& state, uint32_t user,
                                                const Context& context) const {
  return {*this, Fitting(state), user, context};
}

FeatureExtractor::Request::Request(const FeatureExtractor& extractor, const UserState& state,
                                   uint32_t user, const Context& context)
    : extractor_(extractor),
      state_(state),
      context_(context),
      user_(user),
      words_(extractor.impressions_->RequestWords({state, user, context, {}})),
      user_vector_(extractor.UserVector(state, user, context)) {}

void FeatureExtractor::Request::AppendQuery(FeatureBlock* queries) const {
  extractor_.AppendQueryRow({.state = state_,
                             .user = user_,
                             .context = context_,
                             .candidate = {},
                             .user_vector = user_vector_},
                            queries);
}

void FeatureExtractor::Request::Append(const Candidate& candidate, FeatureBlock* rows) const {
  extractor_.impressions_->Append({state_, user_, context_, candidate, words_, user_vector_}, rows);
}

void FeatureExtractor::Request::AppendImpression(const Candidate& candidate,
                                                 FeatureBlock* impressions) const {
  Append(candidate, impressions);
  impressions->duration_s.push_back(
      static_cast<float>(extractor_.durations_.Value(candidate.item).number));
}

void FeatureExtractor::AppendContent(uint32_t item, FeatureBlock* items) const {
  const Context nothing;
  For(nobody_, schema::kNone, nothing).Append({.item = item}, items);
}

}  // namespace upnext::features
