#include "training/feature_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "examples/candidate_stream.h"
#include "examples/ranking_stream.h"
#include "features/feature_block.h"
#include "features/retrieval_reference.h"
#include "features/state_spec.h"
#include "ranking/ranker.h"
#include "retrieval/candidate_model.h"
#include "retrieval/item_content.h"

namespace upnext::training {
namespace {

using features::Feature;
using features::FeatureKind;
using features::FeaturePlan;
using features::Model;
using features::Side;

constexpr size_t kBatch = 1024;

std::string KeyText(const features::StateKey& key, const schema::Schema& schema) {
  const auto name = [&](schema::Entity entity) {
    return schema.attributes(entity)[key.attribute].name;
  };
  switch (key.of) {
    case features::StateKey::Of::kUser:
      return "user";
    case features::StateKey::Of::kItem:
      return "item";
    case features::StateKey::Of::kItemAttribute:
      return "item." + name(schema::Entity::kItem);
    case features::StateKey::Of::kRequest:
      break;
  }
  return "request." + name(schema::Entity::kRequest);
}

// "the newest 50 by item", "2 counts by item.channel".
std::string KeptText(const Feature& feature, const FeaturePlan& plan,
                     const schema::Schema& schema) {
  using Category = features::CategoryOp::Code;
  using Number = features::NumberOp::Code;
  if (feature.kind != FeatureKind::kContinuous) {
    const auto code = feature.category.code;
    if (code != Category::kBag && code != Category::kTokens) return "";
    const features::BagSpec& bag = plan.state().bags()[feature.category.bag];
    return fmt::format("the newest {} by {}", bag.limit, KeyText(bag.key, schema));
  }
  const features::NumberOp& op = feature.number;
  if (op.code != Number::kCount && op.code != Number::kSince && op.code != Number::kRatio) {
    return "";
  }
  std::vector<uint8_t> columns = op.part;
  columns.insert(columns.end(), op.whole.begin(), op.whole.end());
  std::ranges::sort(columns);
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  const auto& tables = op.everybody ? plan.everybody().tables() : plan.state().tables();
  const std::string what = op.code == Number::kSince ? "time" : "count";
  return fmt::format("{}{} {}{} by {}", op.everybody ? "of everybody: " : "", columns.size(), what,
                     columns.size() == 1 ? "" : "s", KeyText(tables[op.table].key, schema));
}

// Visits the features of a model in the order of DescribeFeatures().
template <typename Visit>
void ForEachFeature(const FeaturePlan& plan, Model model, const Visit& visit) {
  for (const Side side : {Side::kQuery, Side::kImpression}) {
    const features::SidePlan& of_side = plan.side(model, side);
    for (size_t slot = 0; slot < of_side.categories.size(); ++slot) {
      visit(of_side.categories[slot], side, slot);
    }
    for (const Feature& feature : of_side.numbers) visit(feature, side, size_t{0});
  }
}

struct Tally {
  uint64_t examples = 0, missing = 0, ids = 0, with_row = 0;
};

bool IsMissing(const Feature& feature, const float* dense) {
  using Encoding = features::NumberOp::Encoding;
  const size_t width = feature.number.width();
  switch (feature.number.encoding) {
    case Encoding::kQuantiles:
    case Encoding::kPlain:
      return dense[width - 1] != 0;
    case Encoding::kHats:
    case Encoding::kVector:
      break;
  }
  return std::all_of(dense, dense + width, [](float x) { return x == 0; });
}

void Count(const Feature& feature, size_t slot, size_t dense_width,
           const features::FeatureBlock& block, Tally* tally) {
  tally->examples += block.rows;
  if (feature.kind == FeatureKind::kContinuous) {
    for (size_t row = 0; row < block.rows; ++row) {
      const float* dense = block.dense.data() + row * dense_width + feature.dense;
      tally->missing += IsMissing(feature, dense) ? 1 : 0;
    }
    return;
  }
  const features::Bags& bags = block.categorical[slot];
  for (size_t row = 0; row < block.rows; ++row) {
    tally->missing += bags.offsets[row] == bags.offsets[row + 1] ? 1 : 0;
  }
  tally->ids += bags.ids.size();
  tally->with_row +=
      static_cast<uint64_t>(std::ranges::count_if(bags.ids, [](uint32_t id) { return id != 0; }));
}

// Adds blocks by side, those that are not null, to the tallies of a model.
void CountBlocks(const FeaturePlan& plan, Model model, const features::FeatureBlock* query,
                 const features::FeatureBlock* impression, Tally* tallies) {
  ForEachFeature(plan, model, [&](const Feature& feature, Side side, size_t slot) {
    Tally* tally = tallies++;
    const features::FeatureBlock* block = side == Side::kQuery ? query : impression;
    if (block == nullptr) return;
    Count(feature, slot, plan.side(model, side).dense_width, *block, tally);
  });
}

}  // namespace

std::vector<FeatureRow> DescribeFeatures(const FeaturePlan& plan, const schema::Schema& schema) {
  std::vector<FeatureRow> rows;
  for (const Model model : {Model::kRetrieval, Model::kRanking}) {
    ForEachFeature(plan, model, [&](const Feature& feature, Side side, size_t) {
      FeatureRow& row = rows.emplace_back();
      const bool number = feature.kind == FeatureKind::kContinuous;
      row.model = model == Model::kRetrieval ? "retrieval" : "ranking";
      row.name = feature.name;
      row.from = feature.from;
      row.help = feature.help;
      row.kind = number                                      ? "continuous"
                 : feature.kind == FeatureKind::kMultivalent ? "multivalent"
                                                             : "univalent";
      row.side = side == Side::kQuery ? "query" : "impression";
      row.keeps = KeptText(feature, plan, schema);
      row.dropped = feature.dropped;
      row.reads_reference = feature.reads_reference();
      if (!number) row.vocabulary = plan.vocabularies()[feature.vocabulary].name;
      if (number) row.dim = static_cast<uint32_t>(feature.number.width());
    });
  }
  return rows;
}

void MeasureFeatures(const Dataset& dataset, const TrainOptions& options, uint32_t examples,
                     base::ThreadPool& pool, std::vector<FeatureRow>* rows) {
  const features::FeatureStatistics& statistics = dataset.statistics();
  const FeaturePlan& plan = statistics.plan;
  std::vector<Tally> tallies(rows->size());
  examples::CandidateStream watches(dataset.source(), statistics, {}, pool);
  features::CandidateBatch watch_batch;
  uint64_t read = 0;
  for (watches.StartEpoch(0); read < examples && watches.Next(kBatch, &watch_batch);) {
    CountBlocks(plan, Model::kRetrieval, &watch_batch.features, nullptr, tallies.data());
    read += watch_batch.size();
  }
  const features::FeatureBlock content =
      retrieval::ContentOfItems(statistics, dataset.source().catalogue);
  CountBlocks(plan, Model::kRetrieval, nullptr, &content, tallies.data());
  const auto first_ranking =
      static_cast<size_t>(std::ranges::find(*rows, "ranking", &FeatureRow::model) - rows->begin());
  examples::RankingStreamOptions stream;
  if (statistics.reference != nullptr) stream.after_ms = statistics.reference->end_ms() - 1;
  examples::RankingStream impressions(dataset.source(), statistics, stream, pool);
  examples::RankingBatch batch;
  read = 0;
  for (impressions.StartEpoch(0); read < examples && impressions.Next(kBatch, &batch);) {
    CountBlocks(plan, Model::kRanking, &batch.queries, &batch.impressions,
                tallies.data() + first_ranking);
    read += batch.size();
  }
  const features::ModelShape retrieval = features::ShapeOf(statistics, Model::kRetrieval);
  for (size_t i = 0; i < rows->size(); ++i) {
    FeatureRow& row = (*rows)[i];
    const Tally& tally = tallies[i];
    const auto share = [](uint64_t part, uint64_t whole) {
      return whole == 0 ? std::nan("") : static_cast<double>(part) / static_cast<double>(whole);
    };
    const bool unknown = row.reads_reference && statistics.reference == nullptr;
    row.missing = unknown ? std::nan("") : share(tally.missing, tally.examples);
    if (row.vocabulary.empty()) continue;
    row.coverage = share(tally.with_row, tally.ids);
    row.rows = statistics.rows(plan.FindVocabulary(row.vocabulary));
    row.dim =
        row.model == "ranking" ? ranking::EmbeddingDim(options.ranker, {row.vocabulary, row.rows})
        : row.side == "impression"
            ? options.candidate.dim
            : retrieval::TableDim(options.candidate, retrieval, retrieval.Find(row.vocabulary));
  }
}

}  // namespace upnext::training
