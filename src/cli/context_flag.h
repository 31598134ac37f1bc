// --context NAME=VALUE of `upnext recommend`: what a request says, under the names of the parameters
// of GET /v1/recommendations.
#ifndef UPNEXT_CLI_CONTEXT_FLAG_H_
#define UPNEXT_CLI_CONTEXT_FLAG_H_

#include <span>
#include <string>

#include "base/status.h"
#include "schema/schema.h"
#include "serving/slate.h"

namespace upnext::cli {

// Sets device, region, current_item and declared attributes of requests; an empty value sets
// "unknown". kInvalidArgument names the flag that is wrong.
Status SetContext(const schema::Schema& schema, std::span<const std::string> flags,
                  serving::Request* request);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_CONTEXT_FLAG_H_
