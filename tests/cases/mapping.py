#!/usr/bin/env python3
"""A shop whose log has views, carts and few purchases, with the real binary and no word about labels.

    tests/cases/mapping.py build/release/upnext

The log decides what is predicted and what the history is, `train` and `features` say it, a visitor who viewed products
and bought none is not new, and a project file that contradicts a bundle is refused.
"""
import csv
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from case import Failed, require

PROJECT = """
[schema.events]
view = "context"
[import]
events = '''
SELECT visitor AS "user", sku AS item, ts AS time, action AS type
FROM read_csv('{data}/events.csv', types = {'visitor': 'VARCHAR', 'sku': 'VARCHAR'})
'''
[split]
validation_days = 3
test_days = 3
[retrieval]
dim = 16
epochs = 4
"""
START, DAYS, VISITORS, GROUPS, SKUS = 1_704_067_200, 30, 120, 6, 10


def rows():
    """Visitors look at products of one group and buy some of them. The last one only looks, 69 times."""
    draw = random.Random(3)
    for visitor in range(VISITORS):
        group = visitor % GROUPS
        for day in range(visitor % 3, DAYS, 3):
            for view in range(3):
                sku, at = f"{group}-{draw.randrange(SKUS)}", START + day * 86_400 + view * 600 + draw.randrange(300)
                yield f"v{visitor}", sku, at, "view"
                if draw.random() < 0.3:
                    yield f"v{visitor}", sku, at + 60, "add_to_cart"
                    if draw.random() < 0.6:
                        yield f"v{visitor}", sku, at + 120, "purchase"
    for view in range(69):
        yield "looker", f"2-{view % (SKUS - 3)}", START + DAYS * 43_200 + view * 900, "view"


class Shop:
    def __init__(self, upnext, folder):
        self.upnext, self.folder = upnext, pathlib.Path(folder)
        with open(self.folder / "events.csv", "w", newline="") as file:
            csv.writer(file).writerows([("visitor", "sku", "ts", "action"), *sorted(rows(), key=lambda row: row[2])])

    def project(self, more=""):
        (self.folder / "shop.toml").write_text(PROJECT + more)

    def run(self, verb, *args, fails=False):
        done = subprocess.run([self.upnext, verb, "-c", self.folder / "shop.toml", "--data", self.folder, *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        require((done.returncode != 0) == fails, verb, *args, "ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr


def check(shop):
    shop.project()
    shop.run("import")
    said = shop.run("features") + shop.run("train")
    require(said.count("positive examples:") >= 2 and "purchase (weight 1)" in said, said)
    require("view (weight 1)" in said and "add_to_cart (weight 2)" in said and "purchase (weight 3)" in said, said)
    feed = json.loads(shop.run("recommend", "--user", "looker", "-n", "5", "--json"))
    items = [item["item"] for item in feed["items"]]
    require(len(items) == 5 and sum(item.startswith("2-") for item in items) >= 4, "the feed of a visitor who looked at "
            "group 2 only:", items)
    report = json.loads(shop.run("evaluate", "--json"))
    require(report["retrieval"]["ndcg@10"] > report["retrieval"]["baselines"]["popularity"]["ndcg@10"], report)

    shop.project("[labels]\npositives = { add_to_cart = 1 }\n")
    refused = shop.run("recommend", "--user", "looker", fails=True)
    require("[labels] or [history] changed" in refused, refused)
    shop.project("[labels]\npositives = { purchase = 1 }\n")
    shop.run("recommend", "--user", "looker")

    shop.project("[labels]\npositives = { purchse = 1 }\n")
    require("did you mean 'purchase'?" in shop.run("train", fails=True), "no suggestion for purchse")
    shop.project("[history]\ntypes = { dislike = 1 }\n")
    require("of role negative" in shop.run("train", fails=True), "a negative history was taken")

    shop.project('[schema.requests]\npage = "category"\n')
    shop.run("import")
    said = shop.run("train", "--force")
    require("no event of the log has page, which [schema.requests] declares" in said, said)
    said = shop.run("recommend", "--user", "looker", "--context", "page=home")
    require("page 'home' was never seen and is ignored" in said, said)


def main():
    with tempfile.TemporaryDirectory(prefix="upnext-mapping-") as folder:
        try:
            check(Shop(sys.argv[1], folder))
        except Failed as failure:
            sys.exit(f"mapping: {failure}")


if __name__ == "__main__":
    main()
