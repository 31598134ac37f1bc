#include "cli/feed.h"

#include <fmt/format.h>

#include "base/numbers.h"
#include "cli/printable.h"
#include "cli/progress_bar.h"

namespace upnext::cli {
namespace {

constexpr size_t kTitleWidth = 44, kIdWidth = 10;

// Cuts between characters: UTF-8 continuation bytes are 10xxxxxx.
std::string Cut(std::string_view text, size_t characters) {
  size_t seen = 0, i = 0;
  while (i < text.size()) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && seen++ == characters) break;
    ++i;
  }
  return i == text.size() ? std::string(text) : std::string(text.substr(0, i)) + "...";
}

std::string Sources(const serving::Recommendation& item) {
  std::string out;
  for (const serving::SourceScore& source : item.sources) {
    out += fmt::format("{}{} {:.4g}", out.empty() ? "" : ", ", source.source, source.score);
    if (!source.from.empty()) out += fmt::format(" from {}", source.from);
  }
  return out;
}

std::string Predictions(const serving::Recommendation& item,
                        std::span<const std::string> objectives) {
  std::string out;
  for (size_t k = 0; k < item.predictions.size() && k < objectives.size(); ++k) {
    out += fmt::format("{}{} {:.4g}", out.empty() ? "" : ", ", objectives[k], item.predictions[k]);
  }
  return out;
}

}  // namespace

std::string ItemsTable(std::span<const serving::Recommendation> items,
                       std::span<const std::string> objectives, bool explain, size_t offset) {
  std::string out;
  size_t rank = offset;
  for (const serving::Recommendation& item : items) {
    out += fmt::format("{:>4}  {:>10.4g}  {:<{}}  {:<{}}  {}\n", ++rank, item.score, item.id,
                       kIdWidth, Cut(Printable(item.title), kTitleWidth), kTitleWidth + 3,
                       Printable(item.reason));
    if (!explain) continue;
    out += fmt::format("{:18}proposed by {}\n", "", Sources(item));
    if (!item.predictions.empty()) {
      out += fmt::format("{:18}predicted {}\n", "", Predictions(item, objectives));
    }
    if (item.boost) out += fmt::format("{:18}boosted by {:.4g}\n", "", *item.boost);
  }
  return out;
}

std::string DegradationText(const serving::Degradation& one) {
  return Printable(
      fmt::format("{}{}{}: {}", one.stage, one.source.empty() ? "" : ", ", one.source, one.reason));
}

std::string SlateTable(const serving::Slate& slate, std::span<const std::string> objectives,
                       const std::string& user, bool explain, size_t offset) {
  std::string out = fmt::format("Feed of user {}\n", user);
  for (const serving::Degradation& one : slate.degraded) {
    out += fmt::format("  degraded: {}\n", DegradationText(one));
  }
  for (const std::string& note : slate.notes) out += fmt::format("  note: {}\n", Printable(note));
  out += ItemsTable(slate.items, objectives, explain, offset);
  if (explain) {
    const serving::StageCounts& c = slate.counts;
    std::string filtered;
    for (const serving::FilterReason& reason : c.filtered) {
      filtered += fmt::format("{}{} {}", filtered.empty() ? "" : ", ", reason.items, reason.filter);
    }
    out += fmt::format(
        "  {} items in the catalogue -> {} proposed ({} distinct) -> {} after filters ({} left "
        "out) -> {} ranked -> {} shown; retrieval {:.2f} ms, ranking {:.2f} ms\n",
        base::WithThousands(c.catalogue), c.proposed, c.distinct, c.after_filters, filtered,
        c.ranked, c.shown, slate.retrieval_ms, slate.ranking_ms);
  }
  return out;
}

}  // namespace upnext::cli
