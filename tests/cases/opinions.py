#!/usr/bin/env python3
"""What users do not want is learned from, and events without an item do no harm, with the real binary.

    tests/cases/opinions.py build/release/upnext
"""
import json
import pathlib
import random
import re
import sys
import tempfile
import urllib.error

import case
from case import Failed, Server, require, run_cases

PROJECT = """
[import]
events = '''
SELECT "user", item, time, type, value, request, position, query FROM read_csv('{data}/events.csv')
'''
items = '''
SELECT * FROM read_csv('{data}/items.csv')
'''
[retrieval]
preset = "linear"
dim = 8
epochs = 2
[retrieval.index]
kind = "exact"
[ranking]
widths = [16]
epochs = 4
[serving]
filter_seen = false
filter_disliked = LEARNS
[server]
stop_delay = 0
"""
START = 1_704_067_200
CHANNELS, ITEMS, USERS, REQUESTS, SHOWN = 6, 60, 120, 8, 6


def events():
    """All channels are watched alike, but every second user dislikes or dismisses much of c5, or gives it one star."""
    draw = random.Random(5)
    rows = []
    for user in range(USERS):
        name = f"u{user:03}"
        for request in range(REQUESTS):
            at = START + request * 100_000 + draw.randrange(90_000)
            if request == 2:
                rows.append((name, "", at - 60, "search", "", "", "", f"words {user % 5}"))
            for position, item in enumerate(draw.sample(range(ITEMS), SHOWN), 1):
                about = (f"a{item:02}", at + position)
                said = (f"{name}-{request}", position, "")
                rows.append((name, *about, "impression", "", *said))
                if draw.random() < 0.4:
                    rows.append((name, *about, "watch", draw.choice([20, 40, 60]), *said))
                if item % CHANNELS == 5 and user % 2 == 0 and draw.random() < 0.8:
                    kind = draw.choice(["dislike", "dismiss", "rating"])
                    rows.append((name, *about, kind, 1 if kind == "rating" else "", *said))
                elif draw.random() < 0.1:
                    rows.append((name, *about, "rating", 5, *said))
    for user in range(3):
        rows.append((f"u{user:03}", "", START + 5, "complete", "", "", "", ""))
    return rows


class Site(case.Site):
    def __init__(self, upnext, folder, learns):
        super().__init__(upnext, pathlib.Path(folder))
        self.folder.mkdir()
        (self.folder / "site.toml").write_text(PROJECT.replace("LEARNS", "true" if learns else "false"))
        self.write("events.csv", ("user", "item", "time", "type", "value", "request", "position", "query"), events())
        self.write("items.csv", ("item", "title", "channel", "created"),
                   [(f"a{item:02}", f"Article {item}", f"c{item % CHANNELS}", START) for item in range(ITEMS)])
        self.imported = self.run("import")
        self.trained = self.run("train")

    def run(self, verb, *args):
        done = self.finish(verb, *args)
        return done.stderr + done.stdout

    def share_of_c5(self):
        """In the first ten of users who never disliked anything."""
        feeds = [json.loads(line) for line in
                 self.run("recommend", "--all-users", "-n", "10", "--json", "--out", "-").splitlines()
                 if line.startswith("{")]
        items = [int(item["item"][1:]) for feed in feeds if int(feed["user"][1:]) % 2 for item in feed["items"]]
        require(len(items) == 10 * USERS // 2, len(items))
        return sum(item % CHANNELS == 5 for item in items) / len(items)


def disliked_channels_sink(learned, ignored):
    require(re.search(r"impressions were unwanted \(dislike, dismiss, rating up to 2.33\).*score_weight = -0.5",
                      learned.trained), learned.trained)
    require("unwanted" not in ignored.trained, "filter_disliked = false changes nothing:", ignored.trained)
    with_it, without = learned.share_of_c5(), ignored.share_of_c5()
    print(f"        c5 has {without:.3f} of feeds without, {with_it:.3f} with the objective; 1 / 6 of the items")
    require(with_it < 0.05 < 0.1 < without, with_it, without)


def events_without_an_item_do_no_harm(site, _):
    require("3 rows rejected" in site.imported, site.imported)
    with Server(site) as server:
        try:
            server.post({"user": "u001", "type": "complete"})
            raise Failed("a complete watch of nothing was accepted")
        except urllib.error.HTTPError as error:
            answer = json.load(error)
            require(error.code == 400 and "expected an item" in answer["detail"], answer)
        answer = server.post({"user": "u001", "type": "search", "query": "words of nobody"})
        require(answer["accepted"] == 1, answer)
        feed = server.get("/v1/recommendations", user="u001", n=5)
        require(len(feed["items"]) == 5, feed)


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        sites = [Site(upnext, pathlib.Path(folder) / str(learns), learns) for learns in (True, False)]
        return run_cases([disliked_channels_sink, events_without_an_item_do_no_harm], *sites)


if __name__ == "__main__":
    sys.exit(main())
