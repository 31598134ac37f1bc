#include "net/gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace upnext::net {
namespace {

using testing::HasSubstr;

constexpr uint64_t kRoom = 1 << 20;

std::string RandomText(uint64_t size, uint64_t letters) {
  base::Rng rng(size);
  std::string text(size, 'a');
  for (char& c : text) c = static_cast<char>('a' + rng.Below(letters));
  return text;
}

TEST(Gzip, WhatWasCompressedComesBack) {
  for (const uint64_t size : {0, 1, 100, 65'536, 300'000}) {
    for (const uint64_t letters : {1, 4, 150}) {
      const std::string text = RandomText(size, letters);
      const auto again = Gunzip(Gzip(text), kRoom);
      ASSERT_TRUE(again) << again.error().message;
      EXPECT_EQ(*again, text);
    }
  }
  EXPECT_LT(Gzip(std::string(100'000, 'x')).size(), 2'000u);
  EXPECT_EQ(Gunzip(Gzip("one ") + Gzip("two"), kRoom).value(), "one two") << "two members";
}

TEST(Gzip, BombsEndAtTheLimit) {
  std::string spaces;
  spaces.resize(100'000'000, ' ');
  const std::string bomb = Gzip(spaces);
  ASSERT_LT(bomb.size(), 1'000'000u);
  const auto opened = Gunzip(bomb, 50'000);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kResourceExhausted);
  EXPECT_THAT(opened.error().message, HasSubstr("at most 50000 bytes"));
  const std::string exact(50'000, 'x');
  EXPECT_EQ(Gunzip(Gzip(exact), 50'000).value(), exact);
  EXPECT_EQ(Gunzip(Gzip(exact), 49'999).error().code, Code::kResourceExhausted);
  std::string members;
  for (int i = 0; i < 2'000; ++i) members += Gzip(std::string(1'000, ' '));
  EXPECT_EQ(Gunzip(members, 50'000).error().code, Code::kResourceExhausted);
  EXPECT_EQ(Gunzip(Gzip(""), 0).value(), "");
}

TEST(Gzip, DamagedBytesAreRefused) {
  const std::string good = Gzip(RandomText(5'000, 9));
  EXPECT_THAT(Gunzip("", kRoom).error().message, HasSubstr("cut short"));
  EXPECT_THAT(Gunzip(R"({"events": []})", kRoom).error().message, HasSubstr("not gzip"));
  for (size_t cut = 1; cut < good.size(); cut += 13) {
    EXPECT_FALSE(Gunzip(good.substr(0, cut), kRoom)) << cut;
  }
  EXPECT_FALSE(Gunzip(good + "x", kRoom));
  EXPECT_FALSE(Gunzip(good + good.substr(0, 20), kRoom));
  std::string other = good;
  other[good.size() - 6] = static_cast<char>(other[good.size() - 6] ^ 1);  // of the checksum
  EXPECT_FALSE(Gunzip(other, kRoom));
}

TEST(Gzip, IsSentToThoseWhoTakeIt) {
  for (const char* header : {"gzip", "GZIP", "deflate, gzip;q=0.5, br", "*", "x-gzip", "br,gzip",
                             "identity;q=0, *;q=0.1", "gzip ; q=1"}) {
    EXPECT_TRUE(AcceptsGzip(header)) << header;
  }
  for (const char* header : {"", "br", "identity", "gzip;q=0", "gzip;q=0.000", "gzip; q=0, *",
                             "*;q=0", "agzip", ",,", ";"}) {
    EXPECT_FALSE(AcceptsGzip(header)) << header;
  }
}

}  // namespace
}  // namespace upnext::net
