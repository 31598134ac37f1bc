#include "cli/context_flag.h"

#include <set>
#include <string>
#include <utility>

#include "api/request_context.h"

namespace upnext::cli {

Status SetContext(const schema::Schema& schema, std::span<const std::string> flags,
                  serving::Request* request) {
  std::set<std::string> names;
  for (const std::string& flag : flags) {
    const size_t at = flag.find('=');
    if (at == std::string::npos) {
      return InvalidArgument("--context {}: expected NAME=VALUE", flag);
    }
    const std::string name = flag.substr(0, at);
    if (!names.insert(name).second) return InvalidArgument("--context {} is given twice", name);
    if (Status status = api::SetRequestValue(schema, name, flag.substr(at + 1), request); !status) {
      return WithContext(std::move(status).error(), "--context");
    }
  }
  return Ok();
}

}  // namespace upnext::cli
