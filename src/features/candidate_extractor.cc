#include <algorithm>
#include <array>
#include <cmath>

#include "base/checksum.h"
#include "catalogue/catalogue.h"
#include "features/extract.h"
#include "schema/event.h"

namespace upnext::features {

namespace {

// Writes value and "is missing" (CG-08).
void PutShare(float value, float scale, bool dropped, float* out) {
  const bool missing = dropped || std::isnan(value);
  out[0] = missing ? 0.0f : std::clamp(value / scale, 0.0f, 1.0f);
  out[1] = missing ? 1.0f : 0.0f;
}

// Hat functions of x in [0, 1] with knots at equal distances; `hats` is zero before.
void PutHats(float x, std::span<float, kAgeKnots> hats) {
  const float at = x * static_cast<float>(kAgeKnots - 1);
  const auto below = std::min(static_cast<size_t>(at), kAgeKnots - 2);
  hats[below + 1] = at - static_cast<float>(below);
  hats[below] = 1 - hats[below + 1];
}

}  // namespace

void CandidateBatch::Clear() {
  watches.Clear();
  tokens.Clear();
  region.clear();
  device.clear();
  dense.clear();
  label.clear();
}

CandidateExtractor::CandidateExtractor(const FeatureStatistics& tables,
                                       const catalogue::Catalogue& catalogue)
    : tables_(tables), catalogue_(catalogue), dropped_(DroppedCandidateFields(tables.spec.drop)) {}

void CandidateExtractor::Append(const UserState& state, const schema::User& user,
                                const Context& context, int64_t example_age_ms,
                                CandidateBatch* batch) const {
  const auto dropped = [&](CandidateField field) {
    return (dropped_ >> static_cast<int>(field) & 1) != 0;
  };
  if (!dropped(CandidateField::kWatches)) {
    const Vocabulary& items = tables_.vocabulary(VocabularyId::kItem);
    const std::span<const TimedId> watches = state.watches();
    const size_t size = batch->watches.ids.size();
    batch->watches.ids.resize(size + watches.size());
    uint32_t* out = batch->watches.ids.data() + size;
    for (const TimedId& watch : watches) *out++ = items.Row(watch.id);
  }
  batch->watches.Close();

  if (!dropped(CandidateField::kSearches)) {
    std::array<uint32_t, kBagLimit> queries;
    size_t n = 0;
    for (const TimedId& search : state.searches()) queries[n++] = search.id;
    std::sort(queries.begin(), queries.begin() + n);
    for (size_t i = 0; i < n; ++i) {
      tables_.tokens.AppendRows(queries[i], catalogue_, &batch->tokens.ids);
    }
  }
  batch->tokens.Close();

  const uint32_t region = context.region != schema::kNone ? context.region : user.region;
  batch->region.push_back(
      dropped(CandidateField::kRegion) ? 0 : tables_.vocabulary(VocabularyId::kRegion).Row(region));
  batch->device.push_back(dropped(CandidateField::kDevice)
                              ? 0
                              : tables_.vocabulary(VocabularyId::kDevice).Row(context.device));

  std::array<float, kCandidateDense> dense{};
  PutShare(user.age, kMaxAgeYears, dropped(CandidateField::kAge), &dense[0]);
  PutShare(user.gender, 1, dropped(CandidateField::kGender), &dense[2]);
  PutShare(user.logged_in, 1, dropped(CandidateField::kLoggedIn), &dense[4]);
  const double window_ms =
      static_cast<double>(tables_.train_end_ms) - static_cast<double>(tables_.train_begin_ms);
  const bool has_age = !dropped(CandidateField::kExampleAge) && window_ms > 0;
  const double share = has_age ? static_cast<double>(example_age_ms) / window_ms : 0;
  dense[6] = static_cast<float>(std::clamp(share, 0.0, 1.0));
  dense[7] = std::sqrt(dense[6]);
  if (has_age) PutHats(dense[6], std::span(dense).subspan<8>());
  batch->dense.insert(batch->dense.end(), dense.begin(), dense.end());
}

uint64_t Digest(const CandidateBatch& batch) {
  base::ChecksumStream stream;
  const auto add = [&](const auto& values) {
    const uint64_t size = values.size();
    stream.Append(std::as_bytes(std::span(&size, 1)));
    stream.Append(std::as_bytes(std::span(values)));
  };
  for (const Bags* bags : {&batch.watches, &batch.tokens}) {
    add(bags->ids);
    add(bags->offsets);
  }
  add(batch.region);
  add(batch.device);
  add(batch.dense);
  add(batch.label);
  return stream.digest();
}

}  // namespace upnext::features
