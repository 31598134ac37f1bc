// Errors as values: Status for "done or an error", Result<T> for "a value or an error".
//
//   Result<Config> LoadConfig(const std::filesystem::path& path);
//   Status Run() {
//     UPNEXT_ASSIGN_OR_RETURN(Config config, LoadConfig("upnext.toml"));
//     if (config.empty()) return InvalidArgument("{}: expected a table, found nothing", path);
//     return Ok();
//   }
//
// No exception leaves a room. A message says what was expected, what was found, where, and what to
// do. Values of these types are as thread-safe as any other value.
#ifndef UPNEXT_BASE_STATUS_H_
#define UPNEXT_BASE_STATUS_H_

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace upnext {

// The gRPC codes that this project uses, with the numbers of gRPC.
enum class Code : uint8_t {
  kCancelled = 1,           // the caller asked to stop
  kInvalidArgument = 3,     // wrong in any state of the system: fix the input
  kNotFound = 5,            // the named thing does not exist
  kAlreadyExists = 6,       // the named thing exists already
  kPermissionDenied = 7,    // the operating system refused
  kResourceExhausted = 8,   // disk, memory or a stated budget
  kFailedPrecondition = 9,  // valid input at the wrong time, e.g. train before import
  kAborted = 10,            // lost a race with another process
  kUnavailable = 14,        // try again later
  kDataLoss = 15,           // stored bytes differ from what was written
  kInternal = 13,           // a bug or a library failure
};

std::string_view CodeName(Code code);  // "invalid argument"

struct Error {
  Code code;
  std::string message;
};

// std::expected with [[nodiscard]], which an alias cannot carry; hence classes.
template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

class [[nodiscard]] Status : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
};

[[nodiscard]] inline Status Ok() { return {}; }

[[nodiscard]] inline std::unexpected<Error> MakeError(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

// One function per code, with fmt arguments: return NotFound("{}: no such file", path);
#define UPNEXT_ERROR_MAKER(Name)                                                                  \
  template <typename... Args>                                                                     \
  [[nodiscard]] std::unexpected<Error> Name(fmt::format_string<Args...> format, Args&&... args) { \
    return MakeError(Code::k##Name, fmt::format(format, std::forward<Args>(args)...));            \
  }
UPNEXT_ERROR_MAKER(Cancelled)
UPNEXT_ERROR_MAKER(InvalidArgument)
UPNEXT_ERROR_MAKER(NotFound)
UPNEXT_ERROR_MAKER(AlreadyExists)
UPNEXT_ERROR_MAKER(PermissionDenied)
UPNEXT_ERROR_MAKER(ResourceExhausted)
UPNEXT_ERROR_MAKER(FailedPrecondition)
UPNEXT_ERROR_MAKER(Aborted)
UPNEXT_ERROR_MAKER(Unavailable)
UPNEXT_ERROR_MAKER(DataLoss)
UPNEXT_ERROR_MAKER(Internal)
#undef UPNEXT_ERROR_MAKER

// The same error with "context: " put before its message.
[[nodiscard]] std::unexpected<Error> WithContext(Error error, std::string_view context);

#define UPNEXT_CONCAT_INNER_(a, b) a##b
#define UPNEXT_CONCAT_(a, b) UPNEXT_CONCAT_INNER_(a, b)

#define UPNEXT_RETURN_IF_ERROR(expression)                       \
  do {                                                           \
    if (auto upnext_status_ = (expression); !upnext_status_) {   \
      return std::unexpected(std::move(upnext_status_).error()); \
    }                                                            \
  } while (false)

// The expression comes last and may contain commas: UPNEXT_ASSIGN_OR_RETURN(auto x, Get<A, B>(y));
#define UPNEXT_ASSIGN_OR_RETURN(declaration, ...) \
  UPNEXT_ASSIGN_OR_RETURN_IMPL_(UPNEXT_CONCAT_(upnext_result_, __LINE__), declaration, __VA_ARGS__)
#define UPNEXT_ASSIGN_OR_RETURN_IMPL_(result, declaration, ...)   \
  auto result = (__VA_ARGS__);                                    \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = *std::move(result)

}  // namespace upnext

#endif  // UPNEXT_BASE_STATUS_H_
