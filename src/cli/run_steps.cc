#include "cli/run_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "api/run_options.h"
#include "base/child_process.h"
#include "base/file.h"
#include "base/mutex.h"
#include "cli/inbox.h"
#include "cli/output.h"
#include "cli/printable.h"

namespace upnext::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(250);
constexpr auto kPollEvery = std::chrono::milliseconds(50);  // whether a step has ended
constexpr auto kStepPatience = std::chrono::seconds(10);    // of a stop
constexpr size_t kShownLines = 20, kShownBytes = 16 << 10;

// What is kept of a step. Times in milliseconds, 0: none.
struct StepState {
  int64_t done_start_ms = 0;  // when the last run began that was not interrupted
  int64_t last_start_ms = 0, last_end_ms = 0;
  std::string outcome;
  uint64_t failures = 0;
};

// The last lines of a file of output, without control characters.
std::vector<std::string> LastLines(const fs::path& file) {
  std::string text = base::ReadFile(file).value_or("");
  if (text.size() > kShownBytes) text.erase(0, text.size() - kShownBytes);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(Printable(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  if (lines.size() > kShownLines) lines.erase(lines.begin(), lines.end() - kShownLines);
  return lines;
}

}  // namespace

struct RunSteps::Rep {
  struct Step {
    std::string name;
    base::Schedule schedule;
    std::string when;  // for people
    StepState state;
    bool running = false;
    std::string note = {};
  };
  const api::Settings& settings;
  const OwnProgram program;
  const base::Clock& clock;
  const fs::path folder;
  const std::optional<Inbox> inbox;

  mutable base::Mutex mutex;
  std::condition_variable_any wake;
  bool stop UPNEXT_GUARDED_BY(mutex) = false;
  std::vector<Step> steps UPNEXT_GUARDED_BY(mutex);
  std::thread thread;

  Rep(const api::Settings& s, OwnProgram p, const base::Clock& c)
      : settings(s),
        program(std::move(p)),
        clock(c),
        folder(s.project.directory() / "run"),
        inbox(s.run.inbox.empty() ? std::nullopt : std::optional<Inbox>(s.run.inbox)) {}

  Status Load();
  Status Save() UPNEXT_REQUIRES(mutex);
  fs::path OutputOf(const std::string& name) const { return folder / (name + ".log"); }
  void Run();
  bool Stopping() {
    base::MutexLock lock(mutex);
    return stop;
  }
  void WaitOrStop(std::chrono::milliseconds time);
  void RunDue();
  bool Due(size_t step, int64_t now_ms);
  bool ProjectIsFree(size_t step);
  void RunInbox(size_t step);
  std::optional<bool> RunStep(size_t step, const std::vector<std::string>& command);
  void Finish(size_t step, const std::string& outcome);
  void KeepRejects(size_t step, const fs::path& failed);
  void SetNote(size_t step, std::string note);
};

Status RunSteps::Rep::Load() {
  if (inbox) {
    const fs::path kept[] = {settings.run.project_folder, settings.project.directory(),
                             settings.project.data(), program.path};
    UPNEXT_RETURN_IF_ERROR(CheckInbox(settings.run.inbox, kept));
  }
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  if (inbox) UPNEXT_RETURN_IF_ERROR(inbox->Prepare());
  json state = json::parse(base::ReadFile(folder / "state.json").value_or("{}"), nullptr, false);
  if (!state.is_object()) state = json::object();
  std::vector<Step> loaded;
  const auto add = [&](std::string name, const base::Schedule& schedule, std::string when) {
    Step step{.name = std::move(name), .schedule = schedule, .when = std::move(when), .state = {}};
    const json kept = state.value(step.name, json::object());
    step.state = {.done_start_ms = kept.value("done_start_ms", clock.NowMs()),
                  .last_start_ms = kept.value("last_start_ms", int64_t{0}),
                  .last_end_ms = kept.value("last_end_ms", int64_t{0}),
                  .outcome = kept.value("outcome", ""),
                  .failures = kept.value("failures", uint64_t{0})};
    if (step.state.last_end_ms < step.state.last_start_ms) step.state.outcome = "interrupted";
    loaded.push_back(std::move(step));
  };
  if (inbox) add("inbox", {}, "when something is in " + settings.run.inbox.string());
  add("import", settings.run.import, settings.run.import.text());
  add("train", settings.run.train, settings.run.train.text());
  base::MutexLock lock(mutex);
  steps = std::move(loaded);
  return Save();
}

Status RunSteps::Rep::Save() {
  json state = json::object();
  for (const Step& step : steps) {
    state[step.name] = {{"done_start_ms", step.state.done_start_ms},
                        {"last_start_ms", step.state.last_start_ms},
                        {"last_end_ms", step.state.last_end_ms},
                        {"outcome", step.state.outcome},
                        {"failures", step.state.failures}};
  }
  return base::WriteFileAtomic(folder / "state.json", state.dump(1) + "\n");
}

void RunSteps::Rep::Run() {
  while (!Stopping()) {
    RunDue();
    WaitOrStop(kLookEvery);
  }
}

void RunSteps::Rep::WaitOrStop(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  base::MutexLock lock(mutex);
  while (!stop && wake.wait_until(mutex, until) == std::cv_status::no_timeout) {
  }
}

bool RunSteps::Rep::Due(size_t step, int64_t now_ms) {
  base::MutexLock lock(mutex);
  const auto next = steps[step].schedule.Next(steps[step].state.done_start_ms);
  return next && *next <= now_ms;
}

void RunSteps::Rep::RunDue() {
  size_t first = 0;
  if (inbox) RunInbox(first++);
  const size_t import_step = first, train_step = first + 1;
  const auto command = [&](const char* verb) {
    std::vector<std::string> words = {program.path, verb};
    words.insert(words.end(), program.project_flags.begin(), program.project_flags.end());
    words.insert(words.end(), program.data_flags.begin(), program.data_flags.end());
    return words;
  };
  if (!Stopping() && Due(import_step, clock.NowMs())) {
    std::vector<std::string> words = command("import");
    if (settings.run.from_store) words.emplace_back("--from-store");
    RunStep(import_step, words);
  }
  if (!Stopping() && Due(train_step, clock.NowMs())) {
    std::vector<std::string> words = command("train");
    const auto& train = settings.training.train;
    if (train.ranker_train.time_order || train.candidate_train.keep_state) {
      words.emplace_back("--continue-if-possible");
    }
    RunStep(train_step, words);
  }
}

void RunSteps::Rep::SetNote(size_t step, std::string note) {
  base::MutexLock lock(mutex);
  steps[step].note = std::move(note);
}

// Whether nobody works on the project by hand.
bool RunSteps::Rep::ProjectIsFree(size_t step) {
  const Result<base::LockFile> lock = settings.project.Lock();
  SetNote(step, lock ? "" : "waits: " + lock.error().message);
  return lock.has_value();
}

// All that lies in the inbox, one import each.
void RunSteps::Rep::RunInbox(size_t step) {
  while (!Stopping()) {
    const auto next = inbox->Next();
    if (!next) SetNote(step, next.error().message);
    if (!next || !*next) return;
    const std::string& name = **next;
    if (!ProjectIsFree(step)) return;
    const Result<fs::path> data = inbox->Take(name);
    if (!data) return SetNote(step, data.error().message);
    std::vector<std::string> command = {program.path, "import", "--append", "--data",
                                        data->string()};
    command.insert(command.end(), program.project_flags.begin(), program.project_flags.end());
    const std::optional<bool> good = RunStep(step, command);
    if (!good) {
      if (const Status back = inbox->Return(name); !back) SetNote(step, back.error().message);
      return;
    }
    const Result<fs::path> at = inbox->Finish(name, *good ? "done" : "failed");
    if (!at) return SetNote(step, at.error().message);
    if (*good) continue;
    std::error_code error;
    fs::copy_file(OutputOf("inbox"), at->string() + ".log", fs::copy_options::overwrite_existing,
                  error);
    KeepRejects(step, *at);
    SetNote(step, fmt::format("{} lies in failed/ now, with what import said in {}.log", name,
                              at->filename().string()));
  }
}

// The rows that the import which failed has rejected, before the next import writes others.
void RunSteps::Rep::KeepRejects(size_t step, const fs::path& failed) {
  const fs::path rejects = settings.project.logs().root() / "rejects.csv";
  int64_t begin_ms = 0;
  {
    base::MutexLock lock(mutex);
    begin_ms = steps[step].state.last_start_ms;
  }
  std::error_code error;
  const auto written = fs::last_write_time(rejects, error);
  if (error) return;
  const auto written_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::file_clock::to_sys(written).time_since_epoch());
  if (written_ms.count() < begin_ms) return;  // of an earlier one
  fs::copy_file(rejects, failed.string() + ".rejects.csv", fs::copy_options::overwrite_existing,
                error);
}

