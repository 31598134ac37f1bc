#include "cli/printable.h"

#include <gtest/gtest.h>

namespace upnext::cli {
namespace {

TEST(Printable, ShowsControlCharactersInsteadOfSendingThemToTheTerminal) {
  EXPECT_EQ(Printable("\x1b[31mred\x1b[0m\ttab\nline\r\x7f"),
            "\\x1b[31mred\\x1b[0m\\ttab\\nline\\r\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\u{009b}31m")
      << "a C1 control starts sequences too";
  EXPECT_EQ(Printable("a\xe2\x80\xa8"
                      "b\xe2\x80\xae"
                      "c"),
            "a\\u{2028}b\\u{202e}c");
}

TEST(Printable, LeavesOtherTextAsItIs) {
  const std::string text = "Größe — 東京 👍🏽 \xc2\xa0";
  EXPECT_EQ(Printable(text), text);
  EXPECT_EQ(Printable("\xe2\x80"), "\xe2\x80") << "cut short";
}

}  // namespace
}  // namespace upnext::cli
