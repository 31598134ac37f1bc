// A candidate generator: proposes items for a request, each with a score, and says why. There are
// several (generator_registry.h); the engine joins what they propose.
//
//   std::vector<Candidate> candidates;
//   UPNEXT_RETURN_IF_ERROR(generator.Propose(request, 50, filter, &candidates));   best first
//   std::string why = generator.Reason(request, candidates[0]);    "because you watched Sourdough"
//
// Items are ids of the catalogue. Immutable once loaded: any number of threads.
#ifndef UPNEXT_RETRIEVAL_GENERATOR_H_
#define UPNEXT_RETRIEVAL_GENERATOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/thread_pool.h"
#include "catalogue/catalogue.h"
#include "features/request_context.h"
#include "features/trend_counts.h"
#include "features/user_state.h"
#include "retrieval/scored_items.h"
#include "retrieval/site_verb.h"
#include "schema/event.h"

namespace upnext::retrieval {

class NewItemIndex;
class NewItemLists;

inline const SiteVerb& DefaultVerb() {
  static const SiteVerb verb;
  return verb;
}

// What is known of a request. Views: valid while it is answered.
struct ProposeRequest {
  const catalogue::Catalogue& catalogue;
  const features::UserState& state;
  uint32_t user;  // id of the catalogue, or kNone
  const features::Context& context;
  const SiteVerb& verb = DefaultVerb();       // for reasons
  const features::LiveLists* live = nullptr;  // what is chosen most now; null: not known
  // Items that the candidate model knows by their content alone (new_item_index.h); null: none.
  const NewItemIndex* new_items = nullptr;
  // Those that were posted since the bundle was made (new_item_lists.h); null: none.
  const NewItemLists* posted = nullptr;
};

struct Candidate {
  uint32_t item;
  float score;  // larger is better; those of different generators cannot be compared
  uint32_t from = schema::kNone;  // the item of the user's that it was found by, where there is one
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// Which items may be proposed; all of them when it was default made. A generator asks about the
// items that it would propose, best first, so that the next best takes the place of one left out.
class ItemFilter {
 public:
  ItemFilter() = default;
  // `admits(item)` -> bool; it outlives this.
  template <typename Admits>
  explicit ItemFilter(Admits& admits)
      : call_([](void* context, uint32_t item) { return (*static_cast<Admits*>(context))(item); }),
        context_(&admits) {}
  bool Admits(uint32_t item) const { return call_ == nullptr || call_(context_, item); }

 private:
  bool (*call_)(void* context, uint32_t item) = nullptr;
  void* context_ = nullptr;
};

// What items like an item are asked by. Views, as above.
struct LikeRequest {
  const catalogue::Catalogue& catalogue;
  uint32_t item;
  const SiteVerb& verb = DefaultVerb();
};
// Items like an item, best first, and why. A view into the generator.
struct ItemsLike {
  enum class By : uint8_t {
    kPeople,     // what people did with both
    kCategory,   // what both are
    kEverything  // no likeness: what is popular or new
  } by = By::kPeople;
  std::span<const ScoredItem> items = {};
  std::string reason = {};
};

class Generator {
 public:
  virtual ~Generator() = default;
  // Appends the `n` best that `filter` admits, best first, each item once; fewer when it has no
  // more. Fails as its model does; then what it appended means nothing.
  virtual Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                         std::vector<Candidate>* out) const = 0;
  // Proposals for many requests of one catalogue, where they cost less together than one by one: for each request the
  // `n` best of all items, whatever a filter would say. Empty: they cost the same.
  virtual Result<std::vector<std::vector<Candidate>>> ProposeMany(std::span<const ProposeRequest>,
                                                                  size_t, base::ThreadPool&) const {
    return std::vector<std::vector<Candidate>>();
  }
  // Why it proposed this candidate, in words for the user.
  virtual std::string Reason(const ProposeRequest& request, const Candidate& candidate) const = 0;
  // True: it proposes for every user, and as many items as it is asked for. The first such
  // generator of a bundle is asked for at least as many as the slate needs.
  virtual bool FillsSlate() const { return false; }
  // True: it proposes what is chosen now, also items that no model knows.
  virtual bool IsLive() const { return false; }
  // Its lists for one item, the most alike first, for generators that keep some.
  virtual std::vector<ItemsLike> Like(const LikeRequest&) const { return {}; }
};

// Appends the `n` best of a list, best first, that the filter admits.
void ProposeList(std::span<const ScoredItem> list, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out);

// Calls visit(item) for the user's newest complete watches, at most `n`, newest first.
template <typename Visit>
void ForNewestWatches(const features::UserState& state, size_t n, const Visit& visit) {
  const auto watches = state.watches();
  for (size_t i = watches.size(); i > 0 && watches.size() - i < n; --i) visit(watches[i - 1].id);
}

// The title of an item, else its name.
std::string TitleOf(const catalogue::Catalogue& catalogue, uint32_t item);
// "because you watched TITLE": what the user's history says of the item, in the words of the site; or
// "are watching", where that is the item of the request.
std::string BecauseOf(const ProposeRequest& request, uint32_t item);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_GENERATOR_H_
