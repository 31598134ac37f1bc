#include "features/feature_extractor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/clock.h"
#include "base/rng.h"
#include "schema/schema.h"

namespace upnext::features {

using schema::Entity;
using Code = NumberOp::Code;

namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr float kDaySeconds = 86'400;

// Seconds between two times, at least 0; missing when there was none. Through doubles, which hold
// every millisecond of our era and cannot overflow.
float Since(int64_t now_ms, int64_t then_ms) {
  if (then_ms == schema::kNoTime) return kMissing;
  const double seconds = (static_cast<double>(now_ms) - static_cast<double>(then_ms)) * 1e-3;
  return static_cast<float>(std::max(0.0, seconds));
}

double Ratio(double part, double whole) {
  return whole > 0 ? part / whole : std::numeric_limits<double>::quiet_NaN();
}

int64_t MsOfDay(int64_t time_ms) { return (time_ms % base::kDayMs + base::kDayMs) % base::kDayMs; }

float Weekday(int64_t time_ms) {
  constexpr int64_t kThursday = 3;  // the first day of the epoch, counted from Monday
  const int64_t days = (time_ms - MsOfDay(time_ms)) / base::kDayMs;
  return static_cast<float>(((days + kThursday) % 7 + 7) % 7);
}

// What happened most often of what stands for the same thing: a source sends watches, complete
// events, or both.
double Largest(const Cell* row, const Cells& cells) {
  uint64_t largest = 0;
  for (const uint8_t cell : cells) largest = std::max(largest, row[cell].count);
  return static_cast<double>(largest);
}
double Largest(const float* row, const Cells& cells) {
  float largest = 0;
  for (const uint8_t cell : cells) largest = std::max(largest, row[cell]);
  return static_cast<double>(largest);
}

// Hat functions of x in [0, 1] with knots at equal distances; `hats` is zero before.
void PutHats(float x, std::span<float> hats) {
  const float at = x * static_cast<float>(hats.size() - 1);
  const auto below = std::min(static_cast<size_t>(at), hats.size() - 2);
  hats[below + 1] = at - static_cast<float>(below);
  hats[below] = 1 - hats[below + 1];
}

uint32_t HashedRow(uint32_t a, uint32_t b, uint32_t rows) {
  uint64_t state = (uint64_t{a} << 32) | b;
  return 1 + static_cast<uint32_t>(base::SplitMix64(state) % (rows - 1));
}

}  // namespace

// Whom and what the features are about.
struct FeatureExtractor::Subject {
  const UserState& state;
  uint32_t user;
  const Context& context;
  const Candidate& candidate;
  const catalogue::Catalogue& catalogue;

  schema::AttributeValue Value(const AttributePath& path) const {
    switch (path.entity) {
      case Entity::kItem:
        if (path.attribute == kItself) return {.category = candidate.item};
        return catalogue.Value(Entity::kItem, path.attribute, candidate.item);
      case Entity::kUser:
        return catalogue.Value(Entity::kUser, path.attribute, user);
      case Entity::kRequest:
        break;
    }
    if (path.attribute >= kBuiltInRequestAttributes) {
      const size_t declared = path.attribute - kBuiltInRequestAttributes;
      return declared < context.attributes.size() ? context.attributes[declared]
                                                  : schema::AttributeValue();
    }
    switch (static_cast<RequestAttribute>(path.attribute)) {
      case RequestAttribute::kDevice:
        return {.category = context.device};
      case RequestAttribute::kRegion:
        return {.category = context.region};
      case RequestAttribute::kCurrentItem:
        return {.category = context.current_item};
      case RequestAttribute::kSource:
        return {.category = candidate.source};
      case RequestAttribute::kQuery:
        break;
    }
    return {};
  }

