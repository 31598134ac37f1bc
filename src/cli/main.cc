// upnext: one program with a table of verbs.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "base/suggest.h"
#include "cli/command_text.h"
#include "cli/mapped_fault.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/variables.h"
#include "cli/verbs.h"

namespace upnext::cli {
namespace {

constexpr std::array kVerbs{
    Verb{"simulate", "write a synthetic event log, for trials", MakeSimulate},
    Verb{"import", "convert your files to an event log", MakeImport},
    Verb{"train", "train both models on the log and publish them", MakeTrain},
    Verb{"publish", "list the published bundles, or make another one current", MakePublish},
    Verb{"evaluate", "measure the published models and simple baselines", MakeEvaluate},
    Verb{"tune", "choose the exponents of the score on held-out pages", MakeTune},
    Verb{"recommend", "print feeds, for one user or for all", MakeRecommend},
    Verb{"similar", "print items that are similar to an item", MakeSimilar},
    Verb{"rules", "check the rules of scenarios, and show what they change", MakeRules},
    Verb{"serve", "answer requests over HTTP", MakeServe},
    Verb{"keys", "make, list and revoke the keys of the HTTP API", MakeKeys},
    Verb{"run", "serve, and import and train on a schedule", MakeRun},
    Verb{"replay", "make answers again from the log of slates, and compare their bytes",
         MakeReplay},
    Verb{"estimate", "what a scenario would have been worth on the answers of another one",
         MakeEstimate},
    Verb{"study", "run an experiment on a simulated world with known truth", MakeStudy},
    Verb{"forget", "take users out of log, store and all files", MakeForget},
    Verb{"features", "show the compiled features and how often they are missing", MakeFeatures},
    Verb{"export", "write models as ONNX, or training examples as Parquet", MakeExport},
    Verb{"mcp", "offer the project to an assistant over stdin and stdout", MakeMcp},
    Verb{"inspect", "show and verify a log or a bundle", MakeInspect},
    Verb{"backup", "write a backup, also while a server runs", MakeBackup},
    Verb{"restore", "put a backup into a folder, verified", MakeRestore},
    Verb{"doctor", "examine machine, project and server", MakeDoctor},
    Verb{"config", "show or check the configuration", MakeConfig},
    Verb{"bench", "measure the speed of this machine", MakeBench},
    Verb{"help", "print the help of a verb, or its manual page", MakeHelp},
    Verb{"completion", "print a script that completes the command line in a shell", MakeCompletion},
    Verb{"version", "print what this program was built of, and what it uses of this machine",
         MakeVersion},
};

// CLI11 would report an unknown verb as a missing one; suggest the intended one instead.
int UnknownVerb(const std::string& word) {
  std::vector<std::string> names;
  for (const Verb& verb : kVerbs) names.emplace_back(verb.name);
  Tell("upnext: unknown verb '{}'{}\n`upnext --help` lists the verbs.\n", word,
       base::DidYouMean(word, names));
  return 2;
}

// Whether all output was written. When the reader has closed the pipe, as in `upnext ... | head`,
// no message is needed.
int CloseOutput() {
  const bool failed_before = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !failed_before) return 0;
  if (errno != EPIPE) Tell("upnext: could not write the output: {}\n", std::strerror(errno));
  return 1;
}

int Main(int argc, char** argv) {
  CLI::App app("upnext: from event log to ranked feed in one binary", "upnext");
  app.set_version_flag("--version", UPNEXT_VERSION);
  app.require_subcommand(1);
  app.footer(std::string(kHelpFooter));
  std::vector<std::pair<CLI::App*, std::function<Status()>>> verbs;
  for (const Verb& verb : kVerbs) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
    verbs.emplace_back(sub, verb.make(*sub));
  }
  if (argc == 1) {
    Tell("{}", app.help());
    return 2;
  }
  if (argv[1][0] != '-') {
    bool known = false;
    for (const Verb& verb : kVerbs) known |= std::string_view(verb.name) == argv[1];
    if (!known) return UnknownVerb(argv[1]);
  }
  Variables variables(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    variables.Return();  // the help has them
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (Status status = variables.Apply(); !status) {
    Tell("upnext: {}\n", status.error().message);
    return 2;
  }
  InstallStopHandler();
  for (auto& [sub, run] : verbs) {
    if (!sub->parsed()) continue;
    if (Status status = run(); !status) {
      Tell("upnext {}: {}\n", sub->get_name(), status.error().message);
      return StopRequested() && status.error().code == Code::kCancelled ? StopExitCode() : 1;
    }
  }
  return CloseOutput();
}

}  // namespace
}  // namespace upnext::cli

int main(int argc, char** argv) {
  // Writing to a closed pipe or socket, or past the size limit of a file (ulimit -f), is an error
  // to handle and must not end the process.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  upnext::cli::InstallMappedFaultHandler();
  try {
    return upnext::cli::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    upnext::cli::Tell("upnext: out of memory; nothing was published\n");
    return 1;
  }
}
