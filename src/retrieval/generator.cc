#include "retrieval/generator.h"

#include <fmt/format.h>

namespace upnext::retrieval {

void ProposeList(std::span<const ScoredItem> list, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) {
  const size_t end = out->size() + n;
  for (const ScoredItem& one : list) {
    if (out->size() == end) return;
    if (filter.Admits(one.item)) out->push_back({one.item, one.score});
  }
}

std::string TitleOf(const catalogue::Catalogue& catalogue, uint32_t item) {
  const std::string_view title = catalogue.item(item).title;
  return title.empty() ? catalogue.Name(schema::IdSpace::kItem, item) : std::string(title);
}

std::string BecauseOf(const ProposeRequest& request, uint32_t item) {
  const std::string title = TitleOf(request.catalogue, item);
  if (item == request.context.current_item) {
    return fmt::format("because you are {} {}", request.verb.now, title);
  }
  const auto entries = request.state.watches();
  for (size_t i = entries.size(); i > 0; --i) {
    if (entries[i - 1].id == item) {
      return "because you " + request.verb.Did(entries[i - 1].weight, title);
    }
  }
  return fmt::format("because you {} {}", request.verb.history, title);
}

}  // namespace upnext::retrieval
