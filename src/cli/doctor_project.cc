#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "ann/graph_index.h"
#include "api/settings.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/numbers.h"
#include "base/time_text.h"
#include "bundle/opened_bundle.h"
#include "cli/doctor.h"
#include "log/event_log.h"
#include "net/certificate.h"
#include "net/keys.h"
#include "net/tls.h"
#include "project/project.h"
#include "store/snapshot_store.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kCertificateSoonMs = 14 * base::kDayMs;

Finding FailedFinding(std::string what, const Error& error, std::string todo) {
  return {Health::kError, std::move(what), error.message, std::move(todo)};
}

// Opening a log verifies the checksum of every section.
Finding LogFinding(const api::Settings& settings) {
  const auto log = settings.project.OpenLog();
  if (!log) return FailedFinding("log", log.error(), "run `upnext import`, or restore a backup");
  const int64_t last = log->stats().last_ms;
  const std::string found =
      fmt::format("{}: {} events, the newest of {}", log->directory().filename().string(),
                  base::WithThousands(log->events()), base::FormatTime(last));
  if (last <= base::SystemClock().NowMs() + base::kDayMs) return {Health::kOk, "log", found};
  return {Health::kWarning, "log", found,
          "its end is in the future: look at this machine's clock and at the times of the import"};
}

void BundleFindings(const api::Settings& settings, std::vector<Finding>* findings) {
  const auto opened = settings.project.OpenBundle(bundle::LogChoice::kNewest);
  if (!opened) {
    findings->push_back(
        FailedFinding("bundle", opened.error(), "`upnext publish --previous`, or `upnext train`"));
    return;
  }
  const bundle::Manifest& manifest = opened->bundle->manifest();
  findings->push_back({Health::kOk, "bundle",
                       fmt::format("{} of {}, by upnext {}", manifest.version, manifest.created,
                                   manifest.upnext_version)});
  if (const auto served = settings.project.Served(); served && !served->Note().empty()) {
    findings->push_back({Health::kWarning, "versions", served->Note(), "run `upnext train`"});
  } else {
    findings->push_back({Health::kOk, "versions",
                         fmt::format("bundle {} with log {}", manifest.version,
                                     opened->log.directory().filename().string())});
  }
  if (const ann::Index* const index = opened->bundle->index(); index != nullptr) {
    const auto* const graph = dynamic_cast<const ann::GraphIndex*>(index);
    const double target = settings.training.train.index.graph_recall;
    const bool low = graph != nullptr && graph->quality().recall < target;
    findings->push_back({low ? Health::kWarning : Health::kOk, "index", manifest.index,
                         low ? fmt::format("a recall of {} is the target: more links or a wider "
                                           "search in [retrieval.index], and train",
                                           target)
                             : std::string()});
  }
}

Finding StoreFinding(const project::Project& project) {
  std::error_code error;
  if (!fs::exists(project.store(), error)) {
    return {Health::kOk, "store", "none yet; the first start of a server makes it"};
  }
  // Read as it is, because opening a store to write brings it to the newest format.
  const auto store = store::SnapshotStore::Open(project.store(), project.schema());
  if (!store) return FailedFinding("store", store.error(), "restore a backup, or look at the disk");
  return {Health::kOk, "store",
          fmt::format("can be read; {} changes so far",
                      base::WithThousands((*store)->last_sequence()))};
}

// Whether others than the owner may read a file.
bool OthersRead(const fs::path& file) {
  struct stat info = {};
  return stat(file.c_str(), &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

Finding KeysFinding(const api::Settings& settings) {
  if (!settings.server.keys) {
    return {Health::kWarning, "keys", "requests need none ([server] keys = false)",
            "right only where every program that reaches the port is trusted"};
  }
  const fs::path file = settings.project.keys();
  const auto keys = net::ReadKeys(file);
  if (!keys && keys.error().code == Code::kNotFound) {
    return {Health::kOk, "keys", "none yet; the first start of a server makes one"};
  }
  if (!keys)
    return FailedFinding("keys", keys.error(), "restore it from a backup, or make keys anew");
  const std::string found = fmt::format("{} in {}", keys->size(), file.string());
  if (!OthersRead(file)) return {Health::kOk, "keys", found};
  return {Health::kWarning, "keys", found + ", which others may read or write",
          fmt::format("chmod 600 {}", file.string())};
}

void TlsFindings(const net::ServerOptions& options, std::vector<Finding>* findings) {
  if (options.certificate.empty()) return;
  if (const auto tls = net::Tls::Open(options.certificate, options.private_key); !tls) {
    findings->push_back(
        FailedFinding("tls", tls.error(), "correct [server] certificate, private_key"));
    return;
  }
  if (OthersRead(options.private_key)) {
    findings->push_back({Health::kWarning, "tls", options.private_key + ": others may read it",
                         fmt::format("chmod 600 {}", options.private_key)});
  }
  const auto text = base::ReadFile(options.certificate);
  const auto end = net::CertificateEndMs(text.value_or(""));
  if (!end) {
    findings->push_back(FailedFinding("tls", end.error(), "look at [server] certificate"));
    return;
  }
  const int64_t left = *end - base::SystemClock().NowMs();
  const Health health = left <= 0                   ? Health::kError
                        : left < kCertificateSoonMs ? Health::kWarning
                                                    : Health::kOk;
  findings->push_back(
      {health, "tls",
       fmt::format("{} is valid until {}", options.certificate, base::FormatTime(*end)),
       health == Health::kOk ? "" : "renew it; a running server takes it up"});
}

}  // namespace

std::vector<Finding> ExamineProject(const api::Settings& settings) {
  std::vector<Finding> findings;
  findings.push_back(LogFinding(settings));
  BundleFindings(settings, &findings);
  findings.push_back(StoreFinding(settings.project));
  findings.push_back(KeysFinding(settings));
  TlsFindings(settings.server, &findings);
  return findings;
}

}  // namespace upnext::cli
