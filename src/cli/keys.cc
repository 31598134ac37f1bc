#include "net/keys.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/clock.h"
#include "base/time_text.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/verbs.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct KeysFlags {
  project::Location project;
  std::string name, roles, id;
  int days = 0;
  uint32_t rate = 0;
  bool json = false;
};

Result<std::filesystem::path> FileOf(const KeysFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  return settings.project.keys();
}

nlohmann::json JsonOf(const net::Key& key) {
  nlohmann::json out = {
      {"id", key.id}, {"name", key.name}, {"created", base::FormatTime(key.created_ms)}};
  for (const net::Role role : key.roles) out["roles"].push_back(net::RoleName(role));
  if (key.expires_ms != 0) out["expires"] = base::FormatTime(key.expires_ms);
  if (key.requests_per_second != 0) out["requests_per_second"] = key.requests_per_second;
  return out;
}

Status RunAdd(const KeysFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const auto file, FileOf(flags));
  UPNEXT_ASSIGN_OR_RETURN(std::vector<net::Role> roles, net::ParseRoles(flags.roles));
  const int64_t now = base::SystemClock().NowMs();
  UPNEXT_ASSIGN_OR_RETURN(
      const net::NewKey made,
      net::AddKey(file, {.name = flags.name,
                         .roles = std::move(roles),
                         .requests_per_second = flags.rate,
                         .created_ms = now,
                         .expires_ms = flags.days > 0 ? now + flags.days * base::kDayMs : 0}));
  if (flags.json) {
    nlohmann::json out = JsonOf(made.key);
    out["key"] = made.secret;
    Print("{}\n", out.dump(2));
    return Ok();
  }
  Print("{}\n", made.secret);
  Tell("key {} is shown this once; running servers take it up within seconds\n", made.key.id);
  return Ok();
}

Status RunList(const KeysFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const auto file, FileOf(flags));
  auto keys = net::ReadKeys(file);
  if (!keys && keys.error().code == Code::kNotFound) keys = std::vector<net::Key>();
  if (!keys) return std::unexpected(std::move(keys).error());
  if (flags.json) {
    nlohmann::json out = nlohmann::json::array();
    for (const net::Key& key : *keys) out.push_back(JsonOf(key));
    Print("{}\n", out.dump(2));
    return Ok();
  }
  Print("{:<8}  {:<24}  {:<24}  {:<24}  {}\n", "id", "roles", "made", "expires", "name");
  for (const net::Key& key : *keys) {
    std::string roles;
    for (const net::Role role : key.roles) {
      roles += fmt::format("{}{}", roles.empty() ? "" : ",", net::RoleName(role));
    }
    Print("{:<8}  {:<24}  {:<24}  {:<24}  {}\n", key.id, roles, base::FormatTime(key.created_ms),
          key.expires_ms == 0 ? "never" : base::FormatTime(key.expires_ms), Printable(key.name));
  }
  return Ok();
}

Status RunRevoke(const KeysFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const auto file, FileOf(flags));
  UPNEXT_RETURN_IF_ERROR(net::RevokeKey(file, flags.id));
  Print("key {} is revoked; running servers refuse it within seconds\n", flags.id);
  return Ok();
}

void AddTo(CLI::App& app, const char* name, const char* summary, Status (*run)(const KeysFlags&),
           const std::shared_ptr<KeysFlags>& flags,
           const std::shared_ptr<std::function<Status()>>& chosen) {
  CLI::App* const sub = app.add_subcommand(name, summary);
  AddProjectFlags(*sub, &flags->project);
  sub->callback([run, flags, chosen] { *chosen = [run, flags] { return run(*flags); }; });
}

}  // namespace

std::function<Status()> MakeKeys(CLI::App& app) {
  auto flags = std::make_shared<KeysFlags>();
  auto chosen = std::make_shared<std::function<Status()>>();
  app.require_subcommand(1);
  AddTo(app, "add", "make a key and print it, this once", RunAdd, flags, chosen);
  AddTo(app, "list", "list the keys, without their secrets", RunList, flags, chosen);
  AddTo(app, "revoke", "refuse a key from now on", RunRevoke, flags, chosen);
  CLI::App& add = *app.get_subcommand("add");
  add.add_option("--roles", flags->roles,
                 "What it may do: some of recommend, events, items, monitor, admin (everything), "
                 "separated by commas; or page, for web pages")
      ->required();
  add.add_option("--name", flags->name, "What uses it, for people");
  add.add_option("--days", flags->days, "Days until it expires (default: never)")
      ->check(CLI::Range(1, 36'500));
  add.add_option("--requests-per-second", flags->rate, "At most; 0: as [server] says")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  add.add_flag("--json", flags->json, "Print the key as JSON");
  app.get_subcommand("list")->add_flag("--json", flags->json, "Print the keys as JSON");
  app.get_subcommand("revoke")->add_option("id", flags->id, "Id of the key")->required();
  return [chosen] { return (*chosen)(); };
}

}  // namespace upnext::cli
