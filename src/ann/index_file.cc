#include "ann/index_file.h"

#include "base/checksum.h"

namespace upnext::ann {

uint64_t VectorsDigest(const Vectors& vectors) {
  const uint64_t shape[2] = {vectors.count, vectors.dim};
  base::ChecksumStream stream;
  stream.Append(std::as_bytes(std::span(shape)));
  stream.Append(std::as_bytes(std::span(vectors.data, vectors.count * vectors.dim)));
  return stream.digest();
}

Result<base::SectionWriter> CreateIndexFile(const std::filesystem::path& path,
                                            std::string_view kind, const Vectors& vectors) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kIndexFileKind, kIndexFileVersion));
  const uint64_t digest = VectorsDigest(vectors);
  UPNEXT_RETURN_IF_ERROR(writer.AddText("kind", kind));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("vectors_digest", std::span(&digest, 1)));
  return writer;
}

Result<base::SectionFile> OpenIndexFile(const std::filesystem::path& path, const Vectors& vectors) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file,
                          base::SectionFile::Open(path, kIndexFileKind, kIndexFileVersion));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> digest,
                          file.Get<uint64_t>("vectors_digest", 1));
  const uint64_t expected = VectorsDigest(vectors);
  if (digest[0] == expected) return file;
  return FailedPrecondition(
      "{}: the index was built from vectors with digest {:016x}, those at hand have {:016x}; build "
      "the index again (upnext train)",
      path.string(), digest[0], expected);
}

}  // namespace upnext::ann
