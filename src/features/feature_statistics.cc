#include "features/feature_statistics.h"

#include <algorithm>
#include <utility>

#include "features/retrieval_reference.h"
#include "schema/event.h"

namespace upnext::features {

namespace {

Result<std::vector<std::string>> GetStrings(const base::SectionFile& file, std::string_view name) {
  UPNEXT_ASSIGN_OR_RETURN(base::StringTable table, base::StringTable::Get(file, name));
  std::vector<std::string> strings;
  for (size_t i = 0; i < table.size(); ++i) strings.emplace_back(table[i]);
  return strings;
}

constexpr const char* kDeclared[kModels] = {"declared.retrieval", "declared.ranking"};

// The project file's own features, as NAME, FROM, HELP one after the other.
Status SaveDeclared(base::SectionWriter& writer, const char* section,
                    const std::vector<Declaration>& features) {
  std::vector<std::string> texts;
  for (const Declaration& one : features) {
    texts.insert(texts.end(), {one.name, one.from, one.help});
  }
  return base::AddStrings(writer, section, texts);
}

Result<std::vector<Declaration>> LoadDeclared(const base::SectionFile& file, const char* section) {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> texts, GetStrings(file, section));
  if (texts.size() % 3 != 0) {
    return DataLoss("{}: {} should hold three texts for each feature; train again",
                    file.path().string(), section);
  }
  std::vector<Declaration> features;
  for (size_t i = 0; i < texts.size(); i += 3) {
    features.push_back({texts[i], texts[i + 1], texts[i + 2]});
  }
  return features;
}

Status SaveSpec(base::SectionWriter& writer, const FeatureSpec& spec) {
  const std::vector<uint32_t> limits = {spec.max_items, spec.max_tokens, spec.max_channels,
                                        spec.min_item_count, spec.defaults ? 1u : 0u};
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("spec.limits", limits));
  UPNEXT_RETURN_IF_ERROR(SaveDeclared(writer, kDeclared[0], spec.retrieval));
  UPNEXT_RETURN_IF_ERROR(SaveDeclared(writer, kDeclared[1], spec.ranking));
  return base::AddStrings(writer, "spec.drop", spec.drop);
}

Result<FeatureSpec> LoadSpec(const base::SectionFile& file) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> limits, file.Get<uint32_t>("spec.limits", 5));
  FeatureSpec spec{.max_items = limits[0],
                   .max_tokens = limits[1],
                   .max_channels = limits[2],
                   .min_item_count = limits[3],
                   .drop = {},
                   .defaults = limits[4] != 0};
  UPNEXT_ASSIGN_OR_RETURN(spec.drop, GetStrings(file, "spec.drop"));
  UPNEXT_ASSIGN_OR_RETURN(spec.retrieval, LoadDeclared(file, kDeclared[0]));
  UPNEXT_ASSIGN_OR_RETURN(spec.ranking, LoadDeclared(file, kDeclared[1]));
  return spec;
}

// Compiles the features again; the models were trained with what the file says that this gave.
Result<FeaturePlan> LoadPlan(const base::SectionFile& file, const FeatureSpec& spec) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view declarations, file.GetText("schema"));
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view text, file.GetText("plan"));
  const Result<schema::Schema> schema = schema::Schema::Parse(declarations);
  if (!schema) {
    return DataLoss("{}: {}; train again", file.path().string(), schema.error().message);
  }
  Result<FeaturePlan> plan = FeaturePlan::Compile(spec, *schema);
  if (!plan) {
    return DataLoss("{}: {}; train again", file.path().string(), plan.error().message);
  }
  if (plan->text() != text) {
    return DataLoss("{}: its features mean something else to this version; train again",
                    file.path().string());
  }
  return plan;
}

