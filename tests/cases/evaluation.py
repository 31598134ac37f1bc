#!/usr/bin/env python3
"""What an evaluation says and what lists users get are the same, on logs that other tools get wrong, with the real binary.

    tests/cases/evaluation.py build/release/upnext
"""
import csv
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

from case import Failed, require

PROJECT = """
[import]
events = '''
SELECT "user", item, time, type
FROM read_csv('{data}/e.csv')
'''
[labels]
complete = "event"
[split]
kind = "leave-one-out"
[retrieval]
dim = 8
depth = 0
negatives = 0
epochs = 3
"""
START = 1_704_067_200


class Site:
    def __init__(self, upnext, folder):
        self.upnext, self.folder = upnext, pathlib.Path(folder)

    def run(self, verb, *args):
        done = subprocess.run([self.upnext, verb, "-c", self.folder / "site.toml", *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=240)
        require(done.returncode == 0, verb, *args, "ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout

    def load(self, rows):
        """Imports (user, item, seconds, type) rows."""
        with open(self.folder / "e.csv", "w", newline="") as file:
            csv.writer(file).writerows([("user", "item", "time", "type"), *sorted(rows, key=lambda row: row[2])])
        self.set("")
        self.run("import", "--data", self.folder)

    def set(self, more, retrieval=""):
        (self.folder / "site.toml").write_text(PROJECT + retrieval + more)

    def report(self):
        return json.loads(self.run("evaluate", "--json"))

    def lists(self):
        """The product's own lists for the cases of the test part: {user: [item, ...]}."""
        path = self.folder / "lists.tsv"
        self.run("recommend", "--all-users", "--at", "test", "-n", "10", "--out", path)
        lists = {}
        for line in path.read_text().splitlines():
            user, item, _, _ = line.split("\t")
            lists.setdefault(user, []).append(item)
        return lists


def listeners(draw):
    """Music: people listen to the same few items again and again. {user: [item, ...]} in time order."""
    return {f"u{user:03}": [f"s{(user * 7 + draw.randrange(6)) % 60:02}" for _ in range(12)] for user in range(80)}


def figures_are_those_of_the_lists(upnext, folder):
    site = Site(upnext, folder)
    history = listeners(random.Random(5))
    site.load([(user, item, START + 60 * n, "complete") for user, items in history.items()
               for n, item in enumerate(items)])
    repeats = sum(items[-1] in items[:-1] for items in history.values())
    require(20 < repeats < 80, "the log has", repeats, "repeats")
    for filter_seen in ("true", "false"):
        site.set(f"[serving]\nfilter_seen = {filter_seen}\n")
        site.run("train")
        report, lists = site.report(), site.lists()
        figures = report["retrieval"].get("served", report["retrieval"])
        hits, ndcg = 0, 0.0
        for user, items in history.items():
            if items[-1] in lists.get(user, []):
                hits += 1
                ndcg += 1 / math.log2(lists[user].index(items[-1]) + 2)
        for name, value in (("hr@10", hits / 80), ("ndcg@10", ndcg / 80)):
            require(abs(figures[name] - value) < 1e-9, "with filter_seen", filter_seen, name, "is", figures[name],
                    "and that of the lists", value)
        hidden = repeats if filter_seen == "true" else 0
        require(report["targets"]["seen"] == hidden, "expected", hidden, "seen targets, found", report["targets"])
        said = any(f"{repeats} of 80 targets were seen before" in note for note in report["notes"])
        require(said == (filter_seen == "true"), "the notes are", report["notes"])
    require(hits > 10, "without filter_seen only", hits, "hits")


def shoppers(draw):
    """A shop: people look at five items and buy the fourth, in no pattern across people."""
    rows = []
    for user in range(120):
        looked = draw.sample(range(200), 15)
        for visit in range(3):
            for n, item in enumerate(looked[5 * visit:5 * visit + 5]):
                rows.append((f"u{user:03}", f"p{item:03}", START + 86_400 * visit + 60 * n, "visit"))
            rows.append((f"u{user:03}", f"p{looked[5 * visit + 3]:03}", START + 86_400 * visit + 600, "complete"))
    return rows


def a_lost_comparison_is_said_and_auto_serves_the_winner(upnext, folder):
    site = Site(upnext, folder)
    site.load(shoppers(random.Random(9)))
    site.set("", retrieval='order = "model"\n')
    said = site.run("train")
    lines = [line for line in said.splitlines() if "recently viewed has ndcg@10" in line]
    require(len(lines) == 1 and 'set [retrieval] order = "auto"' in lines[0], "expected one line of advice in", said)
    report = site.report()
    require(report["losses"][0]["baseline"] == "recently viewed", report["losses"])
    site.set("")
    said = site.run("train", "--force")
    require("order of feeds without a ranker: recent," in said, said)
    report, lists = site.report(), site.lists()
    served = report["retrieval"]["served"]
    require(served["hr@10"] == 1 and served["ndcg@10"] > 0.6, "the served order has", served)
    require(not any(loss["baseline"] == "recently viewed" for loss in report["losses"]), report["losses"])
    bought = {user: item for user, item, _, kind in sorted(shoppers(random.Random(9)), key=lambda row: row[2])
              if kind == "complete"}
    require(all(lists[user][1] == item for user, item in bought.items()), "the second item of a list is not the one looked at before the last")


def readers(draw):
    """News: three articles an hour, each read in the four hours after it came out."""
    rows = []
    for user in range(150):
        for day in range(8):
            hour = 24 * day + draw.randrange(24)
            for n in range(3):
                came = max(0, hour - draw.choices(range(4), [4, 3, 2, 1])[0])
                article = f"a{came:03}{draw.choice('xxxyyz')}"
                rows.append((f"u{user:03}", article, START + 3600 * hour + 60 * draw.randrange(60), "complete"))
    return rows


def what_is_chosen_now_is_the_order_of_feeds_where_it_changes_within_hours(upnext, folder):
    site = Site(upnext, folder)
    log = readers(random.Random(3))
    site.load(log)
    by_time = lambda more: PROJECT.replace('"leave-one-out"', '"time"\nvalidation_days = 1\ntest_days = 1') + more
    (site.folder / "site.toml").write_text(by_time(""))
    said = site.run("train")
    require("order of feeds without a ranker: trending (4 h)," in said, said)
    report, lists = site.report(), site.lists()
    served = report["retrieval"]["served"]
    window = report["retrieval"]["baselines"]["popularity, 6 h"]
    require(served["ndcg@10"] > 0.9 * window["ndcg@10"] > 2 * report["retrieval"]["ndcg@10"], report["retrieval"])
    require(not any("popularity" in loss["baseline"] for loss in report["losses"]), report["losses"])
    # The lists of the product have these figures, and nothing that was not yet out.
    read = {}
    for user, article, seconds, _ in sorted(log, key=lambda row: row[2]):
        read.setdefault(user, []).append((seconds, article))
    end = max(seconds for events in read.values() for seconds, _ in events)
    ndcg = []
    for user, events in read.items():
        test = [(seconds, article) for seconds, article in events if seconds >= end - 86_400]
        if not test:
            continue
        targets = {article for _, article in test}
        out = (test[0][0] - START) // 3600
        require(all(int(article[1:4]) <= out for article in lists[user]), user, "is shown what comes later:", lists[user])
        gain = sum(1 / math.log2(place + 2) for place, article in enumerate(lists[user]) if article in targets)
        ndcg.append(gain / sum(1 / math.log2(place + 2) for place in range(min(10, len(targets)))))
    require(abs(served["ndcg@10"] - sum(ndcg) / len(ndcg)) < 1e-9, "the served order has", served, "the lists", ndcg)
    # A half-life of the project file is the only one that is tried.
    (site.folder / "site.toml").write_text(by_time("[generators.trending]\nhalf_life_hours = 2\n"))
    said = site.run("train", "--force")
    require("order of feeds without a ranker: trending (2 h)," in said and "(24 h)" not in said, said)


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    failed = 0
    for case in (figures_are_those_of_the_lists, a_lost_comparison_is_said_and_auto_serves_the_winner,
                 what_is_chosen_now_is_the_order_of_feeds_where_it_changes_within_hours):
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(upnext, folder)
                print("ok", case.__name__)
            except Failed as why:
                failed += 1
                print("FAILED", case.__name__ + ":", why)
    sys.exit(1 if failed else 0)


main()
