#include "project/backup_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <utility>

#include "base/checksum.h"
#include "base/file.h"

namespace upnext::project {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kBackupFormat = 1;
constexpr int kMaxDepth = 64;  // of brackets; the format has three

std::string HexOf(uint64_t number) { return fmt::format("{:016x}", number); }

uint64_t NumberOf(const std::string& hex) {
  if (hex.size() != 16 || hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw std::runtime_error(fmt::format("expected 16 hexadecimal digits, found '{}'", hex));
  }
  return std::stoull(hex, nullptr, 16);
}

// Ends with the checksum of everything before it.
std::string Seal(Json manifest) {
  manifest.erase("checksum");
  const std::string text = manifest.dump(-1, ' ', false, Json::error_handler_t::replace);
  manifest["checksum"] = HexOf(base::Checksum(std::as_bytes(std::span(text))));
  return manifest.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Names below a folder, and none that leads out of it.
bool IsInside(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) return false;
  const std::filesystem::path parsed = path;
  if (!parsed.is_relative() || parsed.lexically_normal().string() != path) return false;
  return std::ranges::none_of(parsed, [](const std::filesystem::path& part) {
    return part.empty() || part == "." || part == "..";
  });
}

BackupManifest FromJson(const Json& parsed) {
  BackupManifest manifest{.created = parsed.at("created").get<std::string>(),
                          .project_file = parsed.at("project_file").get<std::string>(),
                          .directory = parsed.at("directory").get<std::string>(),
                          .bundle = parsed.at("bundle").get<std::string>(),
                          .log = parsed.at("log").get<std::string>(),
                          .files = {}};
  for (const Json& file : parsed.at("files")) {
    manifest.files.push_back({.path = file.at("path").get<std::string>(),
                              .bytes = file.at("bytes").get<uint64_t>(),
                              .checksum = NumberOf(file.at("checksum").get<std::string>())});
  }
  return manifest;
}

Status CheckBackupPaths(const BackupManifest& manifest, std::string_view name) {
  const auto refuse = [&](const std::string& path) {
    return DataLoss("{}: expected paths below the backup, each once, found '{}'", name, path);
  };
  if (!IsInside(manifest.project_file)) return refuse(manifest.project_file);
  if (!IsInside(manifest.directory)) return refuse(manifest.directory);
  std::set<std::string_view> seen;
  for (const BackupFile& file : manifest.files) {
    if (!IsInside(file.path) || !seen.insert(file.path).second) return refuse(file.path);
  }
  return Ok();
}

}  // namespace

std::string RenderBackupManifest(const BackupManifest& manifest) {
  Json out = {{"format", kBackupFormat},
              {"created", manifest.created},
              {"project_file", manifest.project_file},
              {"directory", manifest.directory},
              {"bundle", manifest.bundle},
              {"log", manifest.log},
              {"files", Json::array()}};
  for (const BackupFile& file : manifest.files) {
    out["files"].push_back(
        {{"path", file.path}, {"bytes", file.bytes}, {"checksum", HexOf(file.checksum)}});
  }
  return Seal(std::move(out));
}

Result<BackupManifest> ParseBackupManifest(std::string_view text, std::string_view name) {
  try {
    // What is rendered again below is so on the stack.
    const Json parsed = Json::parse(text, [](int depth, Json::parse_event_t, Json&) {
      if (depth > kMaxDepth) throw std::runtime_error("too many brackets");
      return true;
    });
    if (!parsed.is_object()) return DataLoss("{}: expected a JSON object", name);
    if (Seal(parsed) != text) {
      return DataLoss(
          "{}: its checksum does not match its content: the file was changed after it was written; "
          "use another backup",
          name);
    }
    // After the checksum, so that a damaged digit does not pass for another format.
    const int format = parsed.at("format").get<int>();
    if (format != kBackupFormat) {
      return FailedPrecondition("{}: backup format {}, this upnext reads format {}", name, format,
                                kBackupFormat);
    }
    BackupManifest manifest = FromJson(parsed);
    UPNEXT_RETURN_IF_ERROR(CheckBackupPaths(manifest, name));
    return manifest;
  } catch (const std::exception& error) {
    return DataLoss("{}: not a backup's manifest: {}", name, error.what());
  }
}

Result<BackupManifest> ReadBackupManifest(const std::filesystem::path& backup) {
  const std::filesystem::path path = backup / kBackupManifest;
  Result<std::string> text = base::ReadFile(path);
  if (!text && text.error().code == Code::kNotFound) {
    return NotFound("{}: expected the folder of a complete backup, which has {}, found none",
                    backup.string(), kBackupManifest);
  }
  if (!text) return std::unexpected(std::move(text).error());
  return ParseBackupManifest(*text, path.string());
}

}  // namespace upnext::project
