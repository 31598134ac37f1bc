// An operation that runs in a thread of its own, with what it reports and what it comes to.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto call, Call::Start(*operation, std::move(request), handle));
//   while (!call->Wait(100)) Show(call->News());
//   if (!call->error()) Use(call->outcome());
//
// One thread at a time, but for Stop, which any thread may call at any time.
#ifndef UPNEXT_API_CALL_H_
#define UPNEXT_API_CALL_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/operations.h"
#include "api/project_handle.h"
#include "api/request.h"
#include "base/status.h"
#include "import/arrow_table.h"

namespace upnext::api {

class Call {
 public:
  using Tables = std::vector<std::shared_ptr<const import::ArrowTable>>;
  // `project` is null for an operation that needs none; kInvalidArgument when it needs one.
  static Result<std::unique_ptr<Call>> Start(const Operation& operation, Request request,
                                             std::shared_ptr<ProjectHandle> project, Tables tables);
  ~Call();  // stops it and waits

  // Waits for the end or for news, at most so long; below 0: as long as it takes. True when it has ended.
  bool Wait(int timeout_ms);
  // What happened since the last time (upnext.h).
  std::string News();
  void Stop();

  // These wait for the end.
  const std::optional<Error>& error() const;
  Outcome& outcome();

 private:
  struct Rep;
  explicit Call(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::api

#endif  // UPNEXT_API_CALL_H_
