#include "retrieval/content_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "base/checksum.h"
#include "base/scratch_pool.h"
#include "examples/replay.h"
#include "features/text_words.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr char kContentLists[] = "content";
constexpr size_t kFewestPostings = 1000, kMostPairs = 10'000'000;
constexpr size_t kContentChunk = 256;  // items that a thread takes at once
// Seeds of fingerprints: random ones, because those of short texts with seeds that differ in few bits collide.
enum TokenKind : uint64_t {
  kTopicToken = 0x9e3779b97f4a7c15,
  kChannelToken = 0xd1342543de82ef95,
  kWordToken = 0x632be59bd9b4e019
};

// The different tokens of an item, as fingerprints.
std::vector<uint64_t> ContentTokens(const schema::Item& item) {
  std::vector<uint64_t> tokens;
  const auto add_id = [&](uint32_t id, TokenKind kind) {
    tokens.push_back(base::Fingerprint(std::to_string(id), kind));
  };
  for (const uint32_t topic : item.topics) add_id(topic, kTopicToken);
  if (item.channel != schema::kNone) add_id(item.channel, kChannelToken);
  features::ForEachWord(item.title, [&](std::string_view word) {
    tokens.push_back(base::Fingerprint(word, kWordToken));
  });
  std::ranges::sort(tokens);
  tokens.erase(std::ranges::unique(tokens).begin(), tokens.end());
  return tokens;
}

// The vectors of all items, by item and by token.
struct ContentVectors {
  struct Entry {
    uint32_t id;  // a token of an item, or an item of a token
    float weight;
  };
  std::vector<std::vector<Entry>> items, tokens;
};

ContentVectors MakeContentVectors(const catalogue::Catalogue& catalogue, uint32_t items) {
  std::unordered_map<uint64_t, uint32_t> numbers;
  std::vector<uint32_t> counts;  // items by token
  std::vector<std::vector<uint32_t>> of_items(items);
  uint32_t described = 0;
  for (uint32_t item = 0; item < items; ++item) {
    const schema::Item attributes = catalogue.item(item);
    if (attributes.removed) continue;
    for (const uint64_t token : ContentTokens(attributes)) {
      const uint32_t number =
          numbers.try_emplace(token, static_cast<uint32_t>(counts.size())).first->second;
      if (number == counts.size()) counts.push_back(0);
      ++counts[number];
      of_items[item].push_back(number);
    }
    ++described;
  }
  const size_t most = std::max(kFewestPostings, kMostPairs / std::max(1u, items));
  ContentVectors vectors{std::vector<std::vector<ContentVectors::Entry>>(items),
                         std::vector<std::vector<ContentVectors::Entry>>(counts.size())};
  for (uint32_t item = 0; item < items; ++item) {
    double squares = 0;
    auto& vector = vectors.items[item];
    for (const uint32_t token : of_items[item]) {
      const double weight = std::log(static_cast<double>(described) / counts[token]);
      if (counts[token] > most || weight <= 0) continue;
      vector.push_back({token, static_cast<float>(weight)});
      squares += weight * weight;
    }
    for (ContentVectors::Entry& entry : vector) {
      entry.weight /= static_cast<float>(std::sqrt(squares));
      vectors.tokens[entry.id].push_back({item, entry.weight});
    }
  }
  return vectors;
}

std::vector<ScoredItem> NeighboursOf(const ContentVectors& vectors, uint32_t item,
                                     size_t neighbours, std::vector<float>* cosines) {
  std::vector<ScoredItem> list;
  for (const ContentVectors::Entry& token : vectors.items[item]) {
    for (const ContentVectors::Entry& other : vectors.tokens[token.id]) {
      float& cosine = (*cosines)[other.id];
      if (cosine == 0 && other.id != item) list.push_back({other.id, 0});
      cosine += token.weight * other.weight;
    }
  }
  for (ScoredItem& one : list) one.score = (*cosines)[one.item];
  for (const ScoredItem& one : list) (*cosines)[one.item] = 0;
  (*cosines)[item] = 0;
  const size_t kept = std::min(list.size(), neighbours);
  std::ranges::partial_sort(list, list.begin() + static_cast<std::ptrdiff_t>(kept), BetterScore);
  list.resize(kept);
  return list;
}

}  // namespace

LearnedLists ContentNeighbours(const catalogue::Catalogue& catalogue, size_t neighbours,
                               base::ThreadPool& pool) {
  const uint32_t items = catalogue.log().items();
  const ContentVectors vectors = MakeContentVectors(catalogue, items);
  std::vector<std::vector<ScoredItem>> lists(items);
  const base::ScratchPool<std::vector<float>> cosines;  // [items], zero between calls
  pool.ParallelFor(items, kContentChunk, [&](size_t begin, size_t end) {
    const auto borrowed = cosines.Borrow();
    borrowed->resize(items);
    for (size_t item = begin; item < end; ++item) {
      lists[item] = NeighboursOf(vectors, static_cast<uint32_t>(item), neighbours, &*borrowed);
    }
  });
  LearnedLists learned;
  for (const std::vector<ScoredItem>& list : lists) learned.Append(list);
  return learned;
}

GeneratorLearner ContentGenerator::Learner(const base::ConfigTable& options) {
  const auto neighbours =
      static_cast<size_t>(options.Int("neighbours", 50, {.min = 1, .max = 100'000}));
  return [neighbours](const LearnInput& input, base::SectionWriter& writer) {
    return SaveScoredLists(writer, kContentLists,
                           ContentNeighbours(input.source.catalogue, neighbours, input.pool));
  };
}

Result<std::unique_ptr<const Generator>> ContentGenerator::Load(LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists lists,
                          ScoredLists::Load(*input.part, kContentLists, input.items));
  return std::unique_ptr<const Generator>(new ContentGenerator(*std::move(input.part), lists));
}

Status ContentGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                 std::vector<Candidate>* out) const {
  std::unordered_set<uint32_t> watched;
  std::vector<Candidate> found;
  std::unordered_map<uint32_t, size_t> places;  // in `found`
  const auto add = [&](uint32_t from) {
    if (!watched.insert(from).second) return;
    for (const ScoredItem& one : lists_.Of(from)) {
      const auto [place, is_new] = places.try_emplace(one.item, found.size());
      if (is_new) {
        found.push_back({one.item, one.score, from});
      } else if (found[place->second].score < one.score) {
        found[place->second] = {one.item, one.score, from};
      }
    }
  };
  if (request.context.current_item != schema::kNone) add(request.context.current_item);
  ForNewestWatches(request.state, kContentWatches, add);
  std::ranges::sort(found, [](const Candidate& a, const Candidate& b) {
    return a.score > b.score || (a.score == b.score && a.item < b.item);
  });
  const size_t end = out->size() + n;
  for (const Candidate& one : found) {
    if (out->size() == end) return Ok();
    if (filter.Admits(one.item)) out->push_back(one);
  }
  return Ok();
}

std::string ContentGenerator::Reason(const ProposeRequest& request,
                                     const Candidate& candidate) const {
  return fmt::format("like {}", TitleOf(request.catalogue, candidate.from));
}

std::vector<ItemsLike> ContentGenerator::Like(const LikeRequest& request) const {
  return {{ItemsLike::By::kCategory, lists_.Of(request.item), "with a similar description"}};
}

}  // namespace upnext::retrieval
