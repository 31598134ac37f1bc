// The target of a request: its path, and the parameters of its query.
//
//   UPNEXT_ASSIGN_OR_RETURN(const urls::url_view url, ParseTarget(request.target));
//   UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url));
//   UPNEXT_ASSIGN_OR_RETURN(const uint32_t n, parameters.Count("n", 20, 1, 1000));
//   UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());     a key that nobody asked for is an error
//
// All errors are kInvalidArgument and name the parameter. One thread at a time.
#ifndef UPNEXT_NET_PARAMETERS_H_
#define UPNEXT_NET_PARAMETERS_H_

#include <boost/url/url_view.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::net {

// A path with a query, percent-encoded: a view of `target`. The error names the first character that
// is not allowed, and its code. What is encoded is UTF-8 without the character NUL.
Result<boost::urls::url_view> ParseTarget(std::string_view target);

class Parameters {
 public:
  // `repeatable`: those that may come several times, beside those of OfExpressions.
  static Result<Parameters> Parse(const boost::urls::url_view& url,
                                  std::initializer_list<std::string_view> repeatable = {});
  // Of another source, which has checked what may be repeated.
  explicit Parameters(std::vector<std::pair<std::string, std::string>> values = {})
      : values_(std::move(values)) {}
  bool Has(std::string_view name) const;
  std::string Text(std::string_view name);  // "" when absent
  std::optional<std::string> TextIfGiven(std::string_view name);
  std::vector<std::string> Texts(std::string_view name);
  // The values of parameter.NAME by NAME, of filters and boosts: one or several.
  std::vector<std::pair<std::string, std::vector<std::string>>> OfExpressions();
  Result<uint32_t> Count(std::string_view name, uint32_t fallback, uint32_t min, uint32_t max);
  Result<std::optional<double>> Share(std::string_view name);  // from 0 to 1
  Result<bool> Flag(std::string_view name);
  // The declared attributes of requests, under their names.
  Result<schema::RawAttributes> Attributes(const schema::Schema& schema);
  Status CheckAllKnown() const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
  std::vector<std::string> known_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_PARAMETERS_H_
