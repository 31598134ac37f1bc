#include "simulator/words.h"

#include <fmt/format.h>

#include <span>

#include "simulator/word_lists.h"

namespace upnext::simulator {
namespace {

// {0} is the subject, {1} a number from 2 to 30, {2} a recent year.
constexpr std::array<std::array<std::string_view, 8>, kLanguages> kPlainForms = {{
    {"{0} for beginners", "How I got into {0}", "{0} in {1} minutes", "{0}, explained slowly",
     "A day of {0}", "{1} mistakes with {0}", "Everything I know about {0}", "{0}: the {2} guide"},
    {"{0} für Anfänger", "Wie ich zu {0} kam", "{0} in {1} Minuten", "{0} in Ruhe erklärt",
     "Ein Tag mit {0}", "{1} Fehler bei {0}", "Alles, was ich über {0} weiß", "{0}: Ratgeber {2}"},
    {"{0} para principiantes", "Cómo empecé con {0}", "{0} en {1} minutos", "{0}, paso a paso",
     "Un día de {0}", "{1} errores con {0}", "Todo lo que sé de {0}", "{0}: guía {2}"},
    {"{0} pour débutants", "Mes débuts avec {0}", "{0} en {1} minutes", "{0}, pas à pas",
     "Une journée de {0}", "{1} erreurs avec {0}", "Tout ce que je sais de {0}", "{0} : guide {2}"},
    {"{0} para iniciantes", "Como comecei com {0}", "{0} em {1} minutos", "{0}, passo a passo",
     "Um dia de {0}", "{1} erros com {0}", "Tudo o que sei de {0}", "{0}: guia {2}"},
}};
constexpr std::array<std::array<std::string_view, 3>, kLanguages> kLoudForms = {{
    {"You won't BELIEVE this {0} trick", "I tried {0} for {1} days (SHOCKING)",
     "STOP doing {0} wrong!"},
    {"Dieser {0}-Trick ist UNGLAUBLICH", "{1} Tage {0}: SCHOCK", "Schluss mit falschem {0}!"},
    {"No vas a CREER este truco de {0}", "Probé {0} {1} días (INCREÍBLE)",
     "¡DEJA de hacer mal {0}!"},
    {"Vous n'allez PAS CROIRE ce truc de {0}", "{1} jours de {0} (CHOC)", "ARRÊTEZ de rater {0} !"},
    {"Você NÃO vai acreditar neste truque de {0}", "{1} dias de {0} (CHOCANTE)",
     "PARE de errar em {0}!"},
}};
constexpr std::array<std::array<std::string_view, 3>, kLanguages> kSeriesForms = {{
    {"{0} from scratch, part {1}", "The {0} diaries, part {1}", "{0} masterclass, part {1}"},
    {"{0} von Grund auf, Teil {1}", "Das {0}-Tagebuch, Teil {1}", "{0}-Kurs, Teil {1}"},
    {"{0} desde cero, parte {1}", "El diario de {0}, parte {1}", "Curso de {0}, parte {1}"},
    {"{0} de zéro, partie {1}", "Le journal de {0}, partie {1}", "Cours de {0}, partie {1}"},
    {"{0} do zero, parte {1}", "O diário de {0}, parte {1}", "Curso de {0}, parte {1}"},
}};
constexpr std::array<std::string_view, 6> kQueryForms = {
    "{0}", "best {0}", "{0} for beginners", "how to {0}", "{0} review", "{1} {0}"};

// Changes the case of ASCII letters; the word lists have no other letters at these places.
std::string Capitalized(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z')
    out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}
std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

const TopicWords& Topic(uint32_t topic) { return kTopics[topic]; }

std::string ChannelName(uint32_t topic, uint32_t n) {
  const auto adjectives = static_cast<uint32_t>(kAdjectives.size());
  const auto makers = static_cast<uint32_t>(kTopics[topic].makers.size());
  // The stride distributes neighbours over the adjectives; it shares no factor with their number.
  const std::string_view adjective = kAdjectives[(n * 7 + topic * 5) % adjectives];
  const std::string_view maker = kTopics[topic].makers[(n / adjectives) % makers];
  const uint32_t round = n / (adjectives * makers);
  return round == 0 ? fmt::format("{} {}", adjective, maker)
                    : fmt::format("{} {} {}", adjective, maker, round + 1);
}

std::string MakeTitle(const TitleParts& parts) {
  const std::string_view subject = kTopics[parts.topic].subjects[parts.subject];
  const uint32_t number = 2 + parts.variant / 8 % 29;
  const auto form = [&](std::span<const std::string_view> forms) {
    return fmt::runtime(forms[parts.variant % forms.size()]);
  };
  if (parts.episode > 0) {
    return Capitalized(fmt::format(form(kSeriesForms[parts.language]), subject, parts.episode));
  }
  const uint32_t year = 2020 + parts.variant / 8 % 6;
  if (parts.clickbait) {
    return Capitalized(fmt::format(form(kLoudForms[parts.language]), subject, number, year));
  }
  return Capitalized(fmt::format(form(kPlainForms[parts.language]), subject, number, year));
}

std::string SubjectQuery(uint32_t topic, uint32_t subject, uint32_t variant) {
  return Lower(fmt::format(fmt::runtime(kQueryForms[variant % kQueryForms.size()]),
                           kTopics[topic].subjects[subject], kTopics[topic].name));
}

std::string ChannelQuery(std::string_view channel_name) { return Lower(channel_name); }

std::string EpisodeQuery(uint32_t topic, uint32_t subject, uint32_t variant, uint32_t episode) {
  return Lower(fmt::format(fmt::runtime(kSeriesForms[0][variant % kSeriesForms[0].size()]),
                           kTopics[topic].subjects[subject], episode));
}

}  // namespace upnext::simulator
