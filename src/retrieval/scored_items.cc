#include "retrieval/scored_items.h"

#include <algorithm>
#include <cmath>

namespace upnext::retrieval {

std::vector<ScoredItem> RankByCount(std::span<const uint64_t> counts) {
  std::vector<ScoredItem> ranked;
  for (uint32_t item = 0; item < counts.size(); ++item) {
    if (counts[item] > 0) ranked.push_back({item, static_cast<float>(counts[item])});
  }
  std::ranges::sort(ranked, BetterScore);
  return ranked;
}

Status SaveScoredItems(base::SectionWriter& writer, const std::string& name,
                       std::span<const ScoredItem> list) {
  std::vector<uint32_t> items;
  std::vector<float> scores;
  items.reserve(list.size());
  scores.reserve(list.size());
  for (const ScoredItem& one : list) {
    items.push_back(one.item);
    scores.push_back(one.score);
  }
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>(name + ".items", items));
  return writer.Add<float>(name + ".scores", scores);
}

Result<std::vector<ScoredItem>> LoadScoredItems(const base::SectionFile& file,
                                                const std::string& name, size_t items) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> ids, file.Get<uint32_t>(name + ".items"));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> scores,
                          file.Get<float>(name + ".scores", ids.size()));
  std::vector<ScoredItem> list(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= items || !std::isfinite(scores[i])) {
      return DataLoss(
          "{}: section {} holds item {} with score {}, where {} items are known; train "
          "again",
          file.path().string(), name, ids[i], scores[i], items);
    }
    list[i] = {ids[i], scores[i]};
  }
  return list;
}

}  // namespace upnext::retrieval
