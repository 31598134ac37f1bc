// The verbs of the command line. To add one: a file that defines its function, and a line in
// main.cc. Data goes to stdout, progress and logs to stderr; exit codes 0 ok, 1 failed, 2 usage, 130
// stopped by ^C, 143 by SIGTERM.
#ifndef UPNEXT_CLI_VERBS_H_
#define UPNEXT_CLI_VERBS_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"
#include "project/project.h"

namespace upnext::cli {

// Declares the options on `app` and returns the function to run after parsing.
using VerbMaker = std::function<Status()> (*)(CLI::App& app);
// A line of a table of verbs, or of the sub-verbs of one.
struct Verb {
  const char* name;
  const char* summary;
  VerbMaker make;
};

std::function<Status()> MakeImport(CLI::App& app);
std::function<Status()> MakeTrain(CLI::App& app);
std::function<Status()> MakePublish(CLI::App& app);
std::function<Status()> MakeEvaluate(CLI::App& app);
std::function<Status()> MakeTune(CLI::App& app);
std::function<Status()> MakeRecommend(CLI::App& app);
std::function<Status()> MakeSimilar(CLI::App& app);
std::function<Status()> MakeRules(CLI::App& app);
std::function<Status()> MakeServe(CLI::App& app);
std::function<Status()> MakeKeys(CLI::App& app);
std::function<Status()> MakeRun(CLI::App& app);
std::function<Status()> MakeSimulate(CLI::App& app);
std::function<Status()> MakeStudy(CLI::App& app);
std::function<Status()> MakeInspect(CLI::App& app);
std::function<Status()> MakeForget(CLI::App& app);
std::function<Status()> MakeReplay(CLI::App& app);
std::function<Status()> MakeEstimate(CLI::App& app);
std::function<Status()> MakeFeatures(CLI::App& app);
std::function<Status()> MakeExport(CLI::App& app);
std::function<Status()> MakeMcp(CLI::App& app);
std::function<Status()> MakeBackup(CLI::App& app);
std::function<Status()> MakeRestore(CLI::App& app);
std::function<Status()> MakeDoctor(CLI::App& app);
std::function<Status()> MakeConfig(CLI::App& app);
std::function<Status()> MakeBench(CLI::App& app);
std::function<Status()> MakeHelp(CLI::App& app);
std::function<Status()> MakeCompletion(CLI::App& app);
std::function<Status()> MakeVersion(CLI::App& app);

// -c, --data and --project-dir, shared by all verbs that work on a project.
void AddProjectFlags(CLI::App& app, project::Location* flags);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_VERBS_H_