// "quantiles.ranking.item_age_days", in the order of FeatureStatistics::quantiles.
std::vector<std::string> QuantileSections(const FeaturePlan& plan) {
  std::vector<std::string> names;
  for (const Model model : {Model::kRetrieval, Model::kRanking}) {
    for (const Side side : {Side::kQuery, Side::kImpression}) {
      for (const Feature& feature : plan.side(model, side).numbers) {
        if (!feature.by_quantiles()) continue;
        names.push_back(fmt::format(
            "quantiles.{}.{}", model == Model::kRetrieval ? "retrieval" : "ranking", feature.name));
      }
    }
  }
  return names;
}

constexpr const char* kReferenceSection = "reference";

Status SaveStamp(base::SectionWriter& writer, const ReferenceStamp& stamp) {
  if (stamp == ReferenceStamp{}) return Ok();
  return writer.Add<uint64_t>(
      kReferenceSection, std::vector<uint64_t>{stamp.digest, static_cast<uint64_t>(stamp.end_ms)});
}

Result<ReferenceStamp> LoadStamp(const base::SectionFile& file, const FeaturePlan& plan) {
  ReferenceStamp stamp;
  if (!file.Has(kReferenceSection)) return stamp;
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> values,
                          file.Get<uint64_t>(kReferenceSection, 2));
  stamp = {values[0], static_cast<int64_t>(values[1])};
  if (stamp.digest != 0 && plan.reads_reference()) return stamp;
  return DataLoss("{}: {} should name a candidate model that a feature reads; train again",
                  file.path().string(), kReferenceSection);
}

std::string VocabularySection(const VocabularyPlan& vocabulary) {
  return fmt::format("vocabulary.{}", vocabulary.name);
}

}  // namespace

FeatureStatistics::FeatureStatistics(FeatureSpec features, FeaturePlan compiled)
    : spec(std::move(features)),
      plan(std::move(compiled)),
      vocabularies(plan.vocabularies().size()),
      counts(EventCounts::Builder(plan.everybody()).Build()) {}

const Vocabulary& FeatureStatistics::vocabulary(std::string_view name) const {
  static const Vocabulary none;
  const size_t index = plan.FindVocabulary(name);
  return index < vocabularies.size() ? vocabularies[index] : none;
}

uint32_t FeatureStatistics::rows(size_t index) const {
  switch (plan.vocabularies()[index].counts) {
    case VocabularyPlan::Counts::kTokens:
      return std::max(1u, tokens.rows());
    case VocabularyPlan::Counts::kHashed:
    case VocabularyPlan::Counts::kWords:
    case VocabularyPlan::Counts::kDetails:
      return plan.vocabularies()[index].rows;
    default:
      return std::max(1u, vocabularies[index].rows());
  }
}

void FeatureStatistics::Refer(std::shared_ptr<const RetrievalReference> to) {
  reference_stamp = to == nullptr ? ReferenceStamp{} : ReferenceStamp{to->digest(), to->end_ms()};
  reference = std::move(to);
}

std::span<const Quantiles> FeatureStatistics::QuantilesOf(Model model, Side side) const {
  if (quantiles.empty()) return {};
  size_t first = 0;
  for (const Model of : {Model::kRetrieval, Model::kRanking}) {
    for (const Side at : {Side::kQuery, Side::kImpression}) {
      const size_t n = plan.side(of, at).raw_width;
      if (of == model && at == side) return std::span(quantiles).subspan(first, n);
      first += n;
    }
  }
  return {};
}

