#include "project/backup.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "api/settings.h"
#include "base/numbers.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "net/http_client.h"
#include "project/project.h"
#include "store/store.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kBackupTimeoutS = 24 * 3600;  // large logs take a while to verify

struct BackupFlags {
  project::Location project;
  std::string folder;       // of the backup
  std::string to;           // of restore
  std::string server, key;  // of backup
};

// Through a running server, which has the store open.
Status BackUpThrough(const api::Settings& settings, const BackupFlags& flags) {
  const fs::path to = fs::absolute(flags.folder).lexically_normal();
  const fs::path allowed = fs::absolute(settings.server.backups).lexically_normal();
  if (settings.server.backups.empty() || to.parent_path() != allowed) {
    return InvalidArgument(
        "{}: with --server, expected a folder directly below [server] backups of the project file, "
        "which is {}",
        to.string(), settings.server.backups.empty() ? "not set" : allowed.string());
  }
  UPNEXT_ASSIGN_OR_RETURN(const auto client,
                          net::HttpClient::Make(flags.server, flags.key, kBackupTimeoutS));
  const nlohmann::json body = {{"to", to.filename().string()}};
  UPNEXT_ASSIGN_OR_RETURN(const net::HttpClient::Answer answer,
                          client->Post("/v1/backup", body.dump()));
  const nlohmann::json said = nlohmann::json::parse(answer.body, nullptr, false);
  if (answer.status != 200) {
    return FailedPrecondition("{}: status {}: {}", flags.server, answer.status,
                              said.is_object() ? said.value("detail", answer.body) : answer.body);
  }
  if (!said.is_object()) return Internal("{}: expected JSON, found {}", flags.server, answer.body);
  Print("{}: bundle {}, log {}, {} files, {} bytes\n", said.value("to", ""),
        said.value("bundle_version", ""), said.value("log_version", ""),
        said.value("files", uint64_t{0}), base::WithThousands(said.value("bytes", uint64_t{0})));
  return Ok();
}

Status RunBackup(const BackupFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  if (!flags.server.empty()) return BackUpThrough(settings, flags);
  auto store = settings.project.OpenStore();
  if (!store && store.error().code == Code::kAborted) {
    return Aborted("{}; back up through the server that has it: --server http://127.0.0.1:8080",
                   store.error().message);
  }
  if (!store) return std::unexpected(std::move(store).error());
  UPNEXT_ASSIGN_OR_RETURN(
      const project::BackupDone done,
      project::WriteBackup(settings.project, settings.file, **store, flags.folder));
  Print("{}: bundle {}, log {}, {} files, {} bytes\n", flags.folder, done.manifest.bundle,
        done.manifest.log, done.manifest.files.size(), base::WithThousands(done.bytes));
  return Ok();
}

Status RunRestore(const BackupFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const project::RestoreDone done,
                          project::RestoreBackup(flags.folder, flags.to));
  Print("{}: bundle {}, log {}, {} files, of {}\n", flags.to, done.manifest.bundle,
        done.manifest.log, done.manifest.files.size(), done.manifest.created);
  Tell("start it with  upnext serve -c {}{}\n", done.project_file.string(),
       done.project_dir.empty() ? std::string() : " --project-dir " + done.project_dir);
  return Ok();
}

}  // namespace

std::function<Status()> MakeBackup(CLI::App& app) {
  auto flags = std::make_shared<BackupFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("folder", flags->folder, "The folder to make; it must not exist or be empty")
      ->type_name("FOLDER")
      ->required();
  CLI::Option* const server = app.add_option(
      "--server", flags->server,
      "Address of the running server, such as http://127.0.0.1:8080; the folder is then directly "
      "below [server] backups");
  app.add_option("--key", flags->key, "A key of the role admin")
      ->needs(server)
      ->envname("UPNEXT_KEY");
  return [flags] { return RunBackup(*flags); };
}

std::function<Status()> MakeRestore(CLI::App& app) {
  auto flags = std::make_shared<BackupFlags>();
  app.add_option("folder", flags->folder, "The folder of the backup")
      ->type_name("FOLDER")
      ->required();
  app.add_option("--to", flags->to, "The folder to make; it must not exist or be empty")
      ->type_name("FOLDER")
      ->required();
  return [flags] { return RunRestore(*flags); };
}

}  // namespace upnext::cli
