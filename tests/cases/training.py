#!/usr/bin/env python3
"""Logs on which training once did something else than a reader expects, with the real binary.

    tests/cases/training.py build/release/upnext
"""
import csv
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from case import Failed, require

PROJECT = """
[import]
events = '''
SELECT "user", item, time, 'complete' AS type
FROM read_csv('{data}/e.csv')
'''
[labels]
complete = "event"
"""
START, DAY = 1_704_067_200, 86_400


class Site:
    def __init__(self, upnext, folder, more=""):
        self.upnext, self.folder = upnext, pathlib.Path(folder)
        (self.folder / "site.toml").write_text(PROJECT + more)

    def run(self, verb, *args):
        return subprocess.run([self.upnext, verb, "-c", self.folder / "site.toml", *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)

    def succeed(self, verb, *args):
        done = self.run(verb, *args)
        require(done.returncode == 0, verb, *args, "ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout

    def load(self, rows, *args):
        """Imports (user, item, seconds) rows."""
        with open(self.folder / "e.csv", "w", newline="") as file:
            csv.writer(file).writerows([("user", "item", "time"), *sorted(rows, key=lambda row: row[2])])
        self.succeed("import", "--data", self.folder, *args)


def chains(draw, users, items, day, watches=1):
    """On one day, every user watches items that are next to each other."""
    rows = []
    for user in range(users):
        at = (7 * user + 3 * day) % items
        for _ in range(watches):
            at = (at + draw.choice([1, 1, 2])) % items
            rows.append((f"u{user:02}", f"i{at:02}", START + day * DAY + draw.randrange(DAY)))
    return rows


def a_daily_training_is_published(site):
    """The figures of different days differ at random; the gate compares on the same day."""
    draw = random.Random(34)
    site.load([row for day in range(8) for row in chains(draw, 60, 60, day)])
    site.succeed("train")
    refused = 0
    for day in range(8, 14):
        site.load(chains(draw, 60, 60, day), "--append")
        done = site.run("train", "--json")
        report = json.loads(done.stdout)
        refused += not report["bundle"]["published"]
        require(report["retrieval"]["current"]["ndcg@10"] is not None, "the current bundle was not measured")
        require(report["differences"][0]["users"] == report["users"]["retrieval"], report["differences"])
    require(refused <= 1, refused, "of 6 healthy days were refused")


def the_newest_days_are_served(site):
    """Items of the held-out days are in feeds, and have similar items; without a final fit train says which days."""
    draw = random.Random(29)
    rows = [row for day in range(6) for row in chains(draw, 40, 24, day, 2)]
    for user in range(40):
        rows += [(f"u{user:02}", item, START + day * DAY + DAY - 600 + user) for day in (4, 5) for item in ("i91", "i92")]
    site.load(rows)
    said = site.succeed("train")
    require("have seen all events up to 2024-01-06T23:5" in said, said)
    feed = site.succeed("recommend", "--user", "new", "-n", "30")
    require("i91" in feed and "i92" in feed, "not for a new user:", feed)
    similar = site.succeed("similar", "--item", "i91")
    require("i92" in similar, "not similar to i91:", similar)
    require("have seen the held-out events" in site.succeed("evaluate"), "evaluate does not say whose figures it shows")
    site.succeed("recommend", "--all-users", "--at", "test", "-n", "5", "--out", site.folder / "lists.tsv")
    lists = (site.folder / "lists.tsv").read_text()
    require(len(lists.splitlines()) == 200, len(lists.splitlines()), "lines for 40 users")
    require("i91" not in lists, "a list for the test part knows an item of the held-out days")

    (site.folder / "site.toml").write_text(PROJECT + "[train]\nfinal_fit = false\n")
    said = site.succeed("train", "--force")
    require("have not seen the last 2.0 days" in said and "final_fit = true" in said, said)
    (site.folder / "site.toml").write_text(PROJECT + '[split]\nkind = "none"\n')
    said = site.succeed("train")
    require("nothing was measured" in said and "published bundle v000003" in said, said)


def a_log_of_one_day_names_leave_one_out(site):
    draw = random.Random(22)
    site.load(chains(draw, 30, 24, 0, 8))
    done = site.run("train")
    require(done.returncode == 1 and 'kind = "leave-one-out"' in done.stderr, done.returncode, done.stderr)
    (site.folder / "site.toml").write_text(PROJECT + '[split]\nkind = "leave-one-out"\n')
    site.succeed("train")


def one_user_has_no_interval(site):
    (site.folder / "site.toml").write_text(PROJECT + '[split]\nkind = "leave-one-out"\n')
    site.load([("u0", f"i{n % 7}", START + 20_000 * n) for n in range(30)])
    said = site.succeed("train")
    require("±" not in said and "too few users for intervals: 1 of at least 30" in said, said)
    report = json.loads(site.succeed("evaluate", "--json", "--html", site.folder / "page.html"))
    require(report["intervals"]["retrieval"]["model"]["figures"]["ndcg@10"][1:] == [None, None], report["intervals"])
    require("too few users" in (site.folder / "page.html").read_text(), "the page has no note")


CASES = [a_daily_training_is_published, the_newest_days_are_served, a_log_of_one_day_names_leave_one_out,
         one_user_has_no_interval]


def main():
    os.environ.pop("UPNEXT_DATA", None)
    failed = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(Site(sys.argv[1], folder))
                print(f"ok      {case.__name__}")
            except Failed as why:
                failed += 1
                print(f"FAILED  {case.__name__}: {why}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
