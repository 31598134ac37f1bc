#include "net/admin.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"
#include "base/time_text.h"
#include "net/content_type.h"
#include "net/problem.h"

namespace upnext::net {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMostAdminBody = 4096;

HttpResponse Ordered(const Json& body) {
  return {.body = body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

HttpResponse ConfigAnswer(const std::vector<base::ConfigValue>& values) {
  Json list = Json::array();
  for (const base::ConfigValue& one : values) {
    list.push_back({{"key", one.key}, {"value", one.value}, {"origin", one.origin}});
  }
  return Ordered({{"values", std::move(list)}});
}

Json BundleJson(const BundleVersion& one, const serving::ServiceStatus& status) {
  Json line = {{"bundle", one.version},
               {"current", one.current},
               {"served", one.version == status.bundle_version},
               {"can_be_current", one.not_servable.empty()}};
  if (!one.not_servable.empty()) line["reason"] = one.not_servable;
  if (!one.readable) return line;
  line["created"] = one.created;
  line["log"] = one.log;
  line["forced"] = one.forced;
  line["figures"] = Json::object();
  for (const auto& [name, value] : one.figures) line["figures"][name] = value;
  return line;
}

Result<HttpResponse> BundlesAnswer(const Operations& operations,
                                   const serving::ServiceStatus& status) {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<BundleVersion> bundles, operations.bundles());
  Json list = Json::array(), changes = Json::array();
  for (const BundleVersion& one : bundles) list.push_back(BundleJson(one, status));
  if (operations.changes) {
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<BundleChange> made, operations.changes());
    for (const BundleChange& one : made) {
      Json line = {{"time", one.time}, {"to", one.to}, {"by", one.by}};
      if (!one.from.empty()) line["from"] = one.from;
      changes.push_back(std::move(line));
    }
  }
  return Ordered({{"bundles", std::move(list)}, {"changes", std::move(changes)}});
}

Json Served(const serving::ServiceStatus& status) {
  Json out = {{"bundle_version", status.bundle_version},
              {"log_version", status.log_version},
              {"since", base::FormatTime(status.take_ups.since_ms)}};
  if (!status.take_ups.note.empty()) out["note"] = status.take_ups.note;
  return out;
}

// Why a request that changes something is not taken. A web page could send it without the consent of
// the server if that asks for no keys.
std::optional<HttpResponse> WrongSender(const HttpRequest& request) {
  if (!request.origin.empty()) {
    return ProblemOf(403, fmt::format("expected a request of no web page, found the Origin '{}'",
                                      request.origin));
  }
  if (request.body.empty()) return std::nullopt;
  if (!request.content_encoding.empty()) {
    return ProblemOf(
        415, fmt::format("expected no Content-Encoding, found '{}'", request.content_encoding));
  }
  const std::string why = WhyNotJson(request.content_type);
  return why.empty() ? std::nullopt : std::optional(ProblemOf(415, why));
}

// The value of the one key that a body may have; "" without it.
Result<std::string> OneText(std::string_view body, std::string_view key) {
  if (body.empty()) return std::string();
  if (body.size() > kMostAdminBody) {
    return InvalidArgument("expected a body of at most {} bytes, found {}", kMostAdminBody,
                           body.size());
  }
  const nlohmann::json read = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (read.is_discarded() || !read.is_object()) {
    return InvalidArgument("expected a JSON object such as {{\"{}\": \"...\"}}", key);
  }
  for (const auto& [name, value] : read.items()) {
    if (name != key) return InvalidArgument("expected the key '{}', found '{}'", key, name);
    if (!value.is_string()) {
      return InvalidArgument("{}: expected a string, found {}", key, value.type_name());
    }
  }
  return read.empty() ? std::string() : read.begin()->get<std::string>();
}

// No body, or an object without a key, which is what many clients send in place of none.
Status CheckNothing(std::string_view body) {
  if (body.empty()) return Ok();
  const nlohmann::json read = body.size() > kMostAdminBody
                                  ? nlohmann::json(nlohmann::json::value_t::discarded)
                                  : nlohmann::json::parse(body, nullptr, false);
  if (read.is_object() && read.empty()) return Ok();
  return InvalidArgument("expected no body, or {{}}, found another one");
}

// What stands in the way is nothing that a later request would find otherwise by itself.
HttpResponse RefusedOperation(const Error& error) {
  const bool conflict =
      error.code == Code::kFailedPrecondition || error.code == Code::kAlreadyExists;
  return conflict ? ProblemOf(409, error.message) : ProblemOf(error);
}

Result<HttpResponse> TakenUp(const serving::Service& service, const Status& done,
                             const serving::ServiceStatus& before) {
  if (!done) return RefusedOperation(done.error());
  const serving::ServiceStatus status = service.status();
  Json out = Served(status);
  out["changed"] =
      status.bundle_version != before.bundle_version || status.log_version != before.log_version;
  return Ordered(out);
}

Result<HttpResponse> BackupAnswer(const Operations& operations, BackupTurn& backups,
                                  std::string_view body) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string name, OneText(body, "to"));
  if (!IsBackupName(name)) {
    return InvalidArgument(
        "to: expected the name of a new folder below [server] backups, of letters, digits, '-', '_' "
        "and '.', found '{}'",
        name);
  }
  std::string running;
  if (!backups.Begin(name, &running)) return ProblemOf(409, running);
  struct Ended {
    BackupTurn& turn;
    ~Ended() { turn.End(); }
  } const ended{backups};
  const Result<BackedUp> done = operations.backup(name);
  if (!done) return RefusedOperation(done.error());
  return Ordered({{"to", done->path},
                  {"bundle_version", done->bundle},
                  {"log_version", done->log},
                  {"files", done->files},
                  {"bytes", done->bytes}});
}

}  // namespace

bool BackupTurn::Begin(std::string_view name, std::string* running) {
  base::MutexLock lock(mutex_);
  if (!name_.empty()) {
    *running = fmt::format("the backup '{}' is being written since {}; try again when it is done",
                           name_, base::FormatTime(since_ms_));
    return false;
  }
  name_ = name;
  since_ms_ = base::SystemClock().NowMs();
  return true;
}

void BackupTurn::End() {
  base::MutexLock lock(mutex_);
  name_.clear();
}

bool IsBackupName(std::string_view name) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  return !name.empty() && name.size() <= 100 && name.front() != '.' &&
         name.find_first_not_of(kPlain) == std::string_view::npos;
}

Result<HttpResponse> AnswerOperator(const Operations& operations, BackupTurn& backups,
                                    const serving::Service& service, Route route,
                                    const HttpRequest& request) {
  const auto missing = [] { return NotFound("this server does not do this"); };
  const serving::ServiceStatus before = service.status();
  if (route == Route::kConfig) {
    if (!operations.config) return missing();
    return ConfigAnswer(operations.config());
  }
  if (route == Route::kBundles) {
    if (!operations.bundles) return missing();
    return BundlesAnswer(operations, before);
  }
  if (std::optional<HttpResponse> refused = WrongSender(request)) return *std::move(refused);
  if (route == Route::kReload) {
    if (!operations.reload) return missing();
    UPNEXT_RETURN_IF_ERROR(CheckNothing(request.body));
    return TakenUp(service, operations.reload(), before);
  }
  if (route == Route::kBackup) {
    if (!operations.backup) return missing();
    return BackupAnswer(operations, backups, request.body);
  }
  if (!operations.roll_back) return missing();
  UPNEXT_ASSIGN_OR_RETURN(const std::string version, OneText(request.body, "bundle"));
  return TakenUp(service, operations.roll_back(version), before);
}

}  // namespace upnext::net
