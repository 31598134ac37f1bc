#include "retrieval/site_verb.h"

namespace upnext::retrieval {

SiteVerb SiteVerb::Of(std::string_view base) {
  constexpr std::string_view kIrregular[][2] = {
      {"read", "read"}, {"buy", "bought"}, {"hear", "heard"}};
  const size_t blank = base.find(' ');
  const std::string verb(base.substr(0, blank));
  const std::string rest(blank == std::string_view::npos ? "" : base.substr(blank));
  const bool ends_in_e = verb.ends_with('e');
  const std::string stem = ends_in_e ? verb.substr(0, verb.size() - 1) : verb;
  SiteVerb forms{
      .base = std::string(base), .past = stem + "ed" + rest, .present = stem + "ing" + rest};
  for (const auto& [infinitive, past] : kIrregular) {
    if (verb == infinitive) forms.past = std::string(past) + rest;
  }
  return forms;
}

SiteVerb SiteVerb::FromConfig(const base::ConfigTable& site) {
  const SiteVerb defaults;
  const std::string base = site.Text("verb", defaults.base);
  if (base.empty()) site.Fail("verb", "expected a verb such as \"read\", found none");
  SiteVerb verb = Of(base);
  verb.past = site.Text("verb_past", verb.past);
  verb.present = site.Text("verb_present", verb.present);
  return verb;
}

}  // namespace upnext::retrieval