Status FeatureStatistics::Save(const std::filesystem::path& path) const {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kTablesKind, kTablesVersion));
  UPNEXT_RETURN_IF_ERROR(SaveSpec(writer, spec));
  UPNEXT_RETURN_IF_ERROR(writer.AddText("schema", plan.schema().Declarations()));
  UPNEXT_RETURN_IF_ERROR(writer.AddText("plan", plan.text()));
  for (size_t i = 0; i < vocabularies.size(); ++i) {
    UPNEXT_RETURN_IF_ERROR(vocabularies[i].Save(writer, VocabularySection(plan.vocabularies()[i])));
  }
  UPNEXT_RETURN_IF_ERROR(tokens.Save(writer));
  const std::vector<std::string> sections = QuantileSections(plan);
  if (!quantiles.empty() && quantiles.size() != sections.size()) {
    return FailedPrecondition("{}: {} quantiles for {} numbers; learn them all", path.string(),
                              quantiles.size(), sections.size());
  }
  for (size_t i = 0; i < quantiles.size(); ++i) {
    UPNEXT_RETURN_IF_ERROR(quantiles[i].Save(writer, sections[i]));
  }
  UPNEXT_RETURN_IF_ERROR(source_scores.Save(writer));
  UPNEXT_RETURN_IF_ERROR(counts.Save(writer));
  UPNEXT_RETURN_IF_ERROR(
      writer.Add<int64_t>("train_span_ms", std::vector<int64_t>{train_begin_ms, train_end_ms}));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("log_digest", std::vector<uint64_t>{log_digest}));
  UPNEXT_RETURN_IF_ERROR(SaveStamp(writer, reference_stamp));
  return writer.Commit();
}

Result<FeatureStatistics> FeatureStatistics::Load(const std::filesystem::path& path) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file,
                          base::SectionFile::Open(path, kTablesKind, kTablesVersion));
  UPNEXT_ASSIGN_OR_RETURN(FeatureSpec spec, LoadSpec(file));
  UPNEXT_ASSIGN_OR_RETURN(FeaturePlan plan, LoadPlan(file, spec));
  FeatureStatistics tables(std::move(spec), std::move(plan));
  for (size_t i = 0; i < tables.vocabularies.size(); ++i) {
    UPNEXT_ASSIGN_OR_RETURN(
        tables.vocabularies[i],
        Vocabulary::Load(file, VocabularySection(tables.plan.vocabularies()[i])));
  }
  UPNEXT_ASSIGN_OR_RETURN(tables.tokens, QueryTokens::Load(file));
  const std::vector<std::string> sections = QuantileSections(tables.plan);
  if (!sections.empty() && file.Has(sections.front())) {
    for (const std::string& section : sections) {
      UPNEXT_ASSIGN_OR_RETURN(Quantiles one, Quantiles::Load(file, section));
      tables.quantiles.push_back(std::move(one));
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(tables.source_scores, SourceScores::Load(file));
  UPNEXT_ASSIGN_OR_RETURN(tables.counts, EventCounts::Load(file, tables.plan.everybody()));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const int64_t> span, file.Get<int64_t>("train_span_ms", 2));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> digest, file.Get<uint64_t>("log_digest", 1));
  if (span[0] > span[1]) {
    return DataLoss("{}: train_span_ms begins at {} and ends at {}; train again", path.string(),
                    span[0], span[1]);
  }
  tables.train_begin_ms = span[0];
  tables.train_end_ms = span[1];
  tables.log_digest = digest[0];
  UPNEXT_ASSIGN_OR_RETURN(tables.reference_stamp, LoadStamp(file, tables.plan));
  return tables;
}

Status FeatureStatistics::CheckIds(const log::EventLog& log) const {
  for (size_t i = 0; i < vocabularies.size(); ++i) {
    const VocabularyPlan& vocabulary = plan.vocabularies()[i];
    const uint32_t known = log.dictionary(vocabulary.space).size();
    if (vocabularies[i].ids() <= known) continue;
    return DataLoss("the {} vocabulary holds {} ids, but the log has {}; train again",
                    vocabulary.name, vocabularies[i].ids(), known);
  }
  const uint32_t sources = log.dictionary(schema::IdSpace::kSource).size();
  if (source_scores.ids() > sources) {
    return DataLoss("the scores are of source {}, but the log has {} sources; train again",
                    source_scores.ids() - 1, sources);
  }
  return reference == nullptr ? Ok() : reference->tables().CheckIds(log);
}

}  // namespace upnext::features
