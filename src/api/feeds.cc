#include "api/feeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "bundle/bundle.h"
#include "catalogue/catalogue.h"
#include "features/feature_extractor.h"
#include "features/user_state.h"
#include "net/event_json.h"
#include "net/slate_json.h"
#include "nn/embedding_table.h"
#include "retrieval/user_item_model.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::api {

nlohmann::json SimilarJson(const std::string& item, std::span<const serving::Recommendation> items,
                           bool explain) {
  return {{"item", item}, {"items", net::ItemsJson(items, {}, explain)}};
}

// ---- Tables ------------------------------------------------------------------------------------

FeedColumns::FeedColumns(const catalogue::Catalogue& catalogue, uint32_t offset)
    : catalogue_(catalogue),
      first_rank_(static_cast<int32_t>(offset) + 1),
      block_(Recommender::kBlock) {}

FeedsTaker FeedColumns::Taker() {
  return {.take =
              [this](size_t place, const std::string& user, const serving::Slate& slate) {
                Feed& feed = block_[place];
                feed.user = user;
                feed.degraded = slate.degraded;
                feed.items.clear();
                feed.scores.clear();
                for (const serving::Recommendation& one : slate.items) {
                  feed.items.push_back(one.item);
                  feed.scores.push_back(one.score);
                }
              },
          .end_block = [this](size_t feeds) -> Status {
            for (const Feed& feed : std::span(block_).first(feeds)) Append(feed);
            return Ok();
          }};
}

void FeedColumns::Append(const Feed& feed) {
  ++feeds_;
  if (!feed.degraded.empty() && degraded_++ == 0) {
    degraded_user_ = feed.user;
    degradation_ = feed.degraded.front();
  }
  if (feed.items.empty()) {
    ++empty_;
    return;
  }
  const auto [known, added] =
      user_numbers_.try_emplace(feed.user, static_cast<int32_t>(user_names_.size()));
  if (added) user_names_.push_back(feed.user);
  for (size_t i = 0; i < feed.items.size(); ++i) {
    const uint32_t item = feed.items[i];
    if (item >= item_numbers_.size()) item_numbers_.resize(item + 1, -1);
    if (item_numbers_[item] < 0) {
      item_numbers_[item] = static_cast<int32_t>(item_names_.size());
      item_names_.push_back(catalogue_.Name(schema::IdSpace::kItem, item));
    }
    user_.push_back(known->second);
    item_.push_back(item_numbers_[item]);
    rank_.push_back(first_rank_ + static_cast<int32_t>(i));
    score_.push_back(feed.scores[i]);
  }
}

nlohmann::json FeedColumns::Degraded() const {
  nlohmann::json out = {{"feeds", degraded_}};
  if (degraded_ == 0) return out;
  out["first"] = {
      {"user", degraded_user_}, {"stage", degradation_.stage}, {"reason", degradation_.reason}};
  if (!degradation_.source.empty()) out["first"]["source"] = degradation_.source;
  return out;
}

ArrowResult FeedColumns::Table() && {
  ArrowResult table = {.name = "feeds", .rows = static_cast<int64_t>(user_.size())};
  table.columns.push_back(DictionaryColumn("user", std::move(user_), user_names_));
  table.columns.push_back(DictionaryColumn("item", std::move(item_), item_names_));
  table.columns.push_back(Int32Column("rank", std::move(rank_)));
  table.columns.push_back(DoubleColumn("score", std::move(score_)));
  return table;
}

// ---- Visitors ----------------------------------------------------------------------------------

namespace {

// The type whose events say most for an item, of those that need no more than the item.
schema::EventType StrongestType(const schema::Schema& schema, const features::PositiveRule& rule) {
  schema::EventType strongest = schema::EventType::kClick;
  float most = 0;
  uint8_t number = 0;
  for (const schema::EventTypeInfo& info : schema.event_types()) {
    const auto type = static_cast<schema::EventType>(++number);
    const float weight = std::max(rule.interest(type), rule.positive(type));
    const bool is_watch = type == schema::EventType::kWatch;
    if (weight <= 0 || (info.needs_value && !is_watch)) continue;
    // A watch is complete only with its seconds: of two types that say as much, the other one.
    if (weight < most || (weight == most && strongest != schema::EventType::kWatch)) continue;
    most = weight;
    strongest = type;
  }
  return strongest;
}

void SetStrongestType(const Recommender& recommender, nlohmann::json* event) {
  const catalogue::Catalogue& catalogue = recommender.catalogue();
  const features::PositiveRule& rule = recommender.opened()->rule;
  const schema::EventType type = StrongestType(catalogue.schema(), rule);
  (*event)["type"] = catalogue.schema().event_types()[static_cast<size_t>(type) - 1].name;
  if (type != schema::EventType::kWatch || event->contains("value")) return;
  const auto item = event->find("item");
  const uint32_t id = item != event->end() && item->is_string()
                          ? catalogue.Find(schema::IdSpace::kItem, item->get<std::string>())
                          : schema::kNone;
  const float duration = id == schema::kNone ? schema::kAbsent : catalogue.item(id).duration_s;
  (*event)["value"] = std::isnan(duration) ? rule.seconds() : static_cast<double>(duration);
}

}  // namespace

