#!/usr/bin/env python3
"""What `evaluate` says of a log is what a server gives its users, who repeat items and dislike some; with the real binary.

    tests/cases/served_lists.py build/release/upnext

The server has the log without its test part, so that its next answer is the list which that part tests.
"""
import json
import math
import pathlib
import random
import sys
import tempfile
import time

import case
from case import Server, require, run_cases

PROJECT = """
[import]
events = '''
SELECT "user", item, to_timestamp(time) AS time, type
FROM read_csv('{data}/events.csv', types = {'user': 'VARCHAR', 'item': 'VARCHAR'})
'''
[labels]
complete = "event"
[train]
final_fit = false
threads = 2
[server]
stop_delay = 0
[retrieval]
preset = "linear"
dim = 8
epochs = 3
"""
USERS, ITEMS, DAY = 80, 60, 86_400


class Site(case.Site):
    def __init__(self, upnext, folder, events):
        super().__init__(upnext, folder)
        folder.mkdir()
        self.write("events.csv", ("user", "item", "time", "type"), events)

    def train(self, options):
        (self.folder / "site.toml").write_text(PROJECT + options)
        self.run("import")
        return self.run("train", "--force")


def listeners(end):
    """People who listen to a few items each, again and again, five days long, and dislike one: the events before
    the test part, and those of the test part, all of them at `end`."""
    draw = random.Random(5)
    before, test = [], []
    for user in range(USERS):
        favourites = [(user * 7 + n) % ITEMS for n in range(6)]
        name = f"u{user:02}"
        for n in range(14):
            at = end - DAY - int(n * DAY / 3) - (draw.randrange(3600) if n else 0)
            before.append((name, f"i{draw.choice(favourites):02}", at, "complete"))
        before.append((name, f"i{draw.randrange(ITEMS):02}", end - DAY - 60, "dislike"))
        for item in draw.sample(favourites + [draw.randrange(ITEMS)], 2):
            test.append((name, f"i{item:02}", end, "complete"))
    return before, test


def ndcg(items, targets):
    gain = sum(1 / math.log2(place + 2) for place, item in enumerate(items) if item in targets)
    return gain / sum(1 / math.log2(place + 2) for place in range(len(targets)))


class Sites:
    """The same site twice: `whole` has the test part, `known` what a server knows before it."""

    def __init__(self, upnext, folder):
        before, test = listeners(int(time.time()))
        self.whole = Site(upnext, folder / "whole", before + test)
        self.known = Site(upnext, folder / "known", before)
        self.targets = {}
        for user, item, _, _ in test:
            self.targets.setdefault(user, set()).add(item)
        had = {(user, item) for user, item, _, kind in before if kind == "complete"}
        self.repeats = sum((user, item) in had for user, items in self.targets.items() for item in items)

    def compare(self, order, filter_seen):
        """Returns the figures of the evaluation."""
        options = f'order = "{order}"\n[serving]\nfilter_seen = {str(filter_seen).lower()}\n[split]\ntest_days = '
        self.whole.train(options + "1\n")
        self.known.train(options + "0\n")
        report = json.loads(self.whole.run("evaluate", "--json"))
        with Server(self.known) as server:
            served = {user: [item["item"] for item in server.get("/v1/recommendations", user=user, n=10)["items"]]
                      for user in self.targets}
        self.whole.run("recommend", "--all-users", "--at", "test", "-n", "10", "--out", self.whole.folder / "lists.tsv")
        evaluated = {}
        for line in (self.whole.folder / "lists.tsv").read_text().splitlines():
            user, item, _, _ = line.split("\t")
            evaluated.setdefault(user, []).append(item)
        for user, items in served.items():
            require(items == evaluated[user], "with order", order, user, "is served", items, "and evaluated", evaluated[user])
        figures = report["retrieval"].get("served", report["retrieval"])
        for name, of in (("ndcg@10", ndcg), ("hr@10", lambda items, targets: any(item in targets for item in items))):
            value = sum(of(served[user], items) for user, items in self.targets.items()) / USERS
            require(abs(figures[name] - value) < 1e-9, "with order", order, "and filter_seen", filter_seen, name, "is",
                    figures[name], "and that of what is served", value)
        require(report["targets"]["seen"] == (self.repeats if filter_seen else 0), self.repeats, report["targets"])
        require(report["targets"]["disliked"] > 0, "no target was disliked")
        return figures


def served_lists_have_the_figures_of_the_evaluation(sites):
    require(USERS < sites.repeats < 2 * USERS, "the log has", sites.repeats, "repeats")
    found = {(order, filter_seen): sites.compare(order, filter_seen)["ndcg@10"]
             for order in ("model", "item-knn", "blend", "trending") for filter_seen in (True, False)}
    require(len(set(found.values())) == len(found), "the orders do not differ:", found)
    for (order, filter_seen), value in found.items():
        require(filter_seen or value > found[order, True], "hits among seen items should count without the filter", found)


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        return run_cases([served_lists_have_the_figures_of_the_evaluation], Sites(upnext, pathlib.Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
