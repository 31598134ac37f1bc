// GraphIndex on disk: docs/formats/retrieval_index.md.
#include <algorithm>
#include <array>
#include <utility>

#include "ann/graph_index.h"
#include "ann/index_file.h"
#include "base/section_file.h"

namespace upnext::ann {

Status GraphIndex::Save(const std::filesystem::path& path) const {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer, CreateIndexFile(path, kGraphKind, vectors_));
  const std::array<uint32_t, 5> header = {static_cast<uint32_t>(graph_.degree()), search_effort_,
                                          recall_at_, usual_met_, quality_.unreachable};
  const std::array<float, 2> quality = {quality_.recall, quality_.best_found};
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("graph", std::span<const uint32_t>(header)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<float>("quality", std::span<const float>(quality)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("links", graph_.lists()));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("entries", graph_.entries()));
  return writer.Commit();
}

// Checksums find flipped bits. The checks here find a file that was written wrong, before a search
// follows its links out of bounds.
Result<std::unique_ptr<GraphIndex>> GraphIndex::Load(const base::SectionFile& file,
                                                     const Vectors& vectors) {
  const auto wrong = [&](std::string_view what) {
    return DataLoss("{}: {}; build the index again (upnext train)", file.path().string(), what);
  };
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> header, file.Get<uint32_t>("graph", 5));
  const uint32_t degree = header[0], effort = header[1], recall_at = header[2];
  if (degree < 2 || degree > kMaxDegree || effort == 0 || effort > kMaxSearchEffort ||
      recall_at == 0 || recall_at > kMaxSearchEffort || vectors.count > Beam::kMaxRows) {
    return wrong("the degree, the search effort or the size of the graph is out of bounds");
  }
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> quality, file.Get<float>("quality", 2));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> links,
                          file.Get<uint32_t>("links", vectors.count * degree));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> entries, file.Get<uint32_t>("entries"));
  const auto is_row = [&](uint32_t row) { return row < vectors.count; };
  if (!std::ranges::all_of(entries, is_row)) return wrong("an entry is out of bounds");
  for (size_t row = 0; row < vectors.count; ++row) {
    const std::span<const uint32_t> list = links.subspan(row * degree, degree);
    const auto end = std::ranges::find_if_not(list, is_row);
    if (!std::all_of(end, list.end(), [](uint32_t link) { return link == kNoRow; })) {
      return wrong("a link is out of bounds");
    }
  }
  Graph graph(vectors.count, degree);
  std::ranges::copy(links, graph.lists().begin());
  graph.set_entries({entries.begin(), entries.end()});
  std::unique_ptr<GraphIndex> index(new GraphIndex(vectors, std::move(graph), nullptr));
  index->search_effort_ = effort;
  index->recall_at_ = recall_at;
  index->usual_met_ = header[3];
  index->quality_ = {quality[0], quality[1], header[4]};
  return index;
}

}  // namespace upnext::ann
