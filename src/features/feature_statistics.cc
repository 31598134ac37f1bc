#include "features/feature_statistics.h"

#include <algorithm>
#include <utility>

#include "base/suggest.h"
#include "features/fields.h"
#include "schema/event.h"

namespace upnext::features {

namespace {

std::vector<std::string> ContinuousNames() {
  std::vector<std::string> names;
  for (const Field& field : RankingFields()) {
    if (field.kind == FieldKind::kContinuous) names.emplace_back(field.name);
  }
  return names;
}

std::vector<std::string> RankingNames() {
  std::vector<std::string> names;
  for (const Field& field : RankingFields()) names.emplace_back(field.name);
  return names;
}

Result<std::vector<std::string>> GetStrings(const base::SectionFile& file, std::string_view name) {
  UPNEXT_ASSIGN_OR_RETURN(base::StringTable table, base::StringTable::Get(file, name));
  std::vector<std::string> strings;
  for (size_t i = 0; i < table.size(); ++i) strings.emplace_back(table[i]);
  return strings;
}

Status SaveSpec(base::SectionWriter& writer, const FeatureSpec& spec) {
  const std::vector<uint32_t> limits = {spec.max_items, spec.max_tokens, spec.max_channels,
                                        spec.min_item_count};
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("spec.limits", limits));
  return base::AddStrings(writer, "spec.drop", spec.drop);
}

Result<FeatureSpec> LoadSpec(const base::SectionFile& file) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> limits, file.Get<uint32_t>("spec.limits", 4));
  UPNEXT_ASSIGN_OR_RETURN(std::vector<std::string> drop, GetStrings(file, "spec.drop"));
  const std::vector<std::string> names = FieldNames();
  for (const std::string& name : drop) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return DataLoss("{}: spec.drop names '{}', which is no field of this program; train again",
                      file.path().string(), name);
    }
  }
  return FeatureSpec{limits[0], limits[1], limits[2], limits[3], std::move(drop)};
}

// The models were trained with the fields in one order: another order is another format.
Status CheckFields(const base::SectionFile& file) {
  UPNEXT_ASSIGN_OR_RETURN(std::vector<std::string> found, GetStrings(file, "fields"));
  const std::vector<std::string> expected = RankingNames();
  for (size_t i = 0; i < std::max(found.size(), expected.size()); ++i) {
    const std::string_view have = i < found.size() ? found[i] : std::string_view("nothing");
    const std::string_view want = i < expected.size() ? expected[i] : std::string_view("nothing");
    if (have != want) {
      return DataLoss(
          "{}: ranking field {} should be {}, is {}: made by another version; train "
          "again",
          file.path().string(), i, want, have);
    }
  }
  return Ok();
}

std::string VocabularySection(size_t index) {
  return fmt::format("vocabulary.{}", VocabularyName(static_cast<VocabularyId>(index)));
}

}  // namespace

FeatureSpec FeatureSpec::FromConfig(const base::ConfigTable& features) {
  FeatureSpec spec;
  const auto limit = [&](std::string_view key, uint32_t fallback) {
    return static_cast<uint32_t>(
        features.Int(key, fallback, {.min = 1, .max = schema::kNone - int64_t{2}}));
  };
  spec.max_items = limit("max_items", spec.max_items);
  spec.max_tokens = limit("max_tokens", spec.max_tokens);
  spec.max_channels = limit("max_channels", spec.max_channels);
  spec.min_item_count = limit("min_item_count", spec.min_item_count);
  spec.drop = features.Texts("drop", {});
  const std::vector<std::string> names = FieldNames();
  for (const std::string& name : spec.drop) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      features.Fail("drop", fmt::format("'{}' is not the name of a feature field{}", name,
                                        base::DidYouMean(name, names)));
    }
  }
  return spec;
}

