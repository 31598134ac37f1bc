// A reference for tests of this room, where there is no candidate model.
#ifndef UPNEXT_FEATURES_TEST_REFERENCE_H_
#define UPNEXT_FEATURES_TEST_REFERENCE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>

#include "features/feature_block.h"
#include "features/feature_statistics.h"
#include "features/retrieval_reference.h"

namespace upnext::features {

// User (1, 2, 3) for everybody; items (row, 0, 0).
class FixedReference : public ReferenceModel {
 public:
  size_t dim() const override { return 3; }
  void UserVector(const FeatureBlock& query, std::span<float> user) const override {
    EXPECT_EQ(query.rows, 1u);
    for (size_t i = 0; i < user.size(); ++i) user[i] = static_cast<float>(i + 1);
  }
  float Score(std::span<const float> user, uint32_t row) const override {
    return user[0] * static_cast<float>(row);
  }
  Status Save(const std::filesystem::path&, uint64_t) const override { return Ok(); }
};

// Of a model that was "trained" with `tables`.
inline std::shared_ptr<const RetrievalReference> ReferenceOf(FeatureStatistics tables,
                                                             int64_t end_ms, uint64_t digest = 77) {
  return std::make_shared<const RetrievalReference>(
      std::move(tables), std::make_shared<const FixedReference>(), end_ms, digest);
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_TEST_REFERENCE_H_