// Whether it ended well; nullopt when it was stopped or not started.
std::optional<bool> RunSteps::Rep::RunStep(size_t step, const std::vector<std::string>& command) {
  if (!ProjectIsFree(step)) return std::nullopt;
  std::string name;
  {
    base::MutexLock lock(mutex);
    steps[step].running = true;
    steps[step].state.last_start_ms = clock.NowMs();
    name = steps[step].name;
    if (const Status saved = Save(); !saved) steps[step].note = saved.error().message;
  }
  Result<base::ChildProcess> child = base::ChildProcess::Start(command, OutputOf(name));
  if (!child) {
    Finish(step, child.error().message);
    return false;
  }
  while (!child->Poll() && !Stopping()) {
    WaitOrStop(kPollEvery);
  }
  if (!child->Poll()) {
    child->Stop(kStepPatience);
    base::MutexLock lock(mutex);
    steps[step].running = false;
    return std::nullopt;
  }
  Finish(step, child->outcome().empty() ? "ok" : child->outcome());
  return child->outcome().empty();
}

void RunSteps::Rep::Finish(size_t step, const std::string& outcome) {
  base::MutexLock lock(mutex);
  Step& ended = steps[step];
  ended.running = false;
  ended.state.last_end_ms = clock.NowMs();
  ended.state.done_start_ms = ended.state.last_start_ms;
  ended.state.outcome = outcome;
  ended.state.failures = outcome == "ok" ? 0 : ended.state.failures + 1;
  if (const Status saved = Save(); !saved) ended.note = saved.error().message;
  Tell("{}: {} after {:.0f} s{}\n", ended.name, outcome,
       static_cast<double>(ended.state.last_end_ms - ended.state.last_start_ms) / 1000,
       outcome == "ok" ? "" : "; its output is in " + OutputOf(ended.name).string());
}