Status FeatureStatistics::Save(const std::filesystem::path& path) const {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kTablesKind, kTablesVersion));
  UPNEXT_RETURN_IF_ERROR(SaveSpec(writer, spec));
  UPNEXT_RETURN_IF_ERROR(base::AddStrings(writer, "fields", RankingNames()));
  for (size_t i = 0; i < kVocabularies; ++i) {
    UPNEXT_RETURN_IF_ERROR(vocabularies[i].Save(writer, VocabularySection(i)));
  }
  UPNEXT_RETURN_IF_ERROR(tokens.Save(writer));
  const std::vector<std::string> names = ContinuousNames();
  if (!quantiles.empty() && quantiles.size() != names.size()) {
    return FailedPrecondition("{}: {} quantiles for {} continuous fields; learn them all",
                              path.string(), quantiles.size(), names.size());
  }
  for (size_t i = 0; i < quantiles.size(); ++i) {
    UPNEXT_RETURN_IF_ERROR(quantiles[i].Save(writer, fmt::format("quantiles.{}", names[i])));
  }
  UPNEXT_RETURN_IF_ERROR(item_statistics.Save(writer));
  UPNEXT_RETURN_IF_ERROR(
      writer.Add<int64_t>("train_span_ms", std::vector<int64_t>{train_begin_ms, train_end_ms}));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("log_digest", std::vector<uint64_t>{log_digest}));
  return writer.Commit();
}

Result<FeatureStatistics> FeatureStatistics::Load(const std::filesystem::path& path) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file,
                          base::SectionFile::Open(path, kTablesKind, kTablesVersion));
  FeatureStatistics tables;
  UPNEXT_ASSIGN_OR_RETURN(tables.spec, LoadSpec(file));
  UPNEXT_RETURN_IF_ERROR(CheckFields(file));
  for (size_t i = 0; i < kVocabularies; ++i) {
    UPNEXT_ASSIGN_OR_RETURN(tables.vocabularies[i], Vocabulary::Load(file, VocabularySection(i)));
  }
  UPNEXT_ASSIGN_OR_RETURN(tables.tokens, QueryTokens::Load(file));
  const std::vector<std::string> names = ContinuousNames();
  if (file.Has(fmt::format("quantiles.{}", names.front()))) {
    for (const std::string& name : names) {
      UPNEXT_ASSIGN_OR_RETURN(Quantiles one,
                              Quantiles::Load(file, fmt::format("quantiles.{}", name)));
      tables.quantiles.push_back(std::move(one));
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(tables.item_statistics, ItemStatistics::Load(file));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const int64_t> span, file.Get<int64_t>("train_span_ms", 2));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> digest, file.Get<uint64_t>("log_digest", 1));
  if (span[0] > span[1]) {
    return DataLoss("{}: train_span_ms begins at {} and ends at {}; train again", path.string(),
                    span[0], span[1]);
  }
  tables.train_begin_ms = span[0];
  tables.train_end_ms = span[1];
  tables.log_digest = digest[0];
  return tables;
}

Status FeatureStatistics::CheckIds(const log::EventLog& log) const {
  using schema::IdSpace;
  static constexpr std::array<std::pair<VocabularyId, IdSpace>, kVocabularies - 1> kSpaces = {
      {{VocabularyId::kItem, IdSpace::kItem},
       {VocabularyId::kRegion, IdSpace::kRegion},
       {VocabularyId::kDevice, IdSpace::kDevice},
       {VocabularyId::kRankedItem, IdSpace::kItem},
       {VocabularyId::kChannel, IdSpace::kChannel},
       {VocabularyId::kTopic, IdSpace::kTopic},
       {VocabularyId::kLanguage, IdSpace::kLanguage},
       {VocabularyId::kSource, IdSpace::kSource}}};
  for (const auto& [id, space] : kSpaces) {
    const uint32_t known = log.dictionary(space).size();
    if (vocabulary(id).ids() <= known) continue;
    return DataLoss("the {} vocabulary speaks of {} ids, but the log has {}; train again",
                    VocabularyName(id), vocabulary(id).ids(), known);
  }
  return Ok();
}

}  // namespace upnext::features
