#include "onnx/given_network.h"

#include <fmt/format.h>

#include <span>
#include <string_view>

namespace upnext::onnx {

using Json = nlohmann::json;

Status GivenNetwork::Save(base::SectionWriter& writer, uint64_t features_digest,
                          Json options) const {
  options["name"] = name;
  options["manifest"] = manifest;
  options["rows"] = rows;
  UPNEXT_RETURN_IF_ERROR(
      writer.AddText(kNetworkOptions,
                     options.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>(kNetworkDigest, std::span(&features_digest, 1)));
  return writer.Add<uint8_t>(
      kNetworkBytes, std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

Result<GivenNetwork> GivenNetwork::Load(const base::SectionFile& file, uint64_t features_digest) {
  const std::string path = file.path().string();
  UPNEXT_ASSIGN_OR_RETURN(const auto digest, file.Get<uint64_t>(kNetworkDigest, 1));
  if (digest[0] != features_digest) {
    return FailedPrecondition(
        "{}: written with feature tables of digest {:016x}, but the ones given have {:016x}: their "
        "rows differ; use both files of one bundle, or train again",
        path, digest[0], features_digest);
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view text, file.GetText(kNetworkOptions));
  const Json options = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto damaged = [&](std::string_view key, std::string_view expected) {
    return DataLoss("{}: \"{}\" in the section {} should be {}; train again", path, key,
                    kNetworkOptions, expected);
  };
  GivenNetwork given;
  for (const auto& [key, member] :
       {std::pair("name", &GivenNetwork::name), std::pair("manifest", &GivenNetwork::manifest)}) {
    const bool valid = options.is_object() && options.contains(key) && options[key].is_string();
    if (!valid) return damaged(key, "a text");
    given.*member = options[key].get<std::string>();
  }
  if (!options.contains("rows") || !options["rows"].is_object()) {
    return damaged("rows", "an object");
  }
  for (const auto& [vocabulary, value] : options["rows"].items()) {
    const bool valid = value.is_number_unsigned() && value.get<uint64_t>() <= UINT32_MAX;
    if (!valid) return damaged("rows", "numbers of rows");
    given.rows[vocabulary] = value.get<uint32_t>();
  }
  UPNEXT_ASSIGN_OR_RETURN(const auto bytes, file.Get<uint8_t>(kNetworkBytes));
  given.bytes.assign(bytes.begin(), bytes.end());
  return given;
}

Status GivenNetwork::CheckRows(const features::FeatureStatistics& tables,
                               const std::filesystem::path& path) const {
  for (const auto& [vocabulary, now] : RowsOf(tables)) {
    const auto exported = rows.find(vocabulary);
    if (exported != rows.end() && exported->second <= now) continue;
    return DataLoss(
        "{}: the network expects {} rows of the vocabulary {}, the bundle has {}; train again",
        path.string(), exported == rows.end() ? 0 : exported->second, vocabulary, now);
  }
  return Ok();
}

}  // namespace upnext::onnx
