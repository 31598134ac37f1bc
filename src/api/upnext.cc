#include "api/upnext.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "api/arrow_export.h"
#include "api/arrow_stream.h"
#include "api/call.h"
#include "api/operations.h"
#include "api/project_handle.h"
#include "base/arrow_c.h"
#include "base/status.h"
#include "import/arrow_table.h"
#include "project/project.h"

struct upnext_error {
  int code;
  std::string message;
};

struct upnext_project {
  std::shared_ptr<upnext::api::ProjectHandle> handle;
};

struct upnext_call {
  std::unique_ptr<upnext::api::Call> call;
  std::string news = {};
  std::optional<upnext_error> error = {};  // of the end
};

namespace upnext::api {
namespace {

static_assert(static_cast<int>(Code::kDataLoss) == UPNEXT_DATA_LOSS &&
              static_cast<int>(Code::kInternal) == UPNEXT_INTERNAL &&
              static_cast<int>(Code::kCancelled) == UPNEXT_CANCELLED);

// What is returned when there is no memory for an error. Its text is short enough for std::string to have it inside.
upnext_error* OutOfMemoryError() {
  static upnext_error error{UPNEXT_RESOURCE_EXHAUSTED, "out of memory"};
  return &error;
}

upnext_error* ErrorFor(const Error& error) noexcept {
  try {
    return new upnext_error{static_cast<int>(error.code), error.message};
  } catch (const std::bad_alloc&) {
    return OutOfMemoryError();
  }
}

// Threads and locks do not survive a fork, so a child that used what its parent has would wait for ever.
std::atomic<pid_t> g_process = 0;

bool IsForked() {
  pid_t first = 0;
  const pid_t self = ::getpid();
  return !g_process.compare_exchange_strong(first, self) && first != self;
}

Status CheckNotForked() {
  if (!IsForked()) return Ok();
  return FailedPrecondition(
      "upnext was used before this process was forked from {}; start workers with the spawn method "
      "(multiprocessing.set_start_method(\"spawn\"))",
      g_process.load());
}

// Runs the body of a function that may fail. No exception leaves the library.
template <typename Body>
upnext_error* Fenced(const Body& body) noexcept {
  try {
    Status status = CheckNotForked();
    if (status) status = body();
    return status ? nullptr : ErrorFor(status.error());
  } catch (const std::bad_alloc&) {
    return OutOfMemoryError();
  } catch (const std::exception& exception) {
    try {
      return ErrorFor({Code::kInternal, exception.what()});
    } catch (...) {
      return OutOfMemoryError();
    }
  }
}

// The same for one that returns a value and cannot fail.
template <typename T, typename Body>
T FencedValue(const T& otherwise, const Body& body) noexcept {
  if (IsForked()) return otherwise;
  try {
    return body();
  } catch (...) {
    return otherwise;
  }
}

Status CheckGiven(const void* argument, std::string_view function, std::string_view name) {
  if (argument != nullptr) return Ok();
  return InvalidArgument("{}: {} is NULL", function, name);
}

std::string TextOr(const char* text, const char* otherwise) {
  return text == nullptr ? otherwise : text;
}

}  // namespace
}  // namespace upnext::api

using upnext::Ok;
using upnext::Status;
using upnext::api::Fenced;
using upnext::api::FencedValue;

int upnext_abi(void) { return UPNEXT_ABI; }

const char* upnext_version(void) { return UPNEXT_VERSION; }

int upnext_error_code(const upnext_error* error) {
  return error == nullptr ? UPNEXT_OK : error->code;
}

const char* upnext_error_message(const upnext_error* error) {
  return error == nullptr ? "" : error->message.c_str();
}

void upnext_error_free(upnext_error* error) {
  if (error != upnext::api::OutOfMemoryError()) delete error;
}

upnext_error* upnext_project_open(const char* file, const char* toml, const char* data,
                                  const char* directory, upnext_project** out) {
  return Fenced([&]() -> Status {
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(file, "upnext_project_open", "file"));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(out, "upnext_project_open", "out"));
    std::optional<std::string> text;
    if (toml != nullptr) text.emplace(toml);
    const upnext::project::Location location = {.config = file,
                                                .data = upnext::api::TextOr(data, ""),
                                                .directory = upnext::api::TextOr(directory, ""),
                                                .toml = std::move(text)};
    UPNEXT_ASSIGN_OR_RETURN(auto handle, upnext::api::ProjectHandle::Open(location));
    *out = new upnext_project{std::move(handle)};
    return Ok();
  });
}

void upnext_project_free(upnext_project* project) {
  if (project == nullptr) return;
  FencedValue(false, [&] {
    project->handle->WaitForCalls();
    project->handle->Release();  // what calls gave may live on, and keeps the rest of it
    delete project;
    return true;
  });
}

upnext_error* upnext_project_release(upnext_project* project) {
  return Fenced([&]() -> Status {
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(project, "upnext_project_release", "project"));
    project->handle->Release();
    return Ok();
  });
}

