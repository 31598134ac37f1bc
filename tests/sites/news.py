"""A news site: front pages of articles (impressions with positions), clicks, seconds of reading, saves, searches.

What a model can find in it: readers have two sections and favourite authors; an article is clicked ever less as it
ages and is on no page after 30 hours; the top of a page is looked at more than its end; some titles promise more than
the article holds (clicked, then left); searches name what somebody wants to read. A third of the readers are unknown:
a cookie, no row in the table of readers, one or two visits.
"""

import math

from tables import Weighted, at, hour, poisson, sigmoid, write

DAYS, ARTICLES_PER_DAY = 8, 45
READERS, UNKNOWN = 220, 130
SLATE = 8
SHOWN_HOURS = 30  # older articles are on no page

SECTIONS = {
    "politics": "parliament minister vote budget coalition reform treaty debate opposition senate",
    "economy": "bank interest market inflation trade factory wages export startup investors",
    "sport": "league goal coach season final stadium transfer champion sprint referee",
    "science": "telescope vaccine climate experiment orbit genome laboratory fossil reactor species",
    "culture": "festival novel orchestra gallery premiere director exhibition actor museum poem",
    "local": "tram bridge market school council harbour street library flood park",
}
PLACES = "Aldern Brockhaven Caldera Dunmore Eastlake Fernwick Grantham Holm Ivarsund Kesswick".split()
GLUE = "after before despite during over with without against near for".split()
AUTHORS = ["A. Berg", "B. Castillo", "C. Dubois", "D. Eriksen", "E. Fofana", "F. Garcia", "G. Huber", "H. Ito",
           "I. Jansen", "J. Kovac", "K. Lind", "L. Moreau"]
REGIONS = Weighted(["coast", "city", "hills"], [3, 5, 2])
DEVICES = Weighted(["phone", "desktop", "tablet"], [7, 3, 1])
PAGES = Weighted(["front", "section", "push"], [7, 2, 1])


def text(rng, words, count):
    """Sentences of `count` words, of the section's and of everybody's."""
    picked = [rng.choice(words if rng.random() < 0.5 else PLACES if rng.random() < 0.3 else GLUE) for _ in range(count)]
    sentences = [" ".join(picked[i:i + 9]) for i in range(0, count, 9)]
    return ". ".join(s[0].upper() + s[1:] for s in sentences) + "."


def articles(rng):
    made = []
    sections = list(SECTIONS)
    for number in range(DAYS * ARTICLES_PER_DAY):
        section = rng.choice(sections)
        words = SECTIONS[section].split()
        subject, place = rng.choice(words), rng.choice(PLACES)
        created = number // ARTICLES_PER_DAY + rng.triangular(0, 1, 0.4)
        length = rng.randrange(60, 200)
        made.append({
            "id": f"{at(created)[:10]}-{number:04}", "section": section, "place": place, "subject": subject,
            # Two authors write most of a section.
            "author": AUTHORS[sections.index(section) * 2 + rng.randrange(2) if rng.random() < 0.85
                              else rng.randrange(len(AUTHORS))],
            "title": f"{place}: {subject} {rng.choice(GLUE)} {rng.choice(words)}",
            "body": text(rng, words, length), "language": "en" if rng.random() < 0.8 else "de",
            "premium": str(rng.random() < 0.2).lower(), "created": at(created), "day": created, "length": length,
            "quality": rng.gauss(0, 1), "promise": rng.gauss(0, 1),
        })
    return sorted(made, key=lambda article: article["day"])


def readers(rng):
    made = []
    for number in range(READERS + UNKNOWN):
        known = number < READERS
        liked = rng.sample(list(SECTIONS), 2)
        made.append({
            "reader": f"r{number:04}" if known else f"cookie-{rng.getrandbits(32):08x}", "known": known,
            "region": REGIONS.draw(rng), "language": "de" if rng.random() < 0.15 else "en",
            "plan": "subscriber" if known and rng.random() < 0.3 else "free", "device": DEVICES.draw(rng),
            "sections": {liked[0]: 2.5, liked[1]: 1.5},
            "authors": set(rng.sample(AUTHORS, 3)),
            "visits": 1.2 * rng.lognormvariate(0, 0.5) if known else 0.2, "read": set(),
        })
    return made


