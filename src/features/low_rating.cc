#include "features/low_rating.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "schema/event.h"

namespace upnext::features {

schema::EventTypeSet TypesAgainst(const schema::Schema& schema) {
  schema::EventTypeSet types;
  for (size_t number = 1; number <= schema.event_types().size(); ++number) {
    const auto type = static_cast<schema::EventType>(number);
    const bool negative = schema.info(type).role == schema::Role::kNegative;
    if (negative && type != schema::EventType::kSkip) types.Add(type);
  }
  return types;
}

float LowRatingOf(const log::EventLog& log) {
  constexpr uint64_t kBlockRows = 16'384, kBlocks = 64;
  constexpr float kNoRating = std::numeric_limits<float>::quiet_NaN();
  if (log.stats().by_type[static_cast<size_t>(schema::EventType::kRating)] == 0) return kNoRating;
  const uint64_t blocks = (log.events() + kBlockRows - 1) / kBlockRows;
  const uint64_t step = std::max<uint64_t>(1, blocks / kBlocks);
  float least = std::numeric_limits<float>::infinity(), most = -least;
  for (uint64_t block = 0; block < blocks; block += step) {
    const uint64_t end = std::min(log.events(), (block + 1) * kBlockRows);
    for (uint64_t row = block * kBlockRows; row < end; ++row) {
      if (log.type(row) != schema::EventType::kRating) continue;
      const float value = log.event(row).value;
      least = std::min(least, value);
      most = std::max(most, value);
    }
  }
  return least < most ? least + (most - least) / 3 : kNoRating;
}

}  // namespace upnext::features