upnext_error* upnext_project_add_table(upnext_project* project, const char* name,
                                       ArrowArrayStream* stream) {
  return Fenced([&]() -> Status {
    if (stream == nullptr) {
      UPNEXT_RETURN_IF_ERROR(
          upnext::api::CheckGiven(project, "upnext_project_add_table", "project"));
      project->handle->RemoveTable(upnext::api::TextOr(name, ""));
      return Ok();
    }
    UPNEXT_ASSIGN_OR_RETURN(
        auto table, upnext::import::ArrowTable::Take(upnext::api::TextOr(name, ""), stream));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(project, "upnext_project_add_table", "project"));
    project->handle->AddTable(std::move(table));
    return Ok();
  });
}

upnext_error* upnext_call_start(upnext_project* project, const char* operation, const char* request,
                                upnext_call** out) {
  return Fenced([&]() -> Status {
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(operation, "upnext_call_start", "operation"));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(out, "upnext_call_start", "out"));
    UPNEXT_ASSIGN_OR_RETURN(const auto* found, upnext::api::FindOperation(operation));
    // The tables are for this call, even if its request is refused.
    upnext::api::Call::Tables tables;
    if (found->takes_tables && project != nullptr) tables = project->handle->TakeTables();
    UPNEXT_ASSIGN_OR_RETURN(
        upnext::api::Request parsed,
        upnext::api::Request::Parse(found->name, found->keys, upnext::api::TextOr(request, "{}")));
    UPNEXT_ASSIGN_OR_RETURN(auto call,
                            upnext::api::Call::Start(*found, std::move(parsed),
                                                     project == nullptr ? nullptr : project->handle,
                                                     std::move(tables)));
    *out = new upnext_call{std::move(call)};
    return Ok();
  });
}

int upnext_call_wait(upnext_call* call, int timeout_ms) {
  if (call == nullptr) return 1;
  return FencedValue(1, [&] { return call->call->Wait(timeout_ms) ? 1 : 0; });
}

const char* upnext_call_news(upnext_call* call) {
  static const char* const kNone = R"({"stages":[],"notes":[]})";
  if (call == nullptr) return kNone;
  return FencedValue(kNone, [&] {
    call->news = call->call->News();
    return call->news.c_str();
  });
}

void upnext_call_stop(upnext_call* call) {
  if (call == nullptr) return;
  FencedValue(false, [&] {
    call->call->Stop();
    return true;
  });
}

const upnext_error* upnext_call_error(upnext_call* call) {
  const upnext_error* const no_memory = upnext::api::OutOfMemoryError();
  if (const Status forked = upnext::api::CheckNotForked(); !forked) {
    static const upnext_error* const kForked = upnext::api::ErrorFor(forked.error());
    return kForked;
  }
  if (call == nullptr) {
    static const upnext_error* const kNoCall =
        upnext::api::ErrorFor({upnext::Code::kInvalidArgument, "the call is NULL"});
    return kNoCall;
  }
  return FencedValue(no_memory, [&]() -> const upnext_error* {
    const std::optional<upnext::Error>& error = call->call->error();
    if (!error) return nullptr;
    if (!call->error) call->error = {static_cast<int>(error->code), error->message};
    return &*call->error;
  });
}

const char* upnext_call_result(upnext_call* call, size_t* size) {
  static const char* const kEmpty = "";
  if (size != nullptr) *size = 0;
  return FencedValue(kEmpty, [&] {
    if (upnext_call_error(call) != nullptr) return kEmpty;
    const std::string& json = call->call->outcome().json;
    if (size != nullptr) *size = json.size();
    return json.c_str();
  });
}

upnext_error* upnext_call_table(upnext_call* call, const char* name, ArrowSchema* schema,
                                ArrowArray* array) {
  return Fenced([&]() -> Status {
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(name, "upnext_call_table", "name"));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(schema, "upnext_call_table", "schema"));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(array, "upnext_call_table", "array"));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(call, "upnext_call_table", "call"));
    if (upnext_call_error(call) != nullptr) {
      return upnext::FailedPrecondition("the call failed, so it has no tables");
    }
    for (const upnext::api::ArrowResult& table : call->call->outcome().tables) {
      if (table.name != name) continue;
      upnext::api::ExportTable(table, schema, array);
      return Ok();
    }
    return upnext::NotFound("the result has no table '{}'", name);
  });
}

void upnext_call_free(upnext_call* call) {
  if (call == nullptr) return;
  FencedValue(false, [&] {
    delete call;
    return true;
  });
}

upnext_error* upnext_arrow_lend(ArrowArray* array, int64_t* in_use) {
  return Fenced([&]() -> Status {
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(array, "upnext_arrow_lend", "array"));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(in_use, "upnext_arrow_lend", "in_use"));
    upnext::api::LendArray(array, in_use);
    return Ok();
  });
}

upnext_error* upnext_arrow_stream(const ArrowSchema* schema, ArrowArray* array,
                                  ArrowArrayStream* out) {
  return Fenced([&]() -> Status {
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(schema, "upnext_arrow_stream", "schema"));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(array, "upnext_arrow_stream", "array"));
    UPNEXT_RETURN_IF_ERROR(upnext::api::CheckGiven(out, "upnext_arrow_stream", "out"));
    upnext::api::MakeStream(*schema, array, out);
    return Ok();
  });
}

const char* upnext_operations(void) {
  static const char* const kNone = "[]";
  return FencedValue(kNone, [] {
    static const std::string kOperations = upnext::api::OperationsJson();
    return kOperations.c_str();
  });
}
