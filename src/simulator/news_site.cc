// Readers have two sections and favourite authors. An article is clicked ever less as it ages; some
// are news that everybody reads for a few hours. The top of a page is looked at more than its end,
// and some titles promise more than the article holds. Many readers are unknown: a cookie, one or
// two visits.
#include "simulator/news_site.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/rng.h"
#include "import/duckdb_table.h"
#include "simulator/names.h"
#include "simulator/site_draws.h"
#include "simulator/table_file.h"

namespace upnext::simulator {
namespace {

constexpr size_t kPageSize = 8;
constexpr double kShownDays = 1.25;  // older articles are on no page

struct NewsSection {
  std::string_view name;
  std::array<std::string_view, 10> words;
};
constexpr std::array<NewsSection, 6> kSections = {{
    {"politics",
     {"parliament", "minister", "vote", "budget", "coalition", "reform", "treaty", "debate",
      "opposition", "senate"}},
    {"economy",
     {"bank", "interest", "market", "inflation", "trade", "factory", "wages", "export", "startup",
      "investors"}},
    {"sport",
     {"league", "goal", "coach", "season", "final", "stadium", "transfer", "champion", "sprint",
      "referee"}},
    {"science",
     {"telescope", "vaccine", "climate", "experiment", "orbit", "genome", "laboratory", "fossil",
      "reactor", "species"}},
    {"culture",
     {"festival", "novel", "orchestra", "gallery", "premiere", "director", "exhibition", "actor",
      "museum", "poem"}},
    {"local",
     {"tram", "bridge", "harbour", "school", "council", "street", "library", "flood", "park",
      "square"}},
}};
constexpr std::array<std::string_view, 10> kPlaces = {
    "Aldern",   "Brockhaven", "Caldera", "Dunmore",  "Eastlake",
    "Fernwick", "Grantham",   "Holm",    "Ivarsund", "Kesswick"};
constexpr std::array<std::string_view, 8> kGlue = {"after", "before",  "despite", "during",
                                                   "over",  "without", "against", "near"};
constexpr std::array<std::string_view, 12> kAuthors = {
    "A. Berg",  "B. Castillo", "C. Dubois", "D. Eriksen", "E. Fofana", "F. Garcia",
    "G. Huber", "H. Ito",      "I. Jansen", "J. Kovac",   "K. Lind",   "L. Moreau"};
constexpr std::array<std::string_view, 3> kPages = {"front", "section", "push"};

struct Article {
  uint32_t section, author, place, subject;
  double created, quality, promise;
  double burst;  // of news that everybody reads; 0 for most
  size_t words;
  bool premium, german;
  std::string title, body;
};

struct Reader {
  bool known;  // has an account
  bool german, subscriber;
  double visits_per_day;
  std::vector<uint32_t> sections, authors;
  std::string_view region, device;
};

class NewsSite : public SimulatedSite {
 public:
  explicit NewsSite(const SiteOptions& options) : options_(options) {
    base::Rng rng = StreamRng(options.seed, Purpose::kCatalogue, 0);
    // Most are written in the morning; the last may be of the last hours.
    std::vector<double> created;
    for (uint32_t id = 0; id < options.items; ++id) {
      const double hour = std::min(rng.Uniform(), rng.Uniform() + 0.2);
      created.push_back(static_cast<double>(id) * options.days / options.items -
                        std::fmod(static_cast<double>(id) * options.days / options.items, 1.0) +
                        hour);
    }
    std::ranges::sort(created);
    for (const double at : created) articles_.push_back(MakeArticle(rng, at));
    for (uint32_t id = 0; id < options.users; ++id) {
      base::Rng of_user = StreamRng(options.seed, Purpose::kUser, id);
      readers_.push_back(MakeReader(of_user));
    }
  }

  void AddUser(uint32_t user, std::vector<SiteEvent>* events) const override;
  Status WriteTables(const std::filesystem::path& directory) const override;
  Status WriteEvents(const std::vector<SiteEvent>& events,
                     const std::filesystem::path& file) const override;

