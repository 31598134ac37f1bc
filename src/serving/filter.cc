#include "serving/filter.h"

#include <array>

#include "features/feed_rule.h"

namespace upnext::serving {
namespace {

// What the user has watched, completely or, unless the options show what was begun, in part.
class SeenFilter : public Filter {
 public:
  explicit SeenFilter(const features::FeedRule& rule) : rule_(rule) {}
  static std::unique_ptr<const Filter> Make(const EngineOptions& options) {
    return options.feed.filter_seen ? std::make_unique<SeenFilter>(options.feed) : nullptr;
  }
  bool LeavesOut(uint32_t item, const RequestContext& request) const override {
    return !request.request.keeps_seen && rule_.IsSeen(request.state, item);
  }

 private:
  const features::FeedRule rule_;
};

// What the user dismissed, disliked or rated low.
class DislikedFilter : public Filter {
 public:
  static std::unique_ptr<const Filter> Make(const EngineOptions& options) {
    return options.feed.filter_disliked ? std::make_unique<DislikedFilter>() : nullptr;
  }
  bool LeavesOut(uint32_t item, const RequestContext& request) const override {
    return !request.request.keeps_seen && request.rules.low_rating &&
           request.state.IsAgainst(item, *request.rules.low_rating);
  }
};

// What the request rules out, and the item being watched.
class ExcludedFilter : public Filter {
 public:
  static std::unique_ptr<const Filter> Make(const EngineOptions&) {
    return std::make_unique<ExcludedFilter>();
  }
  bool LeavesOut(uint32_t item, const RequestContext& request) const override {
    return request.excluded.contains(item);
  }
};

// What the scenario hides at this time.
class HiddenFilter : public Filter {
 public:
  static std::unique_ptr<const Filter> Make(const EngineOptions&) {
    return std::make_unique<HiddenFilter>();
  }
  bool LeavesOut(uint32_t item, const RequestContext& request) const override {
    return request.hidden.contains(item);
  }
};

// What the items table marks as removed.
class RemovedFilter : public Filter {
 public:
  static std::unique_ptr<const Filter> Make(const EngineOptions&) {
    return std::make_unique<RemovedFilter>();
  }
  bool LeavesOut(uint32_t item, const RequestContext& request) const override {
    return request.catalogue.item(item).removed;
  }
};

// What the filters of the project file and of the request do not let through.
class ExpressionFilter : public Filter {
 public:
  static std::unique_ptr<const Filter> Make(const EngineOptions&) {
    return std::make_unique<ExpressionFilter>();
  }
  bool LeavesOut(uint32_t item, const RequestContext& request) const override {
    return !request.expressions.Admits(item);
  }
};

}  // namespace

FilterRegistry BuiltInFilters() {
  static constexpr auto kFilters = std::to_array<FilterEntry>({
      {"seen", SeenFilter::Make},
      {"disliked", DislikedFilter::Make},
      {"excluded", ExcludedFilter::Make},
      {"removed", RemovedFilter::Make},
      {"hidden", HiddenFilter::Make},
      {"filter", ExpressionFilter::Make},
  });
  return kFilters;
}

std::optional<size_t> LeftOutBy(std::span<const std::unique_ptr<const Filter>> filters,
                                uint32_t item, const RequestContext& request) {
  for (size_t f = 0; f < filters.size(); ++f) {
    if (filters[f] != nullptr && filters[f]->LeavesOut(item, request)) return f;
  }
  return std::nullopt;
}

}  // namespace upnext::serving