  // Calls visit(id) for each id of a categorical attribute; false when there is none.
  template <typename Visit>
  bool ForEachId(const AttributePath& path, const Visit& visit) const {
    if (path.kind == schema::Kind::kCategories && path.entity != Entity::kRequest) {
      const uint32_t of = path.entity == Entity::kItem ? candidate.item : user;
      const std::span<const uint32_t> ids = catalogue.Categories(path.entity, path.attribute, of);
      for (const uint32_t id : ids) visit(id);
      return !ids.empty();
    }
    const uint32_t id = Value(path).category;
    if (id == schema::kNone) return false;
    visit(id);
    return true;
  }
};

// The rows that a group of numbers reads: of a user's state, or of everybody's counts. Few keys
// need no memory from the heap.
class FeatureExtractor::Rows {
 public:
  void Clear() { size_ = 0; }
  void Add(const void* row) {
    if (size_ < few_.size()) {
      few_[size_] = row;
    } else {
      more_.resize(size_ - few_.size());
      more_.push_back(row);
    }
    ++size_;
  }
  template <typename Value, typename Visit>
  void ForEach(const Visit& visit) const {
    for (size_t i = 0; i < std::min(size_, few_.size()); ++i) {
      visit(static_cast<const Value*>(few_[i]));
    }
    for (size_t i = few_.size(); i < size_; ++i) {
      visit(static_cast<const Value*>(more_[i - few_.size()]));
    }
  }

 private:
  std::array<const void*, 16> few_;
  std::vector<const void*> more_;
  size_t size_ = 0;
};

FeatureExtractor::FeatureExtractor(const FeatureStatistics& tables,
                                   const catalogue::Catalogue& catalogue, Model model)
    : tables_(tables),
      catalogue_(catalogue),
      narrow_(model == Model::kRetrieval ? tables.plan.retrieval_state() : tables.plan.state()),
      nobody_(tables.plan.state()),
      powers_(!tables.spec.Drops(kPowersName)),
      sides_{StepsOf(model, Side::kQuery), StepsOf(model, Side::kImpression)} {}

double FeatureExtractor::PriorOf(const NumberOp& op) const {
  if (op.prior_table == 0) return op.prior;
  const std::span<const float> prior = tables_.counts.Prior(op.prior_table);
  if (prior.empty()) return std::numeric_limits<double>::quiet_NaN();
  return Ratio(Largest(prior.data(), op.prior_part), Largest(prior.data(), op.prior_whole));
}

FeatureExtractor::SideSteps FeatureExtractor::StepsOf(Model model, Side side) const {
  const SidePlan& plan = tables_.plan.side(model, side);
  const std::span<const Quantiles> quantiles = tables_.QuantilesOf(model, side);
  SideSteps steps{
      .categories = {}, .groups = {}, .dense_width = plan.dense_width, .raw_width = plan.raw_width};
  for (const Feature& feature : plan.categories) {
    steps.categories.push_back(
        {feature.category, &tables_.vocabularies[feature.vocabulary], feature.dropped});
  }
  for (const Feature& feature : plan.numbers) {
    const NumberOp& op = feature.number;
    const auto same_rows = [&](const Group& group) {
      return group.dropped == feature.dropped && group.everybody == op.everybody &&
             group.table == op.table;
    };
    auto group = std::ranges::find_if(steps.groups, same_rows);
    if (group == steps.groups.end()) {
      steps.groups.push_back({.dropped = feature.dropped,
                              .everybody = op.everybody,
                              .table = op.table,
                              .key = op.path,
                              .steps = {}});
      group = steps.groups.end() - 1;
    }
    group->steps.push_back({op, quantiles.empty() ? nullptr : &quantiles[feature.raw],
                            feature.dense, feature.raw, PriorOf(op)});
  }
  return steps;
}

void FeatureExtractor::AppendQuery(const UserState& state, uint32_t user, const Context& context,
                                   FeatureBlock* queries) const {
  Append(sides_[0], {Fitting(state), user, context, {}, catalogue_}, queries);
}

void FeatureExtractor::AppendImpression(const UserState& state, uint32_t user,
                                        const Context& context, const Candidate& candidate,
                                        FeatureBlock* impressions) const {
  Append(sides_[1], {Fitting(state), user, context, candidate, catalogue_}, impressions);
}