  const Article& article(uint32_t id) const { return articles_[id]; }
  // What is on pages at a moment: [first, second).
  std::pair<uint32_t, uint32_t> Recent(double day) const {
    const auto at = [&](double time) {
      const auto found = std::ranges::upper_bound(articles_, time, {}, &Article::created);
      return static_cast<uint32_t>(found - articles_.begin());
    };
    return {at(day - kShownDays), at(day)};
  }
  // How much everybody wants to read it at a moment.
  double News(uint32_t id, double day) const {
    const double hours = (day - articles_[id].created) * 24;
    return articles_[id].burst * std::exp(-hours / 3) - hours / 10;
  }
  // The logit of a click by a reader who looks at it, but for what the title promises and for what
  // was read before.
  double Interest(const Reader& reader, uint32_t id, double day) const {
    const Article& article = articles_[id];
    double interest = News(id, day) + 0.5 * article.quality;
    if (article.section == reader.sections[0]) interest += 2.5;
    if (article.section == reader.sections[1]) interest += 1.5;
    if (std::ranges::count(reader.authors, article.author) > 0) interest += 1;
    return article.german == reader.german ? interest : interest - 3;
  }

 private:
  static Article MakeArticle(base::Rng& rng, double created) {
    Article article{};
    article.created = created;
    article.section = static_cast<uint32_t>(rng.Below(kSections.size()));
    // Two authors write most of a section.
    article.author = Chance(rng, 0.85) ? 2 * article.section + static_cast<uint32_t>(rng.Below(2))
                                       : static_cast<uint32_t>(rng.Below(kAuthors.size()));
    article.place = static_cast<uint32_t>(rng.Below(kPlaces.size()));
    const auto& words = kSections[article.section].words;
    article.subject = static_cast<uint32_t>(rng.Below(words.size()));
    article.quality = rng.Normal();
    article.promise = rng.Normal();
    article.burst = Chance(rng, 0.1) ? Between(rng, 1.5, 4) : 0;
    article.words = 60 + rng.Below(140);
    article.premium = Chance(rng, 0.2);
    article.german = Chance(rng, 0.15);
    article.title = fmt::format("{}: {} {} {}", kPlaces[article.place], words[article.subject],
                                OneOf(rng, kGlue), OneOf(rng, words));
    for (size_t n = 0; n < article.words; ++n) {
      article.body += n == 0 ? "" : n % 9 == 0 ? ". " : " ";
      article.body += Chance(rng, 0.5) ? OneOf(rng, words) : OneOf(rng, kGlue);
    }
    return article;
  }

  static Reader MakeReader(base::Rng& rng) {
    Reader reader{};
    reader.known = Chance(rng, 0.55);
    reader.german = Chance(rng, 0.15);
    reader.subscriber = reader.known && Chance(rng, 0.3);
    reader.visits_per_day = reader.known ? 0.6 * LogNormal(rng, 0.5) : 0.1;
    reader.sections = SomeOf(rng, static_cast<uint32_t>(kSections.size()), 2);
    reader.authors = SomeOf(rng, static_cast<uint32_t>(kAuthors.size()), 3);
    reader.region = SiteRegion(rng);
    reader.device = SiteDevice(rng);
    return reader;
  }

  const SiteOptions options_;
  std::vector<Article> articles_;  // by creation
  std::vector<Reader> readers_;
};

// One reader's visits, one after the other.
class Reading {
 public:
  Reading(const NewsSite& site, const Reader& reader, uint32_t user, base::Rng& rng,
          std::vector<SiteEvent>* events)
      : site_(site), reader_(reader), user_(user), rng_(rng), events_(events) {}

  void Visit(double day) {
    day_ = std::max(day, day_ + 60 * kSecond);
    const auto [first, end] = site_.Recent(day_);
    if (first == end) return;
    if (Chance(rng_, 0.08)) Search(first, end);
    for (int pages = Chance(rng_, 0.4) ? 2 : 1; pages > 0; --pages) Page(first, end);
  }

