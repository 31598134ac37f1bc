#include "net/sessions.h"

#include <simdjson.h>

#include <utility>

#include "net/json_values.h"
#include "net/parameters.h"
#include "net/problem.h"
#include "serving/session.h"

namespace upnext::net {

Result<std::string> ParseMerge(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::object object;
  if (const auto error = parser.parse(body.data(), body.size()).get(root)) {
    return InvalidArgument("the body is not JSON: {}", simdjson::error_message(error));
  }
  if (root.get(object) != simdjson::SUCCESS) {
    return InvalidArgument(R"(expected an object such as {{"session": "S"}}, found {})",
                           KindOf(root));
  }
  std::string session;
  bool is_given = false;
  for (const auto& [key, value] : object) {
    if (key != "session") {
      const std::string_view shown = key.substr(0, kShownBytes);
      return InvalidArgument("{}: there is no such key; expected session", shown);
    }
    if (std::exchange(is_given, true)) return InvalidArgument("session: the key is given twice");
    auto id = IdOf(value);
    if (!id) return WithContext(std::move(id).error(), "session");
    session = *std::move(id);
  }
  return session;
}

Result<HttpResponse> AnswerMerge(serving::Service& service, const std::string& user,
                                 const HttpRequest& request, const boost::urls::url_view& url) {
  UPNEXT_ASSIGN_OR_RETURN(const Parameters parameters, Parameters::Parse(url));
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  if (user.empty()) return InvalidArgument("user: expected an id, found none");
  if (Status valid = serving::CheckUser(user); !valid) {
    return WithContext(std::move(valid).error(), "user");
  }
  UPNEXT_ASSIGN_OR_RETURN(const std::string session, ParseMerge(request.body));
  UPNEXT_ASSIGN_OR_RETURN(const std::string from, serving::UserOfSession(session));
  UPNEXT_ASSIGN_OR_RETURN(const serving::Changed merged, service.Merge(from, user));
  return JsonOf({{"user", user},
                 {"session", session},
                 {"merged", merged.changed},
                 {"bundle_version", merged.bundle_version},
                 {"log_version", merged.log_version}});
}

}  // namespace upnext::net
