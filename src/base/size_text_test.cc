#include "base/size_text.h"

#include <gtest/gtest.h>

namespace upnext::base {
namespace {

TEST(SizeText, IsReadWithItsUnitAlone) {
  EXPECT_EQ(ParseSize("512MiB").value(), uint64_t{512} << 20);
  EXPECT_EQ(ParseSize("4G").value(), uint64_t{4} << 30);
  EXPECT_EQ(ParseSize("1048576TiB").value(), uint64_t{1} << 60);
  for (const char* text : {"", "512", "MiB", "1.5GiB", "-1GiB", "1 GiB", "1GB", "2000000TiB",
                           "99999999999999999999G"}) {
    EXPECT_FALSE(ParseSize(text)) << text;
  }
  EXPECT_EQ(SizeText(uint64_t{3} << 29), "1.5 GiB");
  EXPECT_EQ(SizeText(uint64_t{100} << 20), "100.0 MiB");
}

}  // namespace
}  // namespace upnext::base
