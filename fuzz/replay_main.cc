// Runs a harness on inputs without libFuzzer:
//
//   NAME_replay FILE_OR_FOLDER...                                 each file once
//   NAME_replay --mutate SECONDS SEED FINDING FILE_OR_FOLDER...   then random changes of them
//
// Fails when there is no file, or when no file is accepted: then the format has changed and the
// seeds no longer reach the code. With --mutate, an input that stops the program (or takes longer
// than 25 s) is written to the file FINDING.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/harness.h"
#include "fuzz/mutations.h"

namespace {

namespace fs = std::filesystem;
using upnext::fuzz::accepted;

constexpr unsigned kTimeLimit = 25;  // seconds

// Data of the signal handler: the current input, the file for it, and a separate stack, since one
// of the errors is endless recursion.
const char* finding_path = nullptr;
const std::string* input_at_hand = nullptr;
alignas(16) char handler_stack[1 << 16];

extern "C" void LeaveFinding(int signal) {
  const int file = open(finding_path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);
  const bool left = file >= 0 && input_at_hand != nullptr &&
                    write(file, input_at_hand->data(), input_at_hand->size()) >= 0;
  const char* const said = left ? "the input is in the findings\n" : "the input was not saved\n";
  (void)!write(STDERR_FILENO, said, std::strlen(said));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void CatchFindings(const char* path) {
  finding_path = path;
  const stack_t stack = {.ss_sp = handler_stack, .ss_flags = 0, .ss_size = sizeof(handler_stack)};
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_handler = LeaveFinding;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM}) {
    sigaction(signal, &action, nullptr);
  }
}

void Feed(const std::string& input) {
  input_at_hand = &input;
  alarm(kTimeLimit);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  alarm(0);
  input_at_hand = nullptr;
}

// Starts from the seeds; a changed input that is accepted may be changed further.
uint64_t Mutate(std::vector<std::string> inputs, double seconds, uint64_t seed) {
  upnext::base::Rng rng(seed);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  constexpr size_t kMostInputs = 4'000;
  uint64_t fed = 0;
  std::string input;
  for (; std::chrono::steady_clock::now() < end; ++fed) {
    input = inputs[rng.Below(inputs.size())];
    for (uint64_t changes = 1 + rng.Below(6); changes > 0; --changes) {
      upnext::fuzz::MutateOnce(rng, inputs[rng.Below(inputs.size())], &input);
    }
    const uint64_t before = accepted;
    Feed(input);
    if (accepted > before && inputs.size() < kMostInputs) inputs.push_back(input);
  }
  return fed;
}

std::vector<fs::path> FilesOf(int count, char** names) {
  std::vector<fs::path> files;
  for (int i = 0; i < count; ++i) {
    std::error_code error;
    if (!fs::is_directory(names[i], error)) {
      files.emplace_back(names[i]);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(names[i], error)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  const bool mutate = argc > 4 && std::string_view(argv[1]) == "--mutate";
  const int skip = mutate ? 5 : 1;
  if (mutate) CatchFindings(argv[4]);
  std::vector<std::string> inputs;
  for (const fs::path& file : FilesOf(argc - skip, argv + skip)) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "%s: expected a file or a folder, found none\n", file.c_str());
      return 1;
    }
    inputs.emplace_back((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    Feed(inputs.back());
  }
  const auto of_files = static_cast<unsigned long long>(accepted);
  std::printf("%zu files, %llu inputs accepted\n", inputs.size(), of_files);
  if (inputs.empty() || accepted == 0) {
    std::fprintf(stderr,
                 "expected files of which at least one is accepted; after a change of format, "
                 "write the seeds again (fuzz/README.md)\n");
    return 1;
  }
  if (mutate) {
    const uint64_t seed = std::strtoull(argv[3], nullptr, 10);
    const uint64_t fed = Mutate(std::move(inputs), std::atof(argv[2]), seed);
    std::printf("%llu changed inputs, %llu accepted, seed %llu\n",
                static_cast<unsigned long long>(fed),
                static_cast<unsigned long long>(accepted) - of_files,
                static_cast<unsigned long long>(seed));
  }
  return 0;
}
