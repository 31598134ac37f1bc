#!/usr/bin/env python3
"""What users said about items and how feeds follow it, with the real binary.

    tests/cases/signals.py build/release/upnext
"""
import json
import pathlib
import random
import re
import sys
import tempfile

import case
from case import require

PROJECT = """
[import]
events = '''
SELECT "user", item, time, type
FROM read_csv('{data}/events.csv')
'''
items = '''
SELECT * FROM read_csv('{data}/items.csv')
'''
[labels]
complete = "event"
[retrieval]
order = "model"  # a blend has other places when items are left out
dim = 16
epochs = 4
[site]
verb = "read"
[server]
stop_delay = 0
"""
START = 1_704_067_200
ITEMS, USERS = 24, 40


class Site(case.Site):
    """A small news site: 24 articles that are read, `fresh` of which nobody read, with an odd title."""

    def __init__(self, upnext, folder):
        super().__init__(upnext, pathlib.Path(folder))
        (self.folder / "site.toml").write_text(PROJECT)
        draw = random.Random(7)
        rows = []
        for user in range(USERS):
            at = draw.randrange(ITEMS)
            for step in range(8):
                rows.append((f"u{user:02}", f"a{at:02}", START + step * 50_000 + draw.randrange(40_000), "complete"))
                at = (at + draw.choice([1, 1, 3])) % ITEMS
        self.write("events.csv", ("user", "item", "time", "type"), sorted(rows, key=lambda row: row[2]))
        items = [(f"a{item:02}", f"\x1b[31mArticle {item}\x1b[0m\tof\nthe day", f"t{item % 4}", f"c{item % 3}", START)
                 for item in range(ITEMS)]
        items.append(("fresh", "Fresh", "t2", "c1", START + 400_000))
        self.write("items.csv", ("item", "title", "topics", "channel", "created"), items)
        self.run("import")
        self.run("train")


class Server(case.Server):
    def feed(self, **parameters):
        return [item["item"] for item in self.get("/v1/recommendations", **parameters)["items"]]


def a_dismissed_item_leaves_the_feed(site, server):
    for kind in ("dismiss", "dislike"):
        first = server.feed(user="u04", n=2)[0]
        others = server.feed(user="u05", n=50)
        server.post({"user": "u04", "type": kind, "item": first})
        require(first not in server.feed(user="u04", n=50), kind, "of", first, "left it in the feed")
        require(server.feed(user="u05", n=50) == others, "the feed of another user changed")
    counts = server.get("/v1/recommendations", user="u04", n=50, explain=1)["counts"]
    require(counts["filtered_disliked"] == 2, "expected two disliked items, found", counts)


def items_without_events_are_found(site, server):
    feed = server.get("/v1/recommendations", user="stranger", n=50)["items"]
    fresh = [item for item in feed if item["item"] == "fresh"]
    require(fresh and fresh[0]["reason"] == "new", "fresh is not in the feed of a stranger:", feed)
    similar = server.get("/v1/items/fresh/similar", n=50)["items"]
    require(len(similar) == ITEMS, "expected the whole catalogue, found", len(similar))
    require(similar[0]["reason"] == "with a similar description", similar[0])
    table = site.run("similar", "--item", "fresh", "-n", "3")
    require("with a similar description" in table, table)


def similar_begins_with_what_was_read_next(site, server):
    similar = server.get("/v1/items/a03/similar", n=3)["items"]
    require(similar[0]["item"] == "a04", "most readers of a03 went on to a04, found", similar)
    require(similar[0]["reason"] == "read next", similar[0])


def the_current_item_changes_the_feed(site, server):
    before = server.feed(user="u07", n=6)
    items = server.get("/v1/recommendations", user="u07", n=6, current_item="a11")["items"]
    require([item["item"] for item in items] != before, "the current item changed nothing")
    require(any("after" in item["reason"] for item in items), [item["reason"] for item in items])


def pages_are_parts_of_one_list(site, server):
    whole = server.feed(user="u01", n=12)
    require(len(whole) == 12, whole)
    require(server.feed(user="u01", n=5, offset=5) == whole[5:10], "page two is not the rest of the longer list")
    require(server.feed(user="u01", n=5, exclude=whole[:5]) == whole[5:10], "exclude is not followed by the next best")
    pages = []
    for offset in ("0", "6"):
        lines = site.run("recommend", "--all-users", "-n", "6", "--offset", offset, "--out", "-").splitlines()
        pages.append([line.split("\t") for line in lines if line.startswith("u01\t")])
    ranks = [int(line[2]) for page in pages for line in page]
    require(ranks == list(range(1, 13)), "ranks of two pages:", ranks)
    require(len({line[1] for page in pages for line in page}) == 12, "an item is on both pages")
    without = pages[0][0][1]
    alone = json.loads(site.run("recommend", "--user", "u01", "-n", "3", "--exclude", without, "--json"))
    require(without not in [item["item"] for item in alone["items"]], "--exclude left the item in the feed")


def all_users_are_lines_of_json(site, server):
    feeds = [json.loads(line) for line in
             site.run("recommend", "--all-users", "-n", "2", "--json", "--out", "-").splitlines()]
    require(len({feed["user"] for feed in feeds}) == USERS, "users:", len(feeds))
    require(all(len(feed["items"]) == 2 for feed in feeds), feeds[0])


def titles_stay_on_their_line(site, server):
    for args in (["recommend", "--user", "u03", "-n", "3"], ["similar", "--item", "a01", "-n", "3"]):
        table = site.run(*args)
        require(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", table), "control characters in", repr(table))
        require(table.count("\\x1b[31mArticle") >= 3, table)
        require(sum("Article" in line for line in table.splitlines()) >= 3, table)


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(upnext, folder)
        with Server(site) as server:
            return case.run_cases([items_without_events_are_found, similar_begins_with_what_was_read_next,
                                   the_current_item_changes_the_feed, pages_are_parts_of_one_list,
                                   all_users_are_lines_of_json, titles_stay_on_their_line,
                                   a_dismissed_item_leaves_the_feed], site, server)


if __name__ == "__main__":
    sys.exit(main())