RunSteps::RunSteps(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
RunSteps::~RunSteps() { Stop(); }

Result<std::unique_ptr<RunSteps>> RunSteps::Load(const api::Settings& settings, OwnProgram program,
                                                 const base::Clock& clock) {
  auto rep = std::make_unique<Rep>(settings, std::move(program), clock);
  UPNEXT_RETURN_IF_ERROR(rep->Load());
  return std::unique_ptr<RunSteps>(new RunSteps(std::move(rep)));
}

void RunSteps::Start() {
  rep_->thread = std::thread([rep = rep_.get()] { rep->Run(); });
}

void RunSteps::Stop() {
  {
    base::MutexLock lock(rep_->mutex);
    rep_->stop = true;
  }
  rep_->wake.notify_all();
  if (rep_->thread.joinable()) rep_->thread.join();
}

std::vector<net::StepStatus> RunSteps::status() const {
  std::vector<net::StepStatus> out;
  base::MutexLock lock(rep_->mutex);
  for (const Rep::Step& step : rep_->steps) {
    auto next =
        step.schedule.Next(step.running ? step.state.last_start_ms : step.state.done_start_ms);
    if (next && step.running) next = std::max(*next, rep_->clock.NowMs());
    out.push_back({.name = step.name,
                   .schedule = step.when,
                   .running = step.running,
                   .last_start_ms = step.state.last_start_ms,
                   .last_end_ms = step.state.last_end_ms,
                   .outcome = step.state.outcome,
                   .failures = step.state.failures,
                   .next_ms = next.value_or(0),
                   .note = step.note,
                   .output = LastLines(rep_->OutputOf(step.name))});
  }
  return out;
}

}  // namespace upnext::cli
