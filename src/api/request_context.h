// What a request says beside its user, under the names of the parameters of GET /v1/recommendations.
#ifndef UPNEXT_API_REQUEST_CONTEXT_H_
#define UPNEXT_API_REQUEST_CONTEXT_H_

#include <string>

#include "base/status.h"
#include "schema/schema.h"
#include "serving/slate.h"

namespace upnext::api {

// Sets device, region, current_item or a declared attribute of requests; an empty value sets "unknown".
// kInvalidArgument names the nearest name, or the line that would declare it.
Status SetRequestValue(const schema::Schema& schema, const std::string& name, std::string value,
                       serving::Request* request);

}  // namespace upnext::api

#endif  // UPNEXT_API_REQUEST_CONTEXT_H_
