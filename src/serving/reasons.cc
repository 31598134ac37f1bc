#include "serving/reasons.h"

#include <fmt/format.h>

#include "retrieval/generators.h"
#include "schema/event.h"

namespace upnext::serving {

using schema::IdSpace;

namespace {

constexpr size_t kWatchesToName = 20;    // newest watches that may be the reason
constexpr uint32_t kWatchesToCount = 3;  // of a channel or topic, before it is called a habit

}  // namespace

Reasons::Reasons(const bundle::Bundle& bundle, const catalogue::Catalogue& catalogue,
                 const features::UserState& state, const features::Context& context)
    : catalogue_(catalogue), state_(state) {
  const auto add = [&](uint32_t watched) {
    for (const retrieval::Candidate& p : bundle.co_watch().Similar(watched)) {
      Because& best = because_.try_emplace(p.item, Because{watched, p.score}).first->second;
      if (p.score > best.similarity) best = {watched, p.score};
    }
  };
  if (context.current_item != schema::kNone) add(context.current_item);
  const auto watches = state.watches();
  for (size_t i = watches.size(), n = 0; i > 0 && n < kWatchesToName; --i, ++n) {
    add(watches[i - 1].id);
  }
}

std::string Reasons::NameOf(uint32_t item) const {
  const std::string_view title = catalogue_.item(item).title;
  return title.empty() ? catalogue_.Name(IdSpace::kItem, item) : std::string(title);
}

std::string Reasons::For(uint32_t item, std::span<const SourceScore> sources) const {
  if (const auto at = because_.find(item); at != because_.end()) {
    return fmt::format("because you watched {}", NameOf(at->second.watched));
  }
  const schema::Item attributes = catalogue_.item(item);
  if (attributes.channel != schema::kNone) {
    const features::AffinityHistory* channel = state_.channel(attributes.channel);
    if (channel != nullptr && channel->watches >= kWatchesToCount) {
      return fmt::format("you watched {} {} times",
                         catalogue_.Name(IdSpace::kChannel, attributes.channel), channel->watches);
    }
  }
  for (const uint32_t id : attributes.topics) {
    const features::AffinityHistory* topic = state_.topic(id);
    if (topic != nullptr && topic->watches >= kWatchesToCount) {
      return fmt::format("you often watch {}", catalogue_.Name(IdSpace::kTopic, id));
    }
  }
  if (sources.empty() || sources.front().source == "candidate-model") {
    return state_.watches().empty() ? "often watched by people in your situation"
                                    : "people with a history like yours watched it next";
  }
  return sources.front().source == "trending" ? "popular these days" : "popular";
}

}  // namespace upnext::serving
