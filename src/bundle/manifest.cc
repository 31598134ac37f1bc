#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/checksum.h"
#include "base/file.h"
#include "bundle/bundle.h"

namespace upnext::bundle {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int kFormat = 1;

std::string Hex(uint64_t value) { return fmt::format("{:016x}", value); }

uint64_t ParseHex(const json& value) { return std::stoull(value.get<std::string>(), nullptr, 16); }

uint64_t ChecksumOf(std::string_view text) {
  return base::Checksum(std::as_bytes(std::span(text)));
}

// The file is this very text: a reader renders what it parsed and compares, so no byte can differ
// unseen.
std::string Render(json manifest) {
  manifest.erase("checksum");
  const uint64_t checksum = ChecksumOf(manifest.dump());
  manifest["checksum"] = Hex(checksum);
  return manifest.dump(2) + "\n";
}

Manifest FromJson(const json& in) {
  Manifest manifest;
  manifest.created = in.at("created").get<std::string>();
  manifest.log_version = in.at("log_version").get<std::string>();
  manifest.log_digest = ParseHex(in.at("log_digest"));
  manifest.features_digest = ParseHex(in.at("features_digest"));
  manifest.upnext_version = in.at("upnext_version").get<std::string>();
  manifest.split = in.at("split").get<std::string>();
  manifest.machine = in.at("machine").get<std::string>();
  manifest.seed = in.at("seed").get<uint64_t>();
  manifest.forced = in.at("forced").get<bool>();
  manifest.gate = in.at("gate").get<std::string>();
  for (const json& file : in.at("files")) {
    manifest.files.push_back({file.at("name").get<std::string>(), file.at("bytes").get<uint64_t>(),
                              ParseHex(file.at("checksum"))});
  }
  return manifest;
}

// A file name of our own making: nothing that could lead out of the folder.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos && name[0] != '.';
}

}  // namespace

Status WriteManifest(const fs::path& directory, const Manifest& manifest) {
  json out = {{"format", kFormat},
              {"created", manifest.created},
              {"log_version", manifest.log_version},
              {"log_digest", Hex(manifest.log_digest)},
              {"features_digest", Hex(manifest.features_digest)},
              {"upnext_version", manifest.upnext_version},
              {"split", manifest.split},
              {"machine", manifest.machine},
              {"seed", manifest.seed},
              {"forced", manifest.forced},
              {"gate", manifest.gate},
              {"files", json::array()}};
  for (const FileEntry& file : manifest.files) {
    out["files"].push_back(
        {{"name", file.name}, {"bytes", file.bytes}, {"checksum", Hex(file.checksum)}});
  }
  return base::WriteFileAtomic(directory / "manifest.json", Render(std::move(out)));
}

Result<Manifest> ReadManifest(const fs::path& directory) {
  const fs::path path = directory / "manifest.json";
  UPNEXT_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  try {
    const json parsed = json::parse(text);
    const int format = parsed.at("format").get<int>();
    if (format != kFormat) {
      return FailedPrecondition("{}: bundle format {}, this upnext reads format {}; train again",
                                path.string(), format, kFormat);
    }
    if (Render(parsed) != text) {
      return DataLoss(
          "{}: its checksum does not match its content: the file was changed after it "
          "was written; train again or restore it",
          path.string());
    }
    Manifest manifest = FromJson(parsed);
    for (const FileEntry& file : manifest.files) {
      if (!IsPlainName(file.name)) {
        return DataLoss("{}: '{}' is no file name", path.string(), file.name);
      }
    }
    manifest.version = directory.filename().string();
    return manifest;
  } catch (const std::exception& error) {
    return DataLoss("{}: not a bundle manifest: {}", path.string(), error.what());
  }
}

Result<FileEntry> DescribeFile(const fs::path& directory, const std::string& name) {
  UPNEXT_ASSIGN_OR_RETURN(const base::MappedFile file, base::MappedFile::Open(directory / name));
  return FileEntry{name, file.bytes().size(), base::Checksum(file.bytes())};
}

Result<Manifest> VerifyBundle(const fs::path& directory) {
  UPNEXT_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(directory));
  for (const FileEntry& expected : manifest.files) {
    UPNEXT_ASSIGN_OR_RETURN(const FileEntry found, DescribeFile(directory, expected.name));
    if (found.bytes != expected.bytes || found.checksum != expected.checksum) {
      return DataLoss(
          "{}: expected {} bytes with checksum {:016x}, found {} bytes with {:016x}: the "
          "file is damaged; train again or restore it",
          (directory / expected.name).string(), expected.bytes, expected.checksum, found.bytes,
          found.checksum);
    }
  }
  return manifest;
}

}  // namespace upnext::bundle
