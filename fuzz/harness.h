// Shared by the harnesses: a check that stops the fuzzer, a temporary folder, and a count of
// accepted inputs, by which the replay verifies that the corpus still reaches the code.
//
//   FUZZ_REQUIRE(again == bytes, "a parsed state must serialise to the same bytes");
//   fuzz::Accepted();
//
// One thread.
#ifndef UPNEXT_FUZZ_HARNESS_H_
#define UPNEXT_FUZZ_HARNESS_H_

#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

#define FUZZ_REQUIRE(condition, what)                                                \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, what); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)

namespace upnext::fuzz {

inline uint64_t accepted = 0;
inline void Accepted() { ++accepted; }

inline std::string_view TextOf(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A folder below $TMPDIR, removed when the program ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "upnext-fuzz-XXXXXX").string();
    FUZZ_REQUIRE(mkdtemp(name.data()) != nullptr, "expected TMPDIR to be writable");
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  // Without the fsync of base/file.h, which would take most of the time.
  void Write(std::string_view name, std::string_view bytes) const {
    std::ofstream out(path_ / name, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    FUZZ_REQUIRE(out.flush().good(), "expected to be able to write below TMPDIR");
  }

 private:
  std::filesystem::path path_;
};

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_HARNESS_H_
