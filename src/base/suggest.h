// "Did you mean": the nearest of some names by edit distance, for error messages.
#ifndef UPNEXT_BASE_SUGGEST_H_
#define UPNEXT_BASE_SUGGEST_H_

#include <span>
#include <string>
#include <string_view>

namespace upnext::base {

// The nearest name, or "" when no name is similar (distance > max(2, length / 3)).
std::string Nearest(std::string_view word, std::span<const std::string> names);
// "; did you mean 'x'?" or "".
std::string DidYouMean(std::string_view word, std::span<const std::string> names);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_SUGGEST_H_
