#include "serving/similar.h"

#include <set>

#include "features/vocabulary.h"
#include "retrieval/score_items.h"
#include "schema/event.h"

namespace upnext::serving {

Result<std::vector<Recommendation>> SimilarItems(const bundle::Bundle& bundle,
                                                 const catalogue::Catalogue& catalogue,
                                                 std::string_view id, uint32_t n) {
  const uint32_t item = catalogue.Find(schema::IdSpace::kItem, id);
  if (item == schema::kNone) {
    return NotFound("item '{}' is not in the catalogue of log {}", id,
                    catalogue.log().directory().filename().string());
  }
  std::vector<Recommendation> similar;
  std::set<uint32_t> taken{item};
  const auto add = [&](uint32_t other, std::string_view source, double score,
                       std::string_view reason) {
    const schema::Item attributes = catalogue.item(other);
    if (similar.size() == n || attributes.removed || !taken.insert(other).second) return;
    Recommendation out;
    out.item = other;
    out.id = catalogue.Name(schema::IdSpace::kItem, other);
    out.title = attributes.title;
    out.score = score;
    out.sources = {{source, score}};
    out.reason = reason;
    similar.push_back(std::move(out));
  };
  for (const retrieval::Candidate& p : bundle.co_watch().Similar(item)) {
    add(p.item, "co-watch", p.score, "watched by the same people");
  }
  if (bundle.candidate() == nullptr || similar.size() == n) return similar;
  const features::Vocabulary& items = bundle.tables().vocabulary(features::VocabularyId::kItem);
  // More are asked for until enough are left without those that were removed or taken already.
  for (size_t k = n;; k *= 4) {
    const auto nearest =
        retrieval::NearestByCosine(bundle.candidate()->item_vectors(), items.Row(item), k);
    for (const auto& near : nearest) {
      add(items.Id(near.index), "item-vectors", static_cast<double>(near.score),
          "watched after similar histories");
    }
    if (similar.size() == n || nearest.size() < k) break;
  }
  return similar;
}

}  // namespace upnext::serving
