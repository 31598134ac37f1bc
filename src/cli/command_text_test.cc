#include "cli/command_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "cli/completion.h"
#include "cli/man_page.h"

namespace upnext::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct SmallProgram {
  CLI::App app{"a program", "upnext"};
  std::string shell, file;
  int threads = 4;
  bool json = false;

  SmallProgram() {
    app.footer(std::string(kHelpFooter));
    CLI::App* keys = app.add_subcommand("keys", "keys of the server's API");
    CLI::App* add = keys->add_subcommand("add", "make one");
    add->add_option("name", file, "Its name")->required();
    add->add_option("--kind", shell, "Kind of $key")->check(CLI::IsMember({"page", "admin"}));
    CLI::App* serve = app.add_subcommand("serve", "answer");
    serve->footer("More about it.");
    serve->add_option("-c,--config", file, "The file")->type_name("FILE")->envname("UPNEXT_CONFIG");
    serve->add_option("--threads", threads, "Threads")
        ->check(CLI::Range(0, 8))
        ->capture_default_str();
    serve->add_option_group("what")->add_flag("--json", json, "As JSON (default: UPNEXT_JSON)");
  }
};

TEST(CommandText, HasNamesValuesAndChoicesOfOptions) {
  const SmallProgram program;
  const CommandText root = DescribeCommand(program.app);
  ASSERT_EQ(root.below.size(), 2u);
  EXPECT_EQ(root.footer, "");
  const CommandText& add = root.below[0].below[0];
  EXPECT_EQ(add.name, "upnext keys add");
  EXPECT_TRUE(add.options[0].is_positional);
  EXPECT_TRUE(add.options[0].is_required);
  EXPECT_THAT(add.options.back().choices, testing::UnorderedElementsAre("page", "admin"));
  const CommandText& serve = root.below[1];
  EXPECT_EQ(serve.footer, "More about it.");
  const OptionText& config = serve.options[1];  // after --help
  EXPECT_THAT(config.names, ElementsAre("-c", "--config"));
  EXPECT_EQ(config.value, "FILE");
  EXPECT_EQ(config.variable, "UPNEXT_CONFIG");
  EXPECT_EQ(serve.options[2].range, "[0 - 8]");
  EXPECT_EQ(serve.options[2].initial, "4");
  EXPECT_EQ(serve.options[3].names[0], "--json");
  EXPECT_EQ(serve.options[3].value, "");
  EXPECT_THAT(VariablesOf(root), ElementsAre("UPNEXT_CONFIG", "UPNEXT_JSON"));
}

TEST(Completion, HasEveryVerbAndOptionOfEveryShell) {
  const SmallProgram program;
  const CommandText root = DescribeCommand(program.app);
  const std::string bash = BashCompletion(root), zsh = ZshCompletion(root),
                    fish = FishCompletion(root);
  EXPECT_THAT(bash, HasSubstr("\"upnext keys add --kind\") _upnext_words"));
  EXPECT_THAT(bash, HasSubstr("\"upnext serve -c\" | \"upnext serve --config\") :"));
  EXPECT_THAT(zsh, HasSubstr("'add:make one'"));
  EXPECT_THAT(zsh, HasSubstr("'(-c --config)--config=[The file]:FILE:_files'"));
  EXPECT_THAT(fish,
              HasSubstr("'__upnext_at \\'upnext serve\\'' -s c -l config -r -F -d 'The file'"));
  EXPECT_THAT(fish, HasSubstr("-a 'keys' -d 'keys of the server\\'s API'"));
}

TEST(ManualPages, HasAPageForEachVerbWithWhatItsOptionsMean) {
  const SmallProgram program;
  const std::vector<ManualPage> pages = ManualPages(DescribeCommand(program.app), "1.2");
  ASSERT_EQ(pages.size(), 4u);
  EXPECT_EQ(pages[1].file, "upnext.toml.5");
  EXPECT_THAT(pages[1].text, HasSubstr("\\fBmax_rejects\\fR"));
  EXPECT_EQ(pages[3].file, "upnext-serve.1");
  const std::string& serve = pages[3].text;
  EXPECT_THAT(serve, HasSubstr("upnext\\-serve \\- answer"));
  EXPECT_THAT(serve, HasSubstr("\\fB\\-c\\fR, \\fB\\-\\-config\\fR \\fIFILE\\fR"));
  EXPECT_THAT(serve, HasSubstr("Threads. In [0 \\- 8]. Default: 4."));
  EXPECT_THAT(serve, HasSubstr("Also by the variable \\fBUPNEXT_CONFIG\\fR."));
  EXPECT_THAT(pages[2].text, HasSubstr(".SS upnext keys add"));
  EXPECT_THAT(pages[0].text, HasSubstr("\\fBupnext\\-keys\\fR(1)"));
}

}  // namespace
}  // namespace upnext::cli
