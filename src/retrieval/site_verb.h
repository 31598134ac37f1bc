// The verb of a site in the reasons that people read: one watches videos, reads articles, buys
// things.
//
//   SiteVerb verb = SiteVerb::FromConfig(config.Table("site"));          [site] verb = "read"
//   fmt::format("because you {} {}", verb.past, title);
//
// A plain value.
#ifndef UPNEXT_RETRIEVAL_SITE_VERB_H_
#define UPNEXT_RETRIEVAL_SITE_VERB_H_

#include <string>
#include <string_view>

#include "base/config.h"

namespace upnext::retrieval {

struct SiteVerb {
  // "you often watch", "you watched" and "watched by", "you are watching".
  std::string base = "watch", past = "watched", present = "watching";

  // `verb`, and `verb_past` and `verb_present` where the forms are not what Of makes of it.
  static SiteVerb FromConfig(const base::ConfigTable& site);
  // Of read, buy and hear, and of verbs that take -ed and -ing: "view", "use", "listen to".
  static SiteVerb Of(std::string_view base);
  friend bool operator==(const SiteVerb&, const SiteVerb&) = default;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_SITE_VERB_H_
