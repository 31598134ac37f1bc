#!/usr/bin/env python3
"""What is held out is measured on enough users, never on what a bundle has seen, and by the rule of
its training; with the real binary.

    tests/cases/held_out.py build/release/upnext
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
SELECT "user", item, time, type FROM read_csv('{data}/events.csv')
'''
[schema]
events = { view = "context" }
[labels]
positives = { purchase = 1 }
[retrieval]
preset = "linear"
dim = 16
epochs = 6
"""
START, DAY = 1_704_067_200, 86_400
USERS, ITEMS, DAYS = 80, 24, 12


class Shop:
    """People view items, and buy those that follow."""

    def __init__(self, upnext, folder):
        self.upnext, self.folder = upnext, pathlib.Path(folder)
        self.project()
        draw = random.Random(16)
        rows = []
        for user in range(USERS):
            at = draw.randrange(ITEMS)
            for day in range(DAYS):
                at = (at + draw.choice([1, 1, 2])) % ITEMS
                time = START + day * DAY + draw.randrange(DAY // 2)
                rows += [(f"u{user:02}", f"i{(at + 1) % ITEMS:02}", time, "view"),
                         (f"u{user:02}", f"i{at:02}", time + 60, "purchase")]
        self.load(rows)

    def project(self, more=""):
        (self.folder / "site.toml").write_text(PROJECT + more)

    def run(self, verb, *args, code=0):
        done = subprocess.run([self.upnext, verb, "-c", self.folder / "site.toml", *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=200)
        require(done.returncode == code, verb, *args, "ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def load(self, rows, *args):
        with open(self.folder / "events.csv", "w", newline="") as file:
            csv.writer(file).writerows([("user", "item", "time", "type"), *rows])
        self.run("import", *args)

    def train(self):
        return json.loads(self.run("train", "--json"))


def lists_are_those_of_the_evaluation(shop):
    report = shop.train()
    shop.run("recommend", "--all-users", "--at", "test", "-n", "3", "--out", shop.folder / "lists.tsv")
    users = {line.split("\t")[0] for line in (shop.folder / "lists.tsv").read_text().splitlines()}
    require(len(users) == report["users"]["retrieval"] == USERS, len(users), report["users"])


def a_test_part_that_was_trained_on_is_not_compared(shop):
    shop.train()
    shop.project("[split]\ntest_days = 6\n")
    report = shop.train()
    require(report["bundle"]["published"] and not report.get("differences"), report)
    require("it may have learned from what would test it" in str(report["notes"]), report["notes"])


def a_late_event_is_not_the_whole_test_part(shop):
    shop.train()
    for kind in ("purchase", "view"):
        shop.load([("u03", "i05", START + (DAYS + 17) * DAY, kind)], "--append")
        report = shop.train()
        require(report["users"]["retrieval"] >= USERS // 10, kind, report["users"])
        require("the test part begins at 2024-01-1" in str(report["notes"]), report["notes"])
        require("all epochs are run" not in str(report["notes"]), report["notes"])
        shop.run("evaluate")


def one_user_is_no_test_part(shop):
    shop.load([("u03", "i05", START + (DAYS + 17) * DAY, "purchase")], "--append")
    shop.project('[split]\ntrain_until = "2024-01-10T00:00:00Z"\nvalidation_until = "2024-01-20T00:00:00Z"\n')
    said = shop.run("train", code=1)
    require(f"1 of {USERS} users" in said and "validation_until" in said, said)


def without_impressions_there_is_no_ranker_to_train(shop):
    shop.train()
    said = shop.run("train", "--only", "ranking", code=1)
    require("no impressions" in said, said)


def reasons_say_what_happened(shop):
    shop.project('[site]\nverb = "buy"\n')
    shop.load([("viewer", f"i{i:02}", START + DAYS * DAY + i, "view") for i in range(3)], "--append")
    shop.train()
    reasons = [line["reason"] for line in json.loads(shop.run("recommend", "--user", "viewer", "--json"))["items"]]
    require(any(reason.startswith("because you viewed") for reason in reasons), reasons)
    require(not any(reason.startswith("because you bought") for reason in reasons), reasons)


def forget_names_whom_it_did_not_know(shop):
    (shop.folder / "gone.txt").write_text("\ufeffu01 \n u02\nnobody\n", encoding="utf-8")
    said = json.loads(shop.run("forget", "--users", shop.folder / "gone.txt", "--json"))
    require(said["users"] == 2 and said["unknown"] == ["nobody"], said)
    require(said["log_events"] == 2 * 2 * DAYS, said)


CASES = [without_impressions_there_is_no_ranker_to_train, reasons_say_what_happened, forget_names_whom_it_did_not_know,
         lists_are_those_of_the_evaluation, a_test_part_that_was_trained_on_is_not_compared,
         a_late_event_is_not_the_whole_test_part, one_user_is_no_test_part]


def main():
    os.environ.pop("UPNEXT_DATA", None)  # each case has its own data
    failed = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(Shop(sys.argv[1], folder))
                print("ok     ", case.__name__)
            except Failed as error:
                failed += 1
                print("FAILED ", case.__name__ + ":", error)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
