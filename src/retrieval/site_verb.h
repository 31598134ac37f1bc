// The words of reasons that people read: one watches videos, reads articles, buys things, and what a
// user only looked at was not bought.
//
//   SiteVerb verb = SiteVerb::FromConfig(config.Table("site"));          [site] verb = "read"
//   verb = verb.For(rule, schema);                                       a bundle's positives, history
//   fmt::format("because you {}", verb.Did(entry.weight, title));        "read TITLE"
//
// A plain value.
#ifndef UPNEXT_RETRIEVAL_SITE_VERB_H_
#define UPNEXT_RETRIEVAL_SITE_VERB_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "features/positive_rule.h"
#include "schema/schema.h"

namespace upnext::retrieval {

struct SiteVerb {
  // "you often watch", "you watched" and "watched by", "you are watching".
  std::string base = "watch", past = "watched", present = "watching";

  // What For sets; until then every event is what the verb says.
  std::string positives = past,      // what people did with what they chose
      history = past,                // ... and with all that they met
      now = present,                 // what is done with the item of a request
      watch = base, watched = past;  // what a watch is
  struct Deed {
    float weight;
    std::string before, after;  // around the title
    friend bool operator==(const Deed&, const Deed&) = default;
  };
  std::vector<Deed> deeds = {};  // by the weight of a history's entry

  // `verb`, and `verb_past` and `verb_present` where the forms are not what Of makes of it.
  static SiteVerb FromConfig(const base::ConfigTable& site);
  // Of verbs that take -ed and -ing ("view", "shop", "try", "listen to") and common others ("sell").
  // The past is empty for a verb that has two ("see": saw, seen).
  static SiteVerb Of(std::string_view base);

  // The same verb where these are the positives and the history. It stands for positive events, but
  // not for words on an item (like, save) and for steps on the way (add_to_cart).
  SiteVerb For(const features::PositiveRule& rule, const schema::Schema& schema) const;

  // What the user did with an item of the history whose entry has this weight: "bought TITLE",
  // "added TITLE to your cart".
  std::string Did(float weight, std::string_view title) const;

  friend bool operator==(const SiteVerb&, const SiteVerb&) = default;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_SITE_VERB_H_
