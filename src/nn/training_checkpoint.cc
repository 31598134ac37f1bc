#include "nn/training_checkpoint.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <string_view>
#include <system_error>

#include "nn/checkpoint.h"

namespace upnext::nn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kKind = "training-checkpoint";
constexpr uint32_t kVersion = 1;
constexpr size_t kReportNumbers = 5;  // of an epoch, in addition to two per task

size_t ReportWidth(size_t tasks) { return kReportNumbers + 2 * tasks; }

std::vector<double> EncodeReports(std::span<const EpochReport> reports, size_t tasks) {
  std::vector<double> numbers;
  const auto by_task = [&](std::vector<double> values) {
    values.resize(tasks, std::nan(""));
    numbers.insert(numbers.end(), values.begin(), values.end());
  };
  for (const EpochReport& report : reports) {
    numbers.insert(numbers.end(), {report.loss, report.validation, report.seconds,
                                   report.examples_per_s, report.dead_units});
    by_task(report.task_loss);
    by_task(report.task_validation);
  }
  return numbers;
}

std::vector<EpochReport> DecodeReports(std::span<const double> numbers, size_t tasks) {
  std::vector<EpochReport> reports;
  for (; !numbers.empty(); numbers = numbers.subspan(ReportWidth(tasks))) {
    EpochReport report;
    report.epoch = static_cast<uint32_t>(reports.size());
    report.loss = numbers[0];
    report.validation = numbers[1];
    report.seconds = numbers[2];
    report.examples_per_s = numbers[3];
    report.dead_units = numbers[4];
    const auto losses = numbers.subspan(kReportNumbers, tasks);
    const auto validation = numbers.subspan(kReportNumbers + tasks, tasks);
    report.task_loss.assign(losses.begin(), losses.end());
    report.task_validation.assign(validation.begin(), validation.end());
    reports.push_back(std::move(report));
  }
  return reports;
}

Status WriteState(base::SectionWriter& writer, const TrainingState& state) {
  const std::array<uint64_t, 5> position = {state.epoch, state.steps, state.examples,
                                            state.best_epoch, state.finished ? 1u : 0u};
  const size_t tasks = state.losses.size();
  std::vector<double> sums = {state.seconds};
  for (const LossValue& loss : state.losses) sums.insert(sums.end(), {loss.sum, loss.count});
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("state.position", std::span(position)));
  UPNEXT_RETURN_IF_ERROR(writer.Add("state.sums", sums));
  UPNEXT_RETURN_IF_ERROR(writer.Add("state.reports", EncodeReports(state.reports, tasks)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("state.rng", std::span(state.rng)));
  return writer.Add("state.activity", state.activity);
}

Result<TrainingState> ReadState(const base::SectionFile& file, size_t tasks) {
  UPNEXT_ASSIGN_OR_RETURN(const auto position, file.Get<uint64_t>("state.position", 5));
  UPNEXT_ASSIGN_OR_RETURN(const auto sums, file.Get<double>("state.sums", 1 + 2 * tasks));
  UPNEXT_ASSIGN_OR_RETURN(const auto reports, file.Get<double>("state.reports"));
  UPNEXT_ASSIGN_OR_RETURN(const auto rng, file.Get<uint64_t>("state.rng", 4));
  UPNEXT_ASSIGN_OR_RETURN(const auto activity, file.Get<uint64_t>("state.activity"));
  const uint64_t epochs = reports.size() / ReportWidth(tasks);
  if (reports.size() % ReportWidth(tasks) != 0 || epochs > UINT32_MAX || position[0] != epochs ||
      position[3] > epochs || (epochs > 0 && position[3] == epochs) || position[4] > 1) {
    return DataLoss("{}: epoch {}, best epoch {} and the reports of {} epochs are inconsistent",
                    file.path().string(), position[0], position[3], epochs);
  }
  TrainingState state;
  state.epoch = static_cast<uint32_t>(position[0]);
  state.steps = position[1];
  state.examples = position[2];
  state.best_epoch = static_cast<uint32_t>(position[3]);
  state.finished = position[4] == 1;
  state.seconds = sums[0];
  for (size_t k = 0; k < tasks; ++k) state.losses.push_back({sums[1 + 2 * k], sums[2 + 2 * k]});
  state.reports = DecodeReports(reports, tasks);
  std::ranges::copy(rng, state.rng.begin());
  state.activity.assign(activity.begin(), activity.end());
  return state;
}

// "key = value" lines by key.
std::map<std::string, std::string> ByKey(std::span<const std::string> lines) {
  std::map<std::string, std::string> values;
  for (const std::string& line : lines) {
    const size_t at = line.find(" = ");
    values[line.substr(0, at)] = at == std::string::npos ? "" : line.substr(at + 3);
  }
  return values;
}

}  // namespace

std::string Differences(std::span<const std::string> before, std::span<const std::string> now) {
  const auto was = ByKey(before), is = ByKey(now);
  const auto value = [](const std::map<std::string, std::string>& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string("not set") : found->second;
  };
  auto all = was;
  all.insert(is.begin(), is.end());
  std::string text;
  for (const auto& [key, ignored] : all) {
    if (value(was, key) == value(is, key)) continue;
    text += fmt::format("{}{} was {} and is {}", text.empty() ? "" : "; ", key, value(was, key),
                        value(is, key));
  }
  return text;
}

