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
  const std::array<uint32_t, 3> header = {degree_, search_effort_, entry_};
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("graph", std::span<const uint32_t>(header)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<float>("recall", std::span(&recall_, 1)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("base", base_));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("upper", upper_));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("upper_begin", upper_begin_));
  return writer.Commit();
}

Result<std::unique_ptr<GraphIndex>> GraphIndex::Load(base::SectionFile file,
                                                     const Vectors& vectors) {
  std::unique_ptr<GraphIndex> index(new GraphIndex(vectors));
  index->file_ = std::move(file);
  const base::SectionFile& sections = *index->file_;
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> header, sections.Get<uint32_t>("graph", 3));
  index->degree_ = header[0];
  index->search_effort_ = header[1];
  index->entry_ = header[2];
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> recall, sections.Get<float>("recall", 1));
  index->recall_ = recall[0];
  UPNEXT_ASSIGN_OR_RETURN(index->base_, sections.Get<uint32_t>("base"));
  UPNEXT_ASSIGN_OR_RETURN(index->upper_, sections.Get<uint32_t>("upper"));
  UPNEXT_ASSIGN_OR_RETURN(index->upper_begin_,
                          sections.Get<uint32_t>("upper_begin", vectors.count + 1));
  UPNEXT_RETURN_IF_ERROR(index->Check(sections.path().string()));
  return index;
}

// Checksums find flipped bits. This finds a file that was written wrong, before a search follows
// its links out of bounds.
Status GraphIndex::Check(const std::string& where) const {
  const size_t rows = vectors_.count;
  const auto wrong = [&](std::string_view what) {
    return DataLoss("{}: {}; build the index again (upnext train)", where, what);
  };
  if (degree_ < 2 || degree_ > 256 || search_effort_ > kMaxSearchEffort || entry_ >= rows) {
    return wrong("the degree, the search effort or the entry of the graph is out of bounds");
  }
  const size_t base_width = 1 + 2 * size_t{degree_}, upper_width = 1 + size_t{degree_};
  if (base_.size() != rows * base_width) return wrong("the base layer has not one list a row");
  if (!std::is_sorted(upper_begin_.begin(), upper_begin_.end()) || upper_begin_[0] != 0 ||
      upper_.size() != size_t{upper_begin_[rows]} * upper_width) {
    return wrong("the upper layers do not fit their offsets");
  }
  for (uint32_t row = 0; row < rows; ++row) {
    if (base_[row * base_width] >= base_width) return wrong("a list of the base layer is too long");
    for (const uint32_t link : BaseLinks(row)) {
      if (link >= rows) return wrong("a link of the base layer is out of bounds");
    }
    for (uint32_t level = 1; level <= Levels(row); ++level) {
      const size_t at = size_t{upper_begin_[row] + level - 1} * upper_width;
      if (upper_[at] >= upper_width) return wrong("a list of an upper layer is too long");
      for (const uint32_t link : UpperLinks(row, level)) {
        if (link >= rows || Levels(link) < level) {
          return wrong("a link of an upper layer is out of bounds");
        }
      }
    }
  }
  return Ok();
}

}  // namespace upnext::ann
