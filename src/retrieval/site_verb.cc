#include "retrieval/site_verb.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using schema::EventType;

constexpr std::string_view kVowels = "aeiou";

// Verbs whose past is one word in "you ... it" and "... by others"; empty: it is two.
constexpr std::string_view kIrregular[][2] = {
    {"read", "read"},     {"buy", "bought"},    {"hear", "heard"},   {"sell", "sold"},
    {"get", "got"},       {"find", "found"},    {"make", "made"},    {"build", "built"},
    {"have", "had"},      {"hold", "held"},     {"keep", "kept"},    {"lend", "lent"},
    {"send", "sent"},     {"spend", "spent"},   {"win", "won"},      {"lose", "lost"},
    {"meet", "met"},      {"learn", "learned"}, {"teach", "taught"}, {"catch", "caught"},
    {"bring", "brought"}, {"think", "thought"}, {"tell", "told"},    {"leave", "left"},
    {"cut", "cut"},       {"put", "put"},       {"bid", "bid"},      {"see", ""},
    {"eat", ""},          {"drink", ""},        {"wear", ""},        {"take", ""},
    {"choose", ""},       {"drive", ""},        {"ride", ""},        {"write", ""},
    {"sing", ""},         {"give", ""},         {"know", ""},        {"do", ""},
    {"go", ""},           {"show", ""},         {"speak", ""},       {"begin", ""}};

bool IsVowel(char c) { return kVowels.find(c) != std::string_view::npos; }

// "shop", "plan": a short word whose last letter is doubled before -ed and -ing.
bool Doubles(std::string_view verb) {
  const size_t n = verb.size();
  if (n < 3 || IsVowel(verb[n - 1]) || !IsVowel(verb[n - 2]) || IsVowel(verb[n - 3])) return false;
  if (std::string_view("wxy").find(verb[n - 1]) != std::string_view::npos) return false;
  return std::ranges::none_of(verb.substr(0, n - 2), IsVowel);
}

std::string PastOf(const std::string& verb, const std::string& stem) {
  for (const auto& [infinitive, past] : kIrregular) {
    if (verb == infinitive) return std::string(past);
  }
  if (verb.size() > 1 && verb.ends_with('y') && !IsVowel(verb[verb.size() - 2])) {
    return verb.substr(0, verb.size() - 1) + "ied";
  }
  return stem + "ed";
}

// What an event of the type is; `past` where it is what the verb of the site says.
SiteVerb::Deed DeedOf(EventType type, bool positive, const std::string& past,
                      const schema::Schema& schema) {
  switch (type) {
    case EventType::kLike:
      return {0, "liked", ""};
    case EventType::kShare:
      return {0, "shared", ""};
    case EventType::kSave:
      return {0, "saved", ""};
    case EventType::kRating:
      return {0, "rated", ""};
    case EventType::kComment:
      return {0, "commented on", ""};
    case EventType::kAddToCart:
      return {0, "added", " to your cart"};
    case EventType::kFollow:
    case EventType::kSubscribe:
      return {0, "followed", ""};
    default:
      break;
  }
  if (positive) return {0, past, ""};
  if (type == EventType::kPurchase) return {0, "bought", ""};
  if (type == EventType::kWatch || type == EventType::kComplete) return {0, "watched", ""};
  const bool declared = static_cast<size_t>(type) >= schema::kEventTypes;
  if (declared && schema.info(type).role == schema::Role::kPositive) return {0, "chose", ""};
  return {0, "viewed", ""};
}

}  // namespace

SiteVerb SiteVerb::Of(std::string_view base) {
  const size_t blank = base.find(' ');
  const std::string verb(base.substr(0, blank));
  const std::string rest(blank == std::string_view::npos ? "" : base.substr(blank));
  std::string stem = verb.ends_with('e') ? verb.substr(0, verb.size() - 1) : verb;
  if (Doubles(verb)) stem += verb.back();
  const std::string past = PastOf(verb, stem);
  return {.base = std::string(base),
          .past = past.empty() ? "" : past + rest,
          .present = (verb.ends_with("ee") ? verb : stem) + "ing" + rest};
}

SiteVerb SiteVerb::FromConfig(const base::ConfigTable& site) {
  const std::string base = site.Text("verb", SiteVerb().base);
  if (base.empty()) site.Fail("verb", "expected a verb such as \"read\", found none");
  const SiteVerb made = Of(base);
  const std::string past = site.Text("verb_past", made.past);
  if (past.empty() && !base.empty()) {
    site.Fail("verb",
              fmt::format("the past of \"{}\" has two forms; give the word for \"you ... it\" "
                          "and \"often ... by others\" as verb_past, or another verb",
                          base));
  }
  return {.base = base, .past = past, .present = site.Text("verb_present", made.present)};
}

SiteVerb SiteVerb::For(const features::PositiveRule& rule, const schema::Schema& schema) const {
  SiteVerb verb{.base = base, .past = past, .present = present};
  const auto merge = [](std::string* words, const std::string& of_type, const char* of_several) {
    if (words->empty()) *words = of_type;
    if (*words != of_type) *words = of_several;
  };
  constexpr char kSeveralPositives[] = "picked", kSeveral[] = "seen";
  verb.positives = verb.history = "";
  for (size_t number = 1; number <= schema.event_types().size(); ++number) {
    const auto type = static_cast<EventType>(number);
    const bool positive = rule.MayBePositive(type);
    Deed deed = DeedOf(type, positive, past, schema);
    const std::string words = deed.after.empty() ? deed.before : "put into the cart";
    if (positive) merge(&verb.positives, words, kSeveralPositives);
    if (rule.interest(type) == 0) continue;
    merge(&verb.history, words, kSeveral);
    deed.weight = rule.interest(type);
    const auto same = std::ranges::find(verb.deeds, deed.weight, &Deed::weight);
    if (same == verb.deeds.end()) {
      verb.deeds.push_back(std::move(deed));
    } else if (*same != deed) {
      *same = {deed.weight, "were interested in", ""};
    }
  }
  if (verb.positives.empty()) verb.positives = past;
  if (verb.history.empty()) verb.history = past;
  if (!rule.MayBePositive(EventType::kWatch)) {
    verb.watch = SiteVerb().base;
    verb.watched = SiteVerb().past;
  }
  // Who looks at a thing is not buying it yet.
  const bool sells =
      rule.MayBePositive(EventType::kPurchase) || rule.MayBePositive(EventType::kAddToCart);
  if (sells && present == Of(base).present) verb.now = "looking at";
  return verb;
}

std::string SiteVerb::Did(float weight, std::string_view title) const {
  const auto deed = std::ranges::find(deeds, weight, &Deed::weight);
  if (deed == deeds.end()) return fmt::format("{} {}", past, title);
  return fmt::format("{} {}{}", deed->before, title, deed->after);
}

}  // namespace upnext::retrieval