 private:
  SiteEvent& Record(std::string_view action, uint32_t id) {
    SiteEvent event{.user = user_, .item = id, .time_ms = SiteTime(day_)};
    event.action = action;
    event.device = reader_.device;
    events_->push_back(std::move(event));
    return events_->back();
  }

  double InterestNow(uint32_t id) const {
    return site_.Interest(reader_, id, day_) - (read_.contains(id) ? 2 : 0);
  }

  // What the site shows: what is new, read by many and of a section that the reader reads, in the
  // order of a noisy score.
  void Page(uint32_t first, uint32_t end) {
    constexpr std::array<double, 3> kShares = {7, 2, 1};
    const std::string_view page = kPages[PickWeighted<double>(rng_, kShares)];
    std::vector<std::pair<double, uint32_t>> scored;
    for (uint32_t id = first; id < end; ++id) {
      const double liked = site_.article(id).section == reader_.sections[0] ? 0.8 : 0;
      scored.emplace_back(-(0.6 * site_.News(id, day_) + 0.6 * site_.article(id).quality + liked +
                            1.2 * rng_.Normal()),
                          id);
    }
    std::ranges::sort(scored);
    scored.resize(std::min(scored.size(), kPageSize));
    const uint64_t request = uint64_t{user_} * 1'000'000 + ++requests_;
    std::vector<uint32_t> clicked;
    for (size_t i = 0; i < scored.size(); ++i) {
      const uint32_t id = scored[i].second;
      SiteEvent& event = Record("impression", id);
      event.request = request;
      event.position = static_cast<uint16_t>(i + 1);
      event.page = page;
      const double looked =
          0.2 + 0.8 * std::exp(-static_cast<double>(i) / (reader_.device == "phone" ? 2 : 4));
      const double logit = InterestNow(id) + 0.6 * site_.article(id).promise - 2.2;
      if (Chance(rng_, looked * Sigmoid(logit))) clicked.push_back(id);
    }
    day_ += 8 * kSecond;
    for (const uint32_t id : clicked) Read(id, request);
  }

  void Read(uint32_t id, uint64_t request) {
    const Article& article = site_.article(id);
    Record("click", id).request = request;
    const double share =
        std::min(1.2, Exponential(rng_, 1) * std::exp(0.45 * std::min(InterestNow(id), 3.0) -
                                                      0.5 * article.promise - 0.3));
    const double seconds =
        std::max(1.0, std::round(static_cast<double>(article.words) / 4 * share));
    day_ += seconds * kSecond;
    SiteEvent& read = Record("read", id);
    read.request = request;
    read.value = seconds;
    if (share > 0.7) {
      read_.insert(id);
      if (Chance(rng_, 0.08)) Record("save", id);
    }
    day_ += 5 * kSecond;
  }

  void Search(uint32_t first, uint32_t end) {
    uint32_t wanted = first;
    for (int n = 0; n < 6; ++n) {
      const auto other = first + static_cast<uint32_t>(rng_.Below(end - first));
      if (InterestNow(other) > InterestNow(wanted)) wanted = other;
    }
    const Article& article = site_.article(wanted);
    Record("search", UINT32_MAX).query = fmt::format(
        "{} {}", kPlaces[article.place], kSections[article.section].words[article.subject]);
    day_ += 6 * kSecond;
    if (Chance(rng_, 0.7)) Read(wanted, 0);
  }

