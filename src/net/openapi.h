// The machine-readable description of the API that /openapi.json serves.
#ifndef UPNEXT_NET_OPENAPI_H_
#define UPNEXT_NET_OPENAPI_H_

#include <string>

#include "schema/schema.h"

namespace upnext::net {

// OpenAPI 3.1. Event types and attributes of requests are those of the schema.
std::string OpenApi(const schema::Schema& schema);

}  // namespace upnext::net

#endif  // UPNEXT_NET_OPENAPI_H_
