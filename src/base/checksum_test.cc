#include "base/checksum.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace upnext::base {
namespace {

TEST(Checksum, EqualsThePublishedXxh3ValueOfNothing) {
  // File formats depend on this value: XXH3-64 of zero bytes with seed 0.
  EXPECT_EQ(Checksum({}), 0x2d06800538d394c2ULL);
}

TEST(ChecksumStream, EqualsTheWholeHoweverTheBytesAreCut) {
  std::vector<std::byte> bytes(5000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  for (const size_t step : {1u, 63u, 64u, 1000u, 5000u}) {
    ChecksumStream stream;
    for (size_t i = 0; i < bytes.size(); i += step) {
      stream.Append(std::span(bytes).subspan(i, std::min(step, bytes.size() - i)));
    }
    EXPECT_EQ(stream.digest(), Checksum(bytes)) << step;
    stream.Reset();
    EXPECT_EQ(stream.digest(), Checksum({}));
  }
}

TEST(Fingerprint, DependsOnTextAndSeedAndIsNeverZero) {
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(Fingerprint(std::to_string(i)));
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_FALSE(seen.contains(0));
  EXPECT_NE(Fingerprint("item", 1), Fingerprint("item", 2));
  EXPECT_EQ(Fingerprint("item", 1), Fingerprint("item", 1));
}

}  // namespace
}  // namespace upnext::base