  const NewsSite& site_;
  const Reader& reader_;
  const uint32_t user_;
  base::Rng& rng_;
  std::vector<SiteEvent>* const events_;
  double day_ = -1;
  uint64_t requests_ = 0;
  std::unordered_set<uint32_t> read_;
};

void NewsSite::AddUser(uint32_t user, std::vector<SiteEvent>* events) const {
  base::Rng rng = StreamRng(options_.seed, Purpose::kUserLog, user);
  Reading reading(*this, readers_[user], user, rng, events);
  for (const double day : VisitTimes(rng, options_.days, readers_[user].visits_per_day)) {
    reading.Visit(day);
  }
}

std::string ReaderName(uint32_t user, bool known) {
  return fmt::format("{}{:05}", known ? "r" : "cookie-", user);
}

// Ids rise with the time, as those of articles do.
std::string ArticleName(uint32_t id) { return fmt::format("a{:06}", id); }

Status NewsSite::WriteTables(const std::filesystem::path& directory) const {
  UPNEXT_RETURN_IF_ERROR(
      WriteTable(directory / "articles.csv",
                 {{"id", "VARCHAR"},
                  {"section", "VARCHAR"},
                  {"author", "VARCHAR"},
                  {"title", "VARCHAR"},
                  {"body", "VARCHAR"},
                  {"language", "VARCHAR"},
                  {"premium", "BOOLEAN"},
                  {"created", "TIMESTAMP"}},
                 "*", articles_.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
                   const Article& article = articles_[i];
                   chunk.SetText(0, row, ArticleName(static_cast<uint32_t>(i)));
                   chunk.SetText(1, row, kSections[article.section].name);
                   chunk.SetText(2, row, kAuthors[article.author]);
                   chunk.SetText(3, row, article.title);
                   chunk.SetText(4, row, article.body);
                   chunk.SetText(5, row, article.german ? "de" : "en");
                   chunk.Values<bool>(6)[row] = article.premium;
                   chunk.Values<int64_t>(7)[row] = 1000 * SiteTime(article.created);
                 }));
  std::vector<uint32_t> known;
  for (uint32_t id = 0; id < readers_.size(); ++id) {
    if (readers_[id].known) known.push_back(id);
  }
  return WriteTable(
      directory / "readers.csv",
      {{"reader", "VARCHAR"}, {"region", "VARCHAR"}, {"language", "VARCHAR"}, {"plan", "VARCHAR"}},
      "*", known.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
        const Reader& reader = readers_[known[i]];
        chunk.SetText(0, row, ReaderName(known[i], true));
        chunk.SetText(1, row, reader.region);
        chunk.SetText(2, row, reader.german ? "de" : "en");
        chunk.SetText(3, row, reader.subscriber ? "subscriber" : "free");
      });
}

Status NewsSite::WriteEvents(const std::vector<SiteEvent>& events,
                             const std::filesystem::path& file) const {
  return WriteTable(file,
                    {{"reader", "VARCHAR"},
                     {"article", "VARCHAR"},
                     {"ts", "TIMESTAMP"},
                     {"action", "VARCHAR"},
                     {"seconds", "DOUBLE"},
                     {"query", "VARCHAR"},
                     {"request", "VARCHAR"},
                     {"position", "INTEGER"},
                     {"page", "VARCHAR"},
                     {"device", "VARCHAR"}},
                    "*", events.size(), [&](import::ChunkWriter& chunk, size_t i, size_t row) {
                      const SiteEvent& event = events[i];
                      chunk.SetText(0, row, ReaderName(event.user, readers_[event.user].known));
                      TextOrNull(chunk, 1, row, ArticleName(event.item), event.item == UINT32_MAX);
                      chunk.Values<int64_t>(2)[row] = 1000 * event.time_ms;
                      chunk.SetText(3, row, event.action);
                      ValueOrNull(chunk, 4, row, event.value, std::isnan(event.value));
                      TextOrNull(chunk, 5, row, event.query, event.query.empty());
                      TextOrNull(chunk, 6, row, fmt::format("q{}", event.request),
                                 event.request == 0);
                      ValueOrNull(chunk, 7, row, int32_t{event.position}, event.position == 0);
                      TextOrNull(chunk, 8, row, event.page, event.page.empty());
                      chunk.SetText(9, row, event.device);
                    });
}

}  // namespace

std::unique_ptr<const SimulatedSite> MakeNewsSite(const SiteOptions& options) {
  return std::make_unique<NewsSite>(options);
}

}  // namespace upnext::simulator
