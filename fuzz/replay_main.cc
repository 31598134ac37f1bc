// Feeds files to a harness without libFuzzer: usage: NAME_replay FILE_OR_FOLDER...
// Fails when there is no file, or when the code under test accepted none of them: then the format
// has moved on and the seeds reach nothing any more.
#include <algorithm>
#include <iterator>
#include <vector>

#include "fuzz/harness.h"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    if (!fs::is_directory(argv[i], error)) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(argv[i], error)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "%s: expected a file or a folder, found none\n", file.c_str());
      return 1;
    }
    const std::vector<char> bytes((std::istreambuf_iterator<char>(in)), {});
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  const auto accepted = static_cast<unsigned long long>(upnext::fuzz::accepted);
  std::printf("%zu files, %llu inputs accepted\n", files.size(), accepted);
  if (files.empty() || accepted == 0) {
    std::fprintf(stderr,
                 "expected files of which at least one is accepted; after a change of format, "
                 "write the seeds again (fuzz/README.md)\n");
    return 1;
  }
  return 0;
}
