#include "serving/replay.h"

#include <fmt/format.h>

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/numbers.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "project/project.h"
#include "serving/slate_record.h"

namespace upnext::cli {
namespace {

constexpr size_t kPrinted = 20;  // answers that are not the same

struct ReplayFlags {
  project::Location project;
  std::vector<std::string> requests;
  uint64_t last = 0;
  bool all = false, json = false;
};

struct ReplayCounts {
  uint64_t same = 0, different = 0, unsure = 0, gone = 0;
  std::vector<nlohmann::json> details = {};  // of the first ones that are not the same
};

std::string_view WordOf(serving::Replayed::Result result) {
  using Kind = serving::Replayed::Result;
  switch (result) {
    case Kind::kSame:
      return "same";
    case Kind::kDifferent:
      return "different";
    case Kind::kUnsure:
      return "changed";
    case Kind::kGone:
      return "gone";
  }
  return "";
}

void CountReplayed(uint64_t request, const serving::Replayed& done, ReplayCounts* counts) {
  using Kind = serving::Replayed::Result;
  uint64_t& count = done.result == Kind::kSame        ? counts->same
                    : done.result == Kind::kDifferent ? counts->different
                    : done.result == Kind::kUnsure    ? counts->unsure
                                                      : counts->gone;
  ++count;
  if (done.result == Kind::kSame || counts->details.size() == kPrinted) return;
  counts->details.push_back({{"request", serving::RequestId(request)},
                             {"result", WordOf(done.result)},
                             {"detail", done.detail}});
}

Result<std::vector<uint64_t>> RequestsOf(const ReplayFlags& flags,
                                         const serving::Replayer& replayer, ReplayCounts* counts) {
  std::vector<uint64_t> requests;
  for (const std::string& id : flags.requests) {
    const auto number = serving::RequestNumber(id);
    if (!number) {
      return InvalidArgument(
          "expected the `request` of an answer, 16 hexadecimal digits, found '{}'", id);
    }
    requests.push_back(*number);
  }
  if (flags.last == 0 && !flags.all) return requests;
  const size_t most = flags.all ? std::numeric_limits<size_t>::max() : flags.last;
  UPNEXT_ASSIGN_OR_RETURN(const auto slates, replayer.Slates(most, &counts->gone));
  for (const serving::LoggedSlate& one : slates) requests.push_back(one.request);
  return requests;
}

void PrintCounts(const ReplayCounts& counts, bool json) {
  if (json) {
    Print("{}\n", nlohmann::json{{"same", counts.same},
                                 {"different", counts.different},
                                 {"changed", counts.unsure},
                                 {"gone", counts.gone},
                                 {"answers", counts.details}}
                      .dump(2));
    return;
  }
  for (const nlohmann::json& one : counts.details) {
    Print("{}  {}: {}\n", one["request"].get<std::string>(), one["result"].get<std::string>(),
          one["detail"].get<std::string>());
  }
  Print("{} answers are the same to the byte, {} are different\n", base::WithThousands(counts.same),
        base::WithThousands(counts.different));
  if (counts.unsure + counts.gone > 0) {
    Print(
        "{} cannot be compared, since something that they depended on has changed; {} cannot be "
        "made again, since it is not there any more\n",
        base::WithThousands(counts.unsure), base::WithThousands(counts.gone));
  }
}

Status RunReplay(const ReplayFlags& flags) {
  if (flags.requests.empty() && flags.last == 0 && !flags.all) {
    return InvalidArgument("nothing to replay: name requests, or give --last N or --all");
  }
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const auto replayer,
                          serving::Replayer::Open(api::ReplayOptionsOf(settings)));
  ReplayCounts counts;
  UPNEXT_ASSIGN_OR_RETURN(const auto requests, RequestsOf(flags, *replayer, &counts));
  for (const uint64_t request : requests) {
    UPNEXT_ASSIGN_OR_RETURN(const serving::Replayed done, replayer->Replay(request));
    CountReplayed(request, done, &counts);
  }
  PrintCounts(counts, flags.json);
  if (counts.different > 0) {
    return DataLoss("{} of {} answers were not made again as they were served", counts.different,
                    requests.size());
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeReplay(CLI::App& app) {
  auto flags = std::make_shared<ReplayFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("requests", flags->requests, "Ids of answers, as their `request` says");
  app.add_option("--last", flags->last, "The newest N answers");
  app.add_flag("--all", flags->all, "All answers that are kept");
  app.add_flag("--json", flags->json, "Print the report as JSON");
  return [flags] { return RunReplay(*flags); };
}

}  // namespace upnext::cli