void FeatureExtractor::Append(const SideSteps& steps, const Subject& subject,
                              FeatureBlock* block) const {
  if (block->categorical.size() != steps.categories.size()) {
    block->categorical.resize(steps.categories.size());
  }
  for (size_t i = 0; i < steps.categories.size(); ++i) {
    Bags& bags = block->categorical[i];
    const CategoryStep& step = steps.categories[i];
    if (!step.dropped) AppendCategory(step, subject, &bags.ids);
    bags.Close();
  }
  const size_t raw_size = block->raw.size(), dense_size = block->dense.size();
  block->raw.resize(raw_size + steps.raw_width);
  block->dense.resize(dense_size + steps.dense_width);
  float* raw = block->raw.data() + raw_size;
  float* dense = block->dense.data() + dense_size;
  Rows rows;
  for (const Group& group : steps.groups) {
    const bool has_key = !group.dropped && FindRows(group, subject, &rows);
    for (const NumberStep& step : group.steps) {
      const float value = group.dropped ? kMissing : Value(step, subject, rows, has_key);
      Encode(step, value, raw, dense);
    }
  }
  block->raw_width = steps.raw_width;
  block->dense_width = steps.dense_width;
  ++block->rows;
}

void FeatureExtractor::AppendCategory(const CategoryStep& step, const Subject& subject,
                                      std::vector<uint32_t>* ids) const {
  const auto append = [&](uint32_t id) { ids->push_back(step.vocabulary->Row(id)); };
  switch (step.op.code) {
    case CategoryOp::Code::kPath:
      for (const AttributePath& path : step.op.paths) {
        if (subject.ForEachId(path, append)) break;
      }
      break;
    case CategoryOp::Code::kBag:
    case CategoryOp::Code::kTokens:
      AppendBag(step, subject, ids);
      break;
    case CategoryOp::Code::kCross:
      subject.ForEachId(step.op.paths[0], [&](uint32_t a) {
        subject.ForEachId(step.op.others[0],
                          [&](uint32_t b) { ids->push_back(HashedRow(a, b, step.op.rows)); });
      });
      break;
  }
}

void FeatureExtractor::AppendBag(const CategoryStep& step, const Subject& subject,
                                 std::vector<uint32_t>* ids) const {
  std::span<const TimedId> bag = subject.state.bag(step.op.bag);
  bag = bag.last(std::min<size_t>(bag.size(), step.op.newest));
  const bool plain = step.op.code == CategoryOp::Code::kBag && step.op.paths.empty();
  if (plain && !step.op.sorted) {
    const size_t size = ids->size();
    ids->resize(size + bag.size());
    uint32_t* out = ids->data() + size;
    for (const TimedId& entry : bag) *out++ = step.vocabulary->Row(entry.id);
    return;
  }
  std::array<uint32_t, kMaxBagLimit> of;
  size_t n = 0;
  for (const TimedId& entry : bag) of[n++] = entry.id;
  if (step.op.sorted) std::sort(of.begin(), of.begin() + n);
  for (const uint32_t id : std::span(of).first(n)) {
    if (step.op.code == CategoryOp::Code::kTokens) {
      tables_.tokens.AppendRows(id, catalogue_, ids);
    } else if (plain) {
      ids->push_back(step.vocabulary->Row(id));
    } else {
      const Candidate item{.item = id};
      Subject{subject.state, subject.user, subject.context, item, catalogue_}.ForEachId(
          step.op.paths[0], [&](uint32_t value) { ids->push_back(step.vocabulary->Row(value)); });
    }
  }
}

bool FeatureExtractor::FindRows(const Group& group, const Subject& subject, Rows* rows) const {
  rows->Clear();
  if (group.table == 0) {
    rows->Add(subject.state.row(0, 0));
    return true;
  }
  return subject.ForEachId(group.key, [&](uint32_t id) {
    const void* row =
        group.everybody
            ? static_cast<const void*>(tables_.counts.At(group.table, id, subject.context.time_ms))
            : static_cast<const void*>(subject.state.row(group.table, id));
    if (row != nullptr) rows->Add(row);
  });
}