bool TrainingState::at_best() const {
  return !finished && steps == 0 && !reports.empty() && best_epoch + 1 == epoch;
}

bool TrainingState::needs_best() const {
  // Without validation data the current parameters are always the best ones.
  return !finished && !reports.empty() && !std::isnan(reports.back().validation) && !at_best();
}

Status TrainingCheckpoints::Prepare() const {
  if (!enabled()) return Ok();
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(options_.folder));
  std::error_code error;
  const std::string ours = options_.name + ".";
  for (const fs::directory_entry& entry : fs::directory_iterator(options_.folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(ours) && name.find(".tmp-") != std::string::npos) {
      UPNEXT_RETURN_IF_ERROR(base::RemoveAll(entry.path()));
    }
  }
  if (error) return base::OsError(error.value(), options_.folder, "list");
  return Ok();
}

bool TrainingCheckpoints::Exists() const {
  std::error_code ignored;
  return enabled() && (fs::exists(path(), ignored) || fs::exists(best_path(), ignored));
}

Status TrainingCheckpoints::Save(const TrainingState& state,
                                 std::span<const Parameter> parameters) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path(), kKind, kVersion));
  UPNEXT_RETURN_IF_ERROR(base::AddStrings(writer, "state.binding", options_.binding));
  UPNEXT_RETURN_IF_ERROR(WriteState(writer, state));
  UPNEXT_RETURN_IF_ERROR(SaveParameters(writer, parameters));
  std::error_code error;
  if (newest_is_best_ && state.needs_best()) {
    // Until the commit the best epoch's checkpoint is the newest one; Load() handles that.
    fs::rename(path(), best_path(), error);
    if (error) return base::OsError(error.value(), best_path(), "replace");
    newest_is_best_ = false;
  }
  UPNEXT_RETURN_IF_ERROR(writer.Commit());
  newest_is_best_ = state.at_best();
  if (!state.needs_best()) fs::remove(best_path(), error);
  if (error) return base::OsError(error.value(), best_path(), "remove");
  return Ok();
}

Status TrainingCheckpoints::CheckBinding(const base::SectionFile& file) const {
  UPNEXT_ASSIGN_OR_RETURN(const auto table, base::StringTable::Get(file, "state.binding"));
  std::vector<std::string> saved;
  for (size_t i = 0; i < table.size(); ++i) saved.emplace_back(table[i]);
  const std::string differences = Differences(saved, options_.binding);
  if (differences.empty()) return Ok();
  return FailedPrecondition(
      "{}: the checkpoint cannot be resumed, since {}; undo that change, or train without "
      "--resume to "
      "start over",
      file.path().string(), differences);
}

Result<std::optional<TrainingState>> TrainingCheckpoints::Load(
    size_t tasks, std::span<const Parameter> model, std::span<const Parameter> optimiser) {
  if (!Exists()) return std::nullopt;
  std::error_code ignored;
  const fs::path newest = fs::exists(path(), ignored) ? path() : best_path();
  const auto load = [&]() -> Result<TrainingState> {
    UPNEXT_ASSIGN_OR_RETURN(const auto file, base::SectionFile::Open(newest, kKind, kVersion));
    UPNEXT_RETURN_IF_ERROR(CheckBinding(file));
    UPNEXT_ASSIGN_OR_RETURN(TrainingState state, ReadState(file, tasks));
    UPNEXT_RETURN_IF_ERROR(LoadParameters(file, model));
    if (!state.finished) UPNEXT_RETURN_IF_ERROR(LoadParameters(file, optimiser));
    return state;
  };
  Result<TrainingState> state = load();
  if (!state && state.error().code != Code::kFailedPrecondition) {
    return DataLoss("{}; train without --resume to start over", state.error().message);
  }
  if (!state) return std::unexpected(std::move(state).error());
  newest_is_best_ = newest == path() && state->at_best();
  return *std::move(state);
}

Status TrainingCheckpoints::LoadBest(const TrainingState& state,
                                     std::span<const Parameter> model) const {
  const fs::path from = newest_is_best_ ? path() : best_path();
  UPNEXT_ASSIGN_OR_RETURN(const auto file, base::SectionFile::Open(from, kKind, kVersion));
  const size_t tasks = state.losses.size();
  UPNEXT_ASSIGN_OR_RETURN(const TrainingState best, ReadState(file, tasks));
  // Reports contain times, so those of another training differ.
  const auto bits = [](const std::vector<double>& numbers, size_t n) {
    std::vector<uint64_t> result;
    for (size_t i = 0; i < n; ++i) result.push_back(std::bit_cast<uint64_t>(numbers[i]));
    return result;
  };
  const auto ours = EncodeReports(state.reports, tasks),
             theirs = EncodeReports(best.reports, tasks);
  if (!best.at_best() || best.best_epoch != state.best_epoch || theirs.size() > ours.size() ||
      bits(ours, theirs.size()) != bits(theirs, theirs.size())) {
    return DataLoss(
        "{}: expected the best epoch of this training, epoch {}, found another; train "
        "without --resume to start over",
        from.string(), state.best_epoch + 1);
  }
  return LoadParameters(file, model);
}

Status TrainingCheckpoints::Remove() const {
  if (!enabled()) return Ok();
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(path()));
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(best_path()));
  std::error_code not_empty;
  fs::remove(options_.folder, not_empty);
  return Ok();
}

}  // namespace upnext::nn
