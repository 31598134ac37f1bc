#include "retrieval/candidate_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "ann/filter.h"
#include "retrieval/new_item_index.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kHabitWatches = 3;  // of a channel or topic, from which on it is a habit

}  // namespace

Result<std::unique_ptr<const Generator>> CandidateGenerator::Load(LoadInput input) {
  if (input.candidate == nullptr || input.index == nullptr) return nullptr;
  return std::unique_ptr<const Generator>(
      new CandidateGenerator(input.tables, *input.candidate, *input.index));
}

Status CandidateGenerator::Encode(const features::FeatureExtractor& features,
                                  const ProposeRequest& request, Scratch& scratch) const {
  scratch.batch.Clear();
  // Example age 0: now, however long ago training ended (CG-09).
  features.AppendQuery(request.state, request.user, request.context, &scratch.batch);
  scratch.vector.resize(model_.dim());
  return model_.EncodeUsers(scratch.batch, scratch.vector.data(), scratch.model, {});
}

Status CandidateGenerator::Propose(const ProposeRequest& request, size_t n,
                                   const ItemFilter& filter, std::vector<Candidate>* out) const {
  const auto scratch = scratch_.Borrow();
  UPNEXT_RETURN_IF_ERROR(
      Encode(features::FeatureExtractor(tables_, request.catalogue, features::Model::kRetrieval),
             request, *scratch));
  const auto admits = [&](uint32_t item) { return filter.Admits(item); };
  index_.Search(scratch->vector, n, ann::Filter::Of(admits), &scratch->hits);
  if (request.new_items != nullptr) AddNewItems(request, n, filter, *scratch);
  for (const ann::Hit& hit : scratch->hits) out->push_back({hit.id, hit.score});
  return Ok();
}

// Users are encoded one by one, so that their vectors are those of single requests to the last bit.
Result<std::vector<std::vector<Candidate>>> CandidateGenerator::ProposeMany(
    std::span<const ProposeRequest> requests, size_t n, base::ThreadPool& pool) const {
  constexpr size_t kUsersPerTask = 32;
  if (requests.empty()) return std::vector<std::vector<Candidate>>();
  const features::FeatureExtractor features(tables_, requests.front().catalogue,
                                            features::Model::kRetrieval);
  const size_t dim = model_.dim();
  std::vector<float> vectors(requests.size() * dim);
  std::vector<Status> encoded(requests.size());
  pool.ParallelFor(requests.size(), kUsersPerTask, [&](size_t begin, size_t end) {
    const auto scratch = scratch_.Borrow();
    for (size_t i = begin; i < end; ++i) {
      encoded[i] = Encode(features, requests[i], *scratch);
      std::ranges::copy(scratch->vector, vectors.data() + i * dim);
    }
  });
  for (Status& one : encoded) UPNEXT_RETURN_IF_ERROR(std::move(one));
  std::vector<std::vector<ann::Hit>> hits;
  index_.SearchBatch(vectors, n, {}, pool, &hits);
  std::vector<std::vector<Candidate>> found(requests.size());
  const auto scratch = scratch_.Borrow();
  for (size_t i = 0; i < requests.size(); ++i) {
    scratch->hits = std::move(hits[i]);
    if (requests[i].new_items != nullptr) {
      scratch->vector.assign(vectors.data() + i * dim, vectors.data() + (i + 1) * dim);
      AddNewItems(requests[i], n, {}, *scratch);
    }
    for (const ann::Hit& hit : scratch->hits) found[i].push_back({hit.id, hit.score});
  }
  return found;
}

void CandidateGenerator::AddNewItems(const ProposeRequest& request, size_t n,
                                     const ItemFilter& filter, Scratch& scratch) {
  const auto exists = [&](uint32_t item) {
    return request.catalogue.item(item).created_ms <= request.context.time_ms &&
           filter.Admits(item);
  };
  request.new_items->Search(scratch.vector, n, ann::Filter::Of(exists), &scratch.more);
  const size_t known = scratch.hits.size();
  scratch.hits.insert(scratch.hits.end(), scratch.more.begin(), scratch.more.end());
  std::ranges::inplace_merge(scratch.hits,
                             scratch.hits.begin() + static_cast<std::ptrdiff_t>(known),
                             std::ranges::greater(), &ann::Hit::score);
  scratch.hits.resize(std::min(scratch.hits.size(), n));
}

std::string CandidateGenerator::Reason(const ProposeRequest& request,
                                       const Candidate& candidate) const {
  const features::UserState& state = request.state;
  const schema::Item item = request.catalogue.item(candidate.item);
  // How often the user watched items with this category, as far as the state keeps it.
  const auto watches = [&](std::string_view attribute, uint32_t id) {
    const auto number = request.catalogue.schema().FindAttribute(schema::Entity::kItem, attribute);
    return number ? state.Count(*number, schema::EventType::kWatch, id) : 0;
  };
  const uint64_t of_channel = item.channel == schema::kNone ? 0 : watches("channel", item.channel);
  if (of_channel >= kHabitWatches) {
    return fmt::format("you {} {} {} times", request.verb.watched,
                       request.catalogue.Name(schema::IdSpace::kChannel, item.channel), of_channel);
  }
  for (const uint32_t topic : item.topics) {
    if (watches("topics", topic) < kHabitWatches) continue;
    return fmt::format("you often {} {}", request.verb.watch,
                       request.catalogue.Name(schema::IdSpace::kTopic, topic));
  }
  const bool by_content = tables_.vocabulary(features::kItemVocabulary).Row(candidate.item) == 0;
  if (by_content) {
    return state.watches().empty()
               ? "new"
               : fmt::format("like what you have {}, by its description", request.verb.history);
  }
  return state.watches().empty()
             ? fmt::format("often {} by people in your situation", request.verb.positives)
             : fmt::format("people with a history like yours {} it next", request.verb.positives);
}

}  // namespace upnext::retrieval