float FeatureExtractor::Value(const NumberStep& step, const Subject& subject, const Rows& rows,
                              bool has_key) const {
  const NumberOp& op = step.op;
  const int64_t now_ms = subject.context.time_ms;
  switch (op.code) {
    case Code::kNumber:
      return subject.Value(op.path).number;
    case Code::kAge:
      return Since(now_ms, subject.Value(op.path).time_ms) / kDaySeconds;
    case Code::kHour:
      return static_cast<float>(static_cast<double>(MsOfDay(now_ms)) / 3'600'000.0);
    case Code::kWeekday:
      return Weekday(now_ms);
    case Code::kExampleAge: {
      const double window_ms =
          static_cast<double>(tables_.train_end_ms) - static_cast<double>(tables_.train_begin_ms);
      if (!(window_ms > 0)) return kMissing;
      const double share = static_cast<double>(subject.context.example_age_ms) / window_ms;
      return static_cast<float>(std::clamp(share, 0.0, 1.0));
    }
    case Code::kMatch: {
      bool any = false, common = false;
      const bool first = subject.ForEachId(op.path, [&](uint32_t a) {
        any |= subject.ForEachId(op.other, [&](uint32_t b) { common |= a == b; });
      });
      return !first || !any ? kMissing : common ? 1.0f : 0.0f;
    }
    case Code::kCount:
    case Code::kSince:
    case Code::kRatio:
      break;
  }
  if (op.code == Code::kSince) {
    int64_t last_ms = schema::kNoTime;
    rows.ForEach<Cell>(
        [&](const Cell* row) { last_ms = std::max(last_ms, row[op.part[0]].time_ms); });
    return Since(now_ms, last_ms);
  }
  if (!has_key) return kMissing;
  double part = 0, whole = 0;
  float sum = 0;
  if (op.everybody) {
    rows.ForEach<float>([&](const float* row) {
      part += Largest(row, op.part);
      whole += Largest(row, op.whole);
    });
  } else {
    rows.ForEach<Cell>([&](const Cell* row) {
      if (!op.sum) {
        part += Largest(row, op.part);
      } else if (op.table == 0) {
        part += row[op.part[0]].sum;
      } else {
        sum += row[op.part[0]].part;
      }
      whole += Largest(row, op.whole);
    });
    if (op.sum && op.table != 0) part = static_cast<double>(sum);
  }
  if (op.code == Code::kCount) return static_cast<float>(part);
  if (op.weight == 0) return static_cast<float>(Ratio(part, whole));
  return static_cast<float>((part + op.weight * step.prior) / (whole + op.weight));
}

void FeatureExtractor::Encode(const NumberStep& step, float value, float* raw, float* dense) const {
  const NumberOp& op = step.op;
  if (op.limit > 0 && !std::isnan(value)) value = std::clamp(value, 0.0f, op.limit);
  dense += step.dense;
  switch (op.encoding) {
    case NumberOp::Encoding::kQuantiles: {
      raw[step.raw] = value;
      const float x = step.quantiles != nullptr ? step.quantiles->Normalize(value) : kMissing;
      const bool missing = std::isnan(x), powers = powers_ && !missing;
      dense[0] = missing ? 0.0f : x;
      dense[1] = powers ? x * x : 0.0f;
      dense[2] = powers ? std::sqrt(x) : 0.0f;
      dense[3] = missing ? 1.0f : 0.0f;
      break;
    }
    case NumberOp::Encoding::kPlain: {  // value and "is missing" (CG-08)
      const bool missing = std::isnan(value);
      dense[0] = missing ? 0.0f : value / op.limit;
      dense[1] = missing ? 1.0f : 0.0f;
      break;
    }
    case NumberOp::Encoding::kHats:  // of the example age (CG-09): 0 and missing are the same
      if (std::isnan(value)) break;
      dense[0] = value / op.limit;
      dense[1] = std::sqrt(dense[0]);
      PutHats(dense[0], std::span(dense + 2, op.hats));
      break;
  }
}

}  // namespace upnext::features
