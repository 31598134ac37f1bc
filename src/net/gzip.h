// The gzip coding of bodies (RFC 1952), with a bound on what an expanded body may hold.
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::string body, Gunzip(request.body, 8 << 20));
//   if (AcceptsGzip("gzip, br;q=0.5")) answer = Gzip(answer);
//
// Pure functions.
#ifndef UPNEXT_NET_GZIP_H_
#define UPNEXT_NET_GZIP_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace upnext::net {

// Expands all members. kInvalidArgument for what is not gzip, or cut, or followed by something else;
// kResourceExhausted as soon as there are more than `most` bytes, whatever the input says.
Result<std::string> Gunzip(std::string_view bytes, uint64_t most);

// Level 1: the answers are small, and others wait.
std::string Gzip(std::string_view text);

// Whether a client with this Accept-Encoding header takes gzip: it names "gzip" or "*", and not with
// a weight of 0.
bool AcceptsGzip(std::string_view accept_encoding);

}  // namespace upnext::net

#endif  // UPNEXT_NET_GZIP_H_
