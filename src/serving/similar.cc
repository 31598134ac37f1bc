#include "serving/similar.h"

#include <set>

#include "catalogue/entity_attributes.h"
#include "features/vocabulary.h"
#include "retrieval/score_items.h"
#include "schema/event.h"

namespace upnext::serving {

Result<std::vector<Recommendation>> SimilarItems(const bundle::Bundle& bundle,
                                                 const catalogue::Catalogue& catalogue,
                                                 std::string_view id, uint32_t n,
                                                 const retrieval::SiteVerb& verb,
                                                 const std::function<bool(uint32_t)>& admits,
                                                 bool close) {
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t item,
                          catalogue::FindEntity(catalogue, schema::Entity::kItem, id));
  std::vector<Recommendation> similar;
  std::set<uint32_t> taken{item};
  const auto add = [&](uint32_t other, std::string_view source, double score,
                       std::string_view reason) {
    const schema::Item attributes = catalogue.item(other);
    if (similar.size() == n || attributes.removed || !taken.insert(other).second) return;
    if (admits && !admits(other)) return;
    Recommendation out;
    out.item = other;
    out.id = catalogue.Name(schema::IdSpace::kItem, other);
    out.title = attributes.title;
    out.score = score;
    out.sources = {{std::string(source), score}};
    out.reason = reason;
    similar.push_back(std::move(out));
  };
  const auto add_lists = [&](retrieval::ItemsLike::By by) {
    for (const retrieval::LoadedGenerator& one : bundle.generators()) {
      for (const retrieval::ItemsLike& like : one.generator->Like({catalogue, item, verb})) {
        if (like.by != by) continue;
        for (const retrieval::ScoredItem& other : like.items) {
          if (similar.size() == n) return;
          add(other.item, one.name, static_cast<double>(other.score), like.reason);
        }
      }
    }
  };
  add_lists(retrieval::ItemsLike::By::kPeople);
  // More are asked for until enough are left without those that were removed or taken already; at
  // first so many that one scan is enough unless most are removed.
  const uint32_t row = bundle.candidate() == nullptr
                           ? 0
                           : bundle.tables().vocabulary(features::kItemVocabulary).Row(item);
  for (size_t k = taken.size() + 2 * size_t{n}; row != 0 && similar.size() < n; k *= 4) {
    const auto nearest = retrieval::NearestByCosine(bundle.candidate()->item_vectors(), row, k);
    for (const auto& near : nearest) {
      add(bundle.tables().vocabulary(features::kItemVocabulary).Id(near.index), "item-vectors",
          static_cast<double>(near.score), verb.positives + " after similar histories");
    }
    if (nearest.size() < k) break;
  }
  if (close) return similar;
  add_lists(retrieval::ItemsLike::By::kCategory);
  add_lists(retrieval::ItemsLike::By::kEverything);
  return similar;
}

}  // namespace upnext::serving
