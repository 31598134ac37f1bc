#include "guides/manual.h"

#include <gtest/gtest.h>

namespace upnext::guides {
namespace {

TEST(ManualOf, HeadingsParagraphsAndListsBecomeTheirRequests) {
  EXPECT_EQ(
      ManualOf(
          "# Title\n\nOne `a-b` and\n**two**.\n\n## Part\n\n### Below\n\n- first\n  goes on\n- [second](x.md)\n\nEnd"),
      ".PP\nOne \\fBa\\-b\\fR and \\fBtwo\\fR.\n.SH Part\n.SS Below\n"
      ".IP \\(bu 4\nfirst goes on\n.IP \\(bu 4\nsecond\n.PP\nEnd\n");
}

TEST(ManualOf, ARowOfATableIsAnEntryWithItsDefault) {
  EXPECT_EQ(
      ManualOf(
          "| key | default | meaning |\n|---|---|---|\n| `port` | 8080 | the port |\n| `a\\|b` | | either |\n"),
      ".TP\n\\fBport\\fR\nthe port. Default: 8080.\n.TP\n\\fBa|b\\fR\neither\n");
}

TEST(ManualOf, CodeIsKeptAsItIs) {
  EXPECT_EQ(ManualOf("```toml\n.dot = 'x'\n  a = 1\n```\n\n    indented\n"),
            ".PP\n.RS 4\n.EX\n\\&.dot = \\(aqx\\(aq\n  a = 1\n.EE\n.RE\n"
            ".PP\n.RS 4\n.EX\nindented\n.EE\n.RE\n");
}

TEST(RoffOfMarkdown, ANameOfARequestAtTheBeginIsText) {
  EXPECT_EQ(RoffOfMarkdown(".so file"), "\\&.so file");
  EXPECT_EQ(RoffOfMarkdown("a \\ [b]"), "a \\e [b]");
}

}  // namespace
}  // namespace upnext::guides