class Visit:
    """One visit of a reader: appends to `events`."""

    def __init__(self, rng, reader, day, recent, events):
        self.rng, self.reader, self.day, self.recent, self.events = rng, reader, day, recent, events
        self.device = reader["device"] if rng.random() < 0.8 else DEVICES.draw(rng)

    def record(self, action, article=None, **more):
        self.events.append({"reader": self.reader["reader"], "article": article and article["id"],
                            "ts": at(self.day), "action": action, "device": self.device, **more})

    def interest(self, article):
        reader = self.reader
        return (reader["sections"].get(article["section"], 0) + (article["author"] in reader["authors"]) +
                0.5 * article["quality"] - (3 if article["language"] != reader["language"] else 0) -
                (2 if article["id"] in reader["read"] else 0) - (self.day - article["day"]) * 24 / 10)

    def wait(self, seconds):
        self.day += seconds / 86_400

    def read(self, article, interest, request=None):
        """What follows from a click."""
        self.record("click", article, request=request)
        reading_s = article["length"] / 4  # of the whole article
        share = min(1.2, self.rng.expovariate(1) * math.exp(0.45 * interest - 0.5 * article["promise"] - 0.6))
        seconds = max(1, round(reading_s * share))
        self.wait(seconds)
        self.record("read", article, request=request, seconds=seconds)
        if share > 0.7:
            self.reader["read"].add(article["id"])
            if self.rng.random() < 0.08:
                self.record("save", article)
        self.wait(5)

    def page(self):
        """What the site shows: new articles of all sections, mostly the good ones, in the order of a noisy score."""
        page, request = PAGES.draw(self.rng), f"{self.rng.getrandbits(48):012x}"
        noisy = [(self.rng.gauss(0, 1.2) + 0.6 * article["quality"] - (self.day - article["day"]) * 24 / 14 +
                  0.4 * self.reader["sections"].get(article["section"], 0), article) for article in self.recent]
        slate = [article for _, article in sorted(noisy, key=lambda entry: -entry[0])[:SLATE]]
        clicked = []
        for position, article in enumerate(slate, 1):
            self.record("impression", article, request=request, position=position, page=page)
            looked = 0.2 + 0.8 * math.exp(-(position - 1) / (2 if self.device == "phone" else 4))
            interest = self.interest(article)
            if self.rng.random() < looked * sigmoid(interest + 0.6 * article["promise"] - 2.2):
                clicked.append((article, interest))
        self.wait(8)
        for article, interest in clicked:
            self.read(article, interest, request)

    def search(self):
        wanted = max(self.rng.sample(self.recent, min(6, len(self.recent))), key=self.interest)
        self.record("search", query=f"{wanted['place']} {wanted['subject']}".lower())
        self.wait(6)
        if self.rng.random() < 0.7:
            self.read(wanted, self.interest(wanted))

    def run(self):
        if self.rng.random() < 0.12:
            self.search()
        for _ in range(1 + (self.rng.random() < 0.4)):
            self.page()


def make(rng, folder):
    written, people = articles(rng), readers(rng)
    visits = sorted((day + hour(rng), number, reader) for number, reader in enumerate(people)
                    for day in range(DAYS) for _ in range(poisson(rng, reader["visits"])))
    events = []
    for day, _, reader in visits:
        recent = [article for article in written if day - SHOWN_HOURS / 24 < article["day"] <= day]
        if recent:
            Visit(rng, reader, day, recent, events).run()
    events.sort(key=lambda event: event["ts"])

    def columns(rows, names):
        return [{name: row[name] for name in names} for row in rows]

    article_names = ("id", "section", "author", "title", "body", "language", "premium", "created")
    reader_names = ("reader", "region", "language", "plan")
    event_names = ("reader", "article", "ts", "action", "request", "position", "page", "seconds", "query", "device")
    return {
        "events.csv": write(folder / "events.csv", event_names, events),
        "articles.csv": write(folder / "articles.csv", article_names, columns(written, article_names)),
        "readers.csv": write(folder / "readers.csv", reader_names,
                             columns([r for r in people if r["known"]], reader_names)),
    }
