#include "features/rebase.h"

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "features/request_context.h"
#include "features/retrieval_reference.h"
#include "schema/schema.h"

namespace upnext::features {
namespace {

using schema::IdSpace;

// The old id of each new one, by name, of the id spaces that are asked for.
class OldIds {
 public:
  OldIds(const log::EventLog& old, const log::EventLog& now) : old_(old), now_(now) {}

  const std::vector<uint32_t>& Of(IdSpace space) {
    std::vector<uint32_t>& ids = ids_[space];
    const log::Dictionary& names = now_.dictionary(space);
    if (ids.size() == names.size()) return ids;
    ids.resize(names.size());
    for (uint32_t id = 0; id < ids.size(); ++id) {
      ids[id] = old_.dictionary(space).Find(names.name(id));
    }
    return ids;
  }

 private:
  const log::EventLog& old_;
  const log::EventLog& now_;
  std::map<IdSpace, std::vector<uint32_t>> ids_;
};

IdSpace SpaceOf(const StateKey& key, const schema::Schema& schema) {
  switch (key.of) {
    case StateKey::Of::kItemAttribute:
      return schema.attributes(schema::Entity::kItem)[key.attribute].space;
    case StateKey::Of::kRequest:
      return schema.attributes(schema::Entity::kRequest)[key.attribute].space;
    default:
      return IdSpace::kItem;
  }
}

}  // namespace

Result<FeatureStatistics> Rebase(FeatureStatistics statistics, const log::EventLog& learned_on,
                                 const log::EventLog& now) {
  const FeaturePlan& plan = statistics.plan;
  if (!(learned_on.schema() == now.schema()) || !(plan.schema() == now.schema())) {
    return FailedPrecondition("the log has another [schema] than {}",
                              learned_on.directory().string());
  }
  UPNEXT_RETURN_IF_ERROR(statistics.CheckIds(learned_on));
  OldIds ids(learned_on, now);
  for (size_t i = 0; i < statistics.vocabularies.size(); ++i) {
    const VocabularyPlan& vocabulary = plan.vocabularies()[i];
    using Counts = VocabularyPlan::Counts;
    if (vocabulary.counts == Counts::kTokens || vocabulary.counts == Counts::kWords ||
        vocabulary.counts == Counts::kDetails) {
      continue;
    }
    if (vocabulary.counts == VocabularyPlan::Counts::kHashed) {
      return FailedPrecondition(
          "ids have other numbers than in {}, and the feature '{}' is a hash of numbers",
          learned_on.directory().string(), vocabulary.name);
    }
    statistics.vocabularies[i] = statistics.vocabularies[i].Renumbered(ids.Of(vocabulary.space));
  }
  const std::vector<TableSpec>& tables = plan.everybody().tables();
  for (size_t table = 1; table < tables.size(); ++table) {
    statistics.counts.Renumber(table, ids.Of(SpaceOf(tables[table].key, plan.schema())));
  }
  statistics.tokens.Renumber();
  statistics.source_scores = statistics.source_scores.Renumbered(ids.Of(IdSpace::kSource));
  if (statistics.reference != nullptr) {
    const RetrievalReference& reference = *statistics.reference;
    UPNEXT_ASSIGN_OR_RETURN(FeatureStatistics rebased, Rebase(reference.tables(), learned_on, now));
    statistics.reference = std::make_shared<const RetrievalReference>(
        std::move(rebased), reference.model(), reference.end_ms(), reference.digest());
  }
  statistics.log_digest = now.digest();
  return statistics;
}

}  // namespace upnext::features