Result<std::vector<schema::RawEvent>> VisitorEvents(const Recommender& recommender,
                                                    const nlohmann::json& session) {
  std::vector<schema::RawEvent> events;
  if (session.empty()) return events;
  nlohmann::json body = nlohmann::json::array();
  for (const nlohmann::json& one : session) {
    nlohmann::json event = one.is_string() ? nlohmann::json{{"item", one}} : one;
    for (const char* key : {"user", "session"}) {
      if (event.contains(key)) {
        return InvalidArgument("session: events[{}]: expected no {}, since it is the visitor's",
                               body.size(), key);
      }
    }
    if (!event.contains("type")) SetStrongestType(recommender, &event);
    event["user"] = "visitor";
    body.push_back(std::move(event));
  }
  Result<net::EventBatch> parsed =
      net::ParseEvents(recommender.catalogue().schema(),
                       nlohmann::json{{"events", std::move(body)}}.dump(
                           -1, ' ', false, nlohmann::json::error_handler_t::replace));
  if (!parsed) return WithContext(std::move(parsed).error(), "session");
  events = std::move(parsed->events);
  int64_t time_ms = recommender.opened()->log.stats().last_ms;
  for (size_t i = events.size(); i-- > 0; time_ms -= 1000) {
    if (events[i].time_ms == schema::kNoTime) events[i].time_ms = time_ms;
  }
  std::ranges::stable_sort(events, {}, &schema::RawEvent::time_ms);
  return events;
}

// ---- Vectors -----------------------------------------------------------------------------------

namespace {

Result<const retrieval::UserItemModel*> CandidateModelOf(const Recommender& recommender) {
  const retrieval::UserItemModel* model = recommender.opened()->bundle->candidate();
  if (model != nullptr) return model;
  return FailedPrecondition(
      "the current bundle has no candidate model, and so no vectors; train "
      "the stage retrieval");
}

}  // namespace

Result<ArrowResult> ItemVectors(const Recommender& recommender) {
  UPNEXT_ASSIGN_OR_RETURN(const retrieval::UserItemModel* model, CandidateModelOf(recommender));
  const nn::EmbeddingTable& vectors = model->item_vectors();
  const auto ids = recommender.opened()
                       ->bundle->tables()
                       .vocabulary(features::kItemVocabulary)
                       .ids_by_row()
                       .subspan(1, model->searched_rows() - 1);  // row 0 is no item
  std::vector<std::string> names;
  names.reserve(ids.size());
  for (const uint32_t id : ids) {
    names.push_back(recommender.catalogue().Name(schema::IdSpace::kItem, id));
  }
  std::shared_ptr<const void> owner = recommender.opened();
  const float* values = vectors.view().data;
  if (vectors.is_half()) {
    const auto wide = std::make_shared<const nn::EmbeddingTable>(vectors.Widened());
    owner = wide;
    values = wide->view().data;
  }
  const auto rows = static_cast<int64_t>(names.size());
  ArrowResult table = {.name = "vectors", .rows = rows};
  table.columns.push_back(TextColumn("name", names));
  table.columns.push_back(
      VectorColumn("vector", rows, vectors.dim(), values + vectors.dim(), std::move(owner)));
  return table;
}

Result<ArrowResult> UserVectors(Recommender& recommender, std::span<const std::string> users,
                                base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const retrieval::UserItemModel* model, CandidateModelOf(recommender));
  const catalogue::Catalogue& catalogue = recommender.catalogue();
  const features::FeatureExtractor features(recommender.opened()->bundle->tables(), catalogue,
                                            features::Model::kRetrieval);
  const size_t dim = model->dim();
  const auto vectors = std::make_shared<std::vector<float>>(users.size() * dim);
  std::vector<Status> made(users.size());
  const auto make = [&](size_t begin, size_t end) {
    features::FeatureBlock batch;
    retrieval::UserItemModel::Scratch scratch;
    for (size_t i = begin; i < end; ++i) {
      const auto state = recommender.StateOf(users[i]);
      if (!state) {
        made[i] = std::unexpected(state.error());
        continue;
      }
      features::Context context;
      context.time_ms = recommender.TimeOf(**state);
      batch.Clear();
      features.AppendQuery(**state, catalogue.Find(schema::IdSpace::kUser, users[i]), context,
                           &batch);
      made[i] = model->EncodeUsers(batch, vectors->data() + i * dim, scratch, {});
    }
  };
  constexpr size_t kBlock = 4096, kGrain = 32;
  const base::MutexLock lock(recommender.pool_mutex());
  base::ProgressStage stage(progress, "user vectors", "users", users.size());
  for (size_t begin = 0; begin < users.size(); begin += kBlock) {
    if (progress.stop_requested()) return Cancelled("stopped on request");
    const size_t n = std::min(kBlock, users.size() - begin);
    recommender.pool().ParallelFor(n, kGrain,
                                   [&](size_t from, size_t to) { make(begin + from, begin + to); });
    stage.Update(begin + n);
  }
  for (const Status& one : made) UPNEXT_RETURN_IF_ERROR(one);
  const auto rows = static_cast<int64_t>(users.size());
  ArrowResult table = {.name = "vectors", .rows = rows};
  table.columns.push_back(TextColumn("name", {users.begin(), users.end()}));
  table.columns.push_back(VectorColumn("vector", rows, dim, vectors->data(), vectors));
  return table;
}

}  // namespace upnext::api
