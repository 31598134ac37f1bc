#include "bundle/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/checksum.h"
#include "base/file.h"

namespace upnext::bundle {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

// 1: files instead of parts; 2 to 4: no order, another one, or other labels; 5: no index.
constexpr int kFormat = 6;
constexpr int kMaxDepth = 8;  // of nesting; a manifest has three levels
constexpr char kManifest[] = "manifest.json";

std::string Hex(uint64_t value) { return fmt::format("{:016x}", value); }

uint64_t ParseHex(const json& value) { return std::stoull(value.get<std::string>(), nullptr, 16); }

uint64_t ChecksumOf(std::string_view text) {
  return base::Checksum(std::as_bytes(std::span(text)));
}

// The file is this very text: a reader renders what it parsed and compares, so no byte can differ
// unseen. Text that is no UTF-8, which a gate's reason may quote, is replaced instead of thrown at.
std::string Render(json manifest) {
  constexpr auto kReplace = json::error_handler_t::replace;
  manifest.erase("checksum");
  const uint64_t checksum = ChecksumOf(manifest.dump(-1, ' ', false, kReplace));
  manifest["checksum"] = Hex(checksum);
  return manifest.dump(2, ' ', false, kReplace) + "\n";
}

// What lies deeper than kMaxDepth is dropped, and then the text differs from what is rendered:
// nobody's brackets exhaust the stack.
json ParseBounded(const std::string& text) {
  return json::parse(text,
                     [](int depth, json::parse_event_t, json&) { return depth <= kMaxDepth; });
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
  manifest.labels = in.at("labels").get<std::string>();
  manifest.seed = in.at("seed").get<uint64_t>();
  manifest.forced = in.at("forced").get<bool>();
  manifest.gate = in.at("gate").get<std::string>();
  manifest.index = in.at("index").get<std::string>();
  for (const json& part : in.at("order").get<std::vector<json>>()) {
    manifest.order.parts.push_back({part.at("generator").get<std::string>(),
                                    part.at("weight").get<double>(),
                                    part.at("half_life_hours").get<double>()});
  }
  if (in.contains("prediction_means")) {
    manifest.prediction_means = in.at("prediction_means").get<std::map<std::string, double>>();
  }
  for (const json& part : in.at("parts")) {
    manifest.parts.push_back(
        {part.at("name").get<std::string>(), part.at("file").get<std::string>(),
         part.at("kind").get<std::string>(), part.at("version").get<uint32_t>(),
         part.at("bytes").get<uint64_t>(), ParseHex(part.at("checksum"))});
  }
  return manifest;
}

// A file name of our own making: nothing that could lead out of the folder.
bool IsPlainName(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= 64 && name[0] != '.' && name != kManifest &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

Status CheckNames(const std::vector<PartEntry>& parts, const std::string& where) {
  std::set<std::string_view> names, files;
  for (const PartEntry& part : parts) {
    if (!IsPlainName(part.file)) {
      return DataLoss("{}: '{}' is not the name of a file of a bundle", where, part.file);
    }
    if (!names.insert(part.name).second || !files.insert(part.file).second) {
      return DataLoss("{}: the part '{}' or its file is listed twice", where, part.name);
    }
  }
  return Ok();
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
              {"labels", manifest.labels},
              {"seed", manifest.seed},
              {"forced", manifest.forced},
              {"gate", manifest.gate},
              {"index", manifest.index},
              {"order", json::array()},
              {"prediction_means", manifest.prediction_means},
              {"parts", json::array()}};
  for (const retrieval::FeedOrder::Part& part : manifest.order.parts) {
    out["order"].push_back({{"generator", part.generator},
                            {"weight", part.weight},
                            {"half_life_hours", part.half_life_hours}});
  }
  for (const PartEntry& part : manifest.parts) {
    out["parts"].push_back({{"name", part.name},
                            {"file", part.file},
                            {"kind", part.kind},
                            {"version", part.version},
                            {"bytes", part.bytes},
                            {"checksum", Hex(part.checksum)}});
  }
  return base::WriteFileAtomic(directory / kManifest, Render(std::move(out)));
}

Result<Manifest> ReadManifest(const fs::path& directory) {
  const fs::path path = directory / kManifest;
  UPNEXT_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  try {
    const json parsed = ParseBounded(text);
    if (Render(parsed) != text) {
      return DataLoss(
          "{}: its checksum does not match its content: the file was changed after it "
          "was written; train again or restore it",
          path.string());
    }
    // After the checksum, so that a damaged digit does not pass for another format.
    const int format = parsed.at("format").get<int>();
    if (format != kFormat) {
      return FailedPrecondition("{}: bundle format {}, this upnext reads format {}; train again",
                                path.string(), format, kFormat);
    }
    Manifest manifest = FromJson(parsed);
    UPNEXT_RETURN_IF_ERROR(CheckNames(manifest.parts, path.string()));
    manifest.version = directory.filename().string();
    return manifest;
  } catch (const std::exception& error) {
    return DataLoss("{}: not a bundle manifest: {}", path.string(), error.what());
  }
}

Status MeasurePart(const fs::path& directory, PartEntry* part) {
  UPNEXT_ASSIGN_OR_RETURN(const base::MappedFile file,
                          base::MappedFile::Open(directory / part->file));
  part->bytes = file.bytes().size();
  part->checksum = file.ReadChecksum(file.bytes());
  return Ok();
}

Result<Manifest> VerifyBundle(const fs::path& directory) {
  UPNEXT_ASSIGN_OR_RETURN(Manifest manifest, ReadManifest(directory));
  for (const PartEntry& expected : manifest.parts) {
    PartEntry found = expected;
    if (const Status measured = MeasurePart(directory, &found); !measured) {
      if (measured.error().code != Code::kNotFound) return std::unexpected(measured.error());
      return DataLoss("{}: is in the bundle's manifest, but not there; train again or restore it",
                      (directory / expected.file).string());
    }
    if (found.bytes != expected.bytes || found.checksum != expected.checksum) {
      return DataLoss(
          "{}: expected {} bytes with checksum {:016x}, found {} bytes with {:016x}: the "
          "file is damaged; train again or restore it",
          (directory / expected.file).string(), expected.bytes, expected.checksum, found.bytes,
          found.checksum);
    }
  }
  return manifest;
}

}  // namespace upnext::bundle
