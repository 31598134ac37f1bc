// When a certificate ends.
//
//   UPNEXT_ASSIGN_OR_RETURN(const int64_t end_ms, CertificateEndMs(pem));
//
// A function without state.
#ifndef UPNEXT_NET_CERTIFICATE_H_
#define UPNEXT_NET_CERTIFICATE_H_

#include <cstdint>
#include <string_view>

#include "base/status.h"

namespace upnext::net {

// Of the first certificate of a file in PEM, in milliseconds since 1970. kInvalidArgument when it is none.
Result<int64_t> CertificateEndMs(std::string_view pem);

}  // namespace upnext::net

#endif  // UPNEXT_NET_CERTIFICATE_H_
