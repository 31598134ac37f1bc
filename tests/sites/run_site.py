#!/usr/bin/env python3
"""The main job on a small simulated site with its project file of configs/: data, import, train, evaluate, feeds.

    tests/sites/run_site.py shop build/release/upnext

Every verb must succeed. Nothing is rejected, the log has every row under the type and attributes that the project file
declares, the models find what the site was made with (docs/guides/simulator.md), and every user gets a whole list.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path

CONFIGS = Path(__file__).resolve().parent.parent.parent / "configs"
# Small enough for a test: users, items, days.
SIZES = {"shop": (600, 360, 42), "news": (700, 450, 8), "music": (300, 800, 20)}
LENGTH = 10  # of a list


class Failed(Exception):
    """What should hold did not."""


def require(condition, *words):
    if not condition:
        raise Failed(" ".join(str(w) for w in words))


class Site:
    def __init__(self, kind, binary, root):
        self.binary, self.data = binary, root / "data"
        self.project = ["-c", str(CONFIGS / f"{kind}.toml"), "--data", str(self.data), "--project-dir",
                        str(root / "project")]
        users, items, days = map(str, SIZES[kind])
        subprocess.run([binary, "simulate", "--site", kind, "--users", users, "--items", items, "--days", days, "-o",
                        str(self.data)], check=True, stdout=subprocess.DEVNULL)

    def upnext(self, verb, *more):
        """Runs a verb; returns its stdout."""
        command = [self.binary, verb, *self.project, *more]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        require(done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:", done.stdout[-500:],
                done.stderr[-3000:])
        return done.stdout

    def json(self, verb, *more):
        return json.loads(self.upnext(verb, *more, "--json"))

    def rows(self, name):
        with open(self.data / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def check_log(site, user_column, user_table, types, attributes):
    """Every row of the files is in the log, under the types that `types` says, and so is every value of the declared
    categories, `attributes` (name -> number of values). Returns the users with events."""
    events = site.rows("events.csv")
    report = site.json("import")
    require(report["rejected"] == {"events": 0, "items": 0, "users": 0} and not report["warnings"], report)
    users = {event[user_column] for event in events}
    everybody = users | {row[user_column] for row in site.rows(user_table)}
    require(report["users"] == len(everybody), f"{len(everybody)} users in the files, in the log", report["users"])
    expected = Counter(types(event["action"]) for event in events)
    log = site.json("inspect")[0]
    found = {name: count for name, count in log["types"].items() if count}
    require(found == expected, "expected the event types", dict(expected), "found", found)
    values = {name: log["ids"].get(name) for name in attributes}
    require(values == attributes, "expected values of the declared categories", attributes, "found", values)
    return users


def check_lists(site, users):
    """Every user has LENGTH different items. Returns the items by user."""
    lists = site.data / "lists.tsv"
    site.upnext("recommend", "--all-users", "-n", str(LENGTH), "--out", str(lists))
    items = defaultdict(list)
    for line in lists.read_text().splitlines():
        user, item, *_ = line.split("\t")
        items[user].append(item)
    require(set(items) == users, f"lists for {len(items)} users of {len(users)}")
    short = [user for user, list_ in items.items() if len(set(list_)) != LENGTH]
    require(not short, "other than", LENGTH, "different items for", short[:5])
    return items


def check_feeds(site, user, item):
    for who in (user, "nobody-by-this-name"):
        feed = site.json("recommend", "--user", who, "-n", str(LENGTH))
        require(len(feed["items"]) == LENGTH, "the feed of", who, feed)
    require(site.json("similar", "--item", item)["items"], "nothing is similar to", item)


def require_better(stage, metric, *baselines):
    """The model of `stage` is above the baselines by the report's own table."""
    for name in baselines:
        found, other = stage, stage["baselines"][name]
        for key in metric.split("."):
            found, other = found[key], other[key]
        require(found > other, f"{metric} is {found}, no more than that of {name}, {other}")


def check_shop(site):
    users = check_log(site, "visitor", "customers.csv",
                      lambda action: action, {"brand": 18, "price_band": 3, "plan": 2})
    site.upnext("train")
    require_better(site.json("evaluate")["retrieval"], "ndcg@10", "popularity", "markov", "item-knn")
    lists = check_lists(site, users)
    gone = {product["sku"] for product in site.rows("products.csv") if product["discontinued"]}
    shown = {item for items in lists.values() for item in items}
    require(gone and not gone & shown, "discontinued products in feeds:", gone & shown)
    check_feeds(site, min(users), max(shown))


def check_news(site):
    users = check_log(site, "reader", "readers.csv", lambda action: "watch" if action == "read" else action,
                      {"author": 12, "plan": 2, "page": 3})
    site.upnext("train")
    report = site.json("evaluate")
    # Most articles that are read in the test part are newer than the model, so little can be asked of retrieval here.
    require_better(report["retrieval"], "ndcg@10", "popularity")
    require_better(report["ranking"], "auc.click", "rates")
    lists = check_lists(site, users)
    created = {article["id"]: datetime.fromisoformat(article["created"]) for article in site.rows("articles.csv")}
    oldest = min(created[item] for items in lists.values() for item in items)
    require((max(created.values()) - oldest).days < 2, "articles of the past are in feeds:", oldest)
    check_feeds(site, min(users), max(lists[min(users)]))


def check_music(site):
    users = check_log(site, "listener", "listeners.csv", lambda action: "watch" if action == "play" else action, {})
    site.upnext("train")
    require_better(site.json("evaluate")["retrieval"], "ndcg@10", "popularity")
    lists = check_lists(site, users)
    check_feeds(site, min(users), max(lists[min(users)]))


def main():
    parser = argparse.ArgumentParser(description="The main job on a small simulated site.")
    parser.add_argument("kind", choices=sorted(SIZES))
    parser.add_argument("binary", type=Path)
    arguments = parser.parse_args()
    os.environ.pop("UPNEXT_DATA", None)
    with tempfile.TemporaryDirectory(prefix="upnext-site-") as root:
        site = Site(arguments.kind, str(arguments.binary.resolve()), Path(root))
        try:
            {"shop": check_shop, "news": check_news, "music": check_music}[arguments.kind](site)
        except Failed as failure:
            sys.exit(f"{arguments.kind}: {failure}")
    print(f"{arguments.kind}: the main job works", file=sys.stderr)


if __name__ == "__main__":
    main()
