// upnext help: what --help prints, and the manual pages. upnext completion: scripts for shells.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/suggest.h"
#include "cli/command_text.h"
#include "cli/completion.h"
#include "cli/man_page.h"
#include "cli/output.h"
#include "cli/verbs.h"

namespace upnext::cli {
namespace {

struct HelpFlags {
  std::vector<std::string> words;
  bool man = false;
  std::string man_pages;
};

// The verb that the words name, below `root`.
Result<const CLI::App*> FindVerb(const CLI::App& root, const std::vector<std::string>& words) {
  const CLI::App* found = &root;
  for (const std::string& word : words) {
    const CLI::App* next = nullptr;
    std::vector<std::string> names;
    for (const CLI::App* below :
         found->get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); })) {
      names.push_back(below->get_name());
      if (below->get_name() == word) next = below;
    }
    if (next == nullptr && names.empty()) {
      return InvalidArgument("'{}' has no verbs below it, found '{}'", found->get_name(), word);
    }
    if (next == nullptr) {
      return InvalidArgument("unknown verb '{}'{}", word, base::DidYouMean(word, names));
    }
    found = next;
  }
  return found;
}

std::string HelpOf(const CLI::App& app) {
  std::string name;
  for (const CLI::App* parent = app.get_parent(); parent != nullptr;
       parent = parent->get_parent()) {
    name = parent->get_name() + (name.empty() ? "" : " " + name);
  }
  name += (name.empty() ? "" : " ") + app.get_name();
  return app.get_formatter()->make_help(&app, name, CLI::AppFormatMode::Normal);
}

Status RunHelp(const HelpFlags& flags, const CLI::App& root) {
  if (!flags.man_pages.empty()) {
    const std::filesystem::path folder = flags.man_pages;
    UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
    for (const ManualPage& page : ManualPages(DescribeCommand(root), UPNEXT_VERSION)) {
      UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(folder / page.file, page.text));
    }
    return Ok();
  }
  if (!flags.man) {
    UPNEXT_ASSIGN_OR_RETURN(const CLI::App* const app, FindVerb(root, flags.words));
    Print("{}", HelpOf(*app));
    return Ok();
  }
  std::string file = "upnext";
  for (const std::string& word : flags.words) file += "-" + word;
  if (flags.words == std::vector<std::string>{"upnext.toml"}) file = "upnext.toml";
  const std::vector<ManualPage> pages = ManualPages(DescribeCommand(root), UPNEXT_VERSION);
  const auto page = std::ranges::find_if(pages, [&](const ManualPage& one) {
    return one.file.substr(0, one.file.rfind('.')) == file;
  });
  if (page == pages.end()) {
    return InvalidArgument(
        "--man: expected a verb, upnext.toml or nothing, found '{}'; a page has all that is below "
        "its verb",
        fmt::join(flags.words, " "));
  }
  Print("{}", page->text);
  return Ok();
}

}  // namespace

std::function<Status()> MakeHelp(CLI::App& app) {
  auto flags = std::make_shared<HelpFlags>();
  app.add_option("verb", flags->words, "The verb, and the one below it (default: list the verbs)")
      ->type_name("VERB");
  CLI::Option* const man = app.add_flag(
      "--man", flags->man,
      "Print the manual page of the verb, or of upnext.toml, as man reads it: `man -l -`");
  app.add_option("--man-pages", flags->man_pages, "Write all manual pages to this folder")
      ->type_name("FOLDER")
      ->excludes(man);
  return [flags, &app] { return RunHelp(*flags, *app.get_parent()); };
}

std::function<Status()> MakeCompletion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.footer(
      "Packages install these files. For one user: `upnext completion bash > "
      "~/.local/share/bash-completion/completions/upnext`, `upnext completion fish > "
      "~/.config/fish/completions/upnext.fish`, or `upnext completion zsh > DIR/_upnext` with DIR in "
      "zsh's $fpath.");
  return [shell, &app] {
    const CommandText root = DescribeCommand(*app.get_parent());
    Print("{}", *shell == "bash"  ? BashCompletion(root)
                : *shell == "zsh" ? ZshCompletion(root)
                                  : FishCompletion(root));
    return Ok();
  };
}

}  // namespace upnext::cli
