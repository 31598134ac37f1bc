#!/usr/bin/env python3
"""Score weights of the project file and of a request order the feed without training; with the real binary.

    tests/cases/score.py build/release/upnext
"""
import pathlib
import sys
import tempfile
import urllib.error

import case
from case import Failed, Server, require, run_cases

PROJECT = """
[import]
events = '''
SELECT "user", item, to_timestamp(CAST(time AS DOUBLE)) AS time, type, value, request, position
FROM read_csv('{data}/events.csv', types = {'user': 'VARCHAR', 'item': 'VARCHAR', 'request': 'VARCHAR'})
'''
items = '''
SELECT item, 100 AS duration FROM read_csv('{data}/items.csv', types = {'item': 'VARCHAR'})
'''
[split]
validation_days = 1
test_days = 1
[retrieval]
dim = 8
epochs = 2
[server]
stop_delay = 0
[ranking]
epochs = 4
"""
ARCHITECTURES = {"tower": "widths = [16]\n", "linear": 'architecture = "linear"\n'}
OBJECTIVES = {"watch": "watch_seconds", "click": "click", "save": "save"}
ITEMS, USERS, DAYS = 20, 60, 6
START = 1_704_067_200


def objectives(**weights):
    return "".join(f'[[ranking.objective]]\nname = "{name}"\nlabel = "{label}"\nscore_weight = {weights.get(name, 0)}\n'
                   for name, label in OBJECTIVES.items())


class Site(case.Site):
    """Items with small numbers are clicked, those with large ones are watched for long and are saved."""

    def __init__(self, upnext, folder):
        super().__init__(upnext, folder)
        self.architecture = "tower"
        rows = ["user,item,time,type,value,request,position"]
        for day in range(DAYS):
            for user in range(USERS):
                at, request = START + day * 86_400 + user * 600, f"r{day}-{user}"
                for place in range(8):
                    item = (user * 7 + day * 3 + place * 5) % ITEMS
                    chance = (user * 31 + day * 17 + place * 13) % ITEMS
                    row = f"u{user:02},i{item:02},{at + place * 9},{{}},{{}},{request},{place + 1}"
                    rows.append(row.format("impression", ""))
                    if chance >= item:
                        rows.append(row.format("click", ""))
                        rows.append(row.format("watch", 2 + 4 * item))
                    if chance < item:
                        rows.append(row.format("save", ""))
        (folder / "events.csv").write_text("\n".join(rows) + "\n")
        (folder / "items.csv").write_text("item\n" + "".join(f"i{item:02}\n" for item in range(ITEMS)))

    def write_project(self, weights):
        (self.folder / "site.toml").write_text(PROJECT + ARCHITECTURES[self.architecture] + weights)

    def run(self, verb, *args, code=0):
        done = self.finish(verb, *args, code=code)
        return done.stdout + done.stderr


def answer(server, **parameters):
    return server.get("/v1/recommendations", user="nobody", n=ITEMS, explain=1, **parameters)


def order(server, **parameters):
    return [item["item"] for item in answer(server, **parameters)["items"]]


def check_order(server, exponents, **parameters):
    """The items are in the order of their predictions, combined by `exponents`."""
    items = answer(server, **parameters)["items"]
    require(len(items) > ITEMS / 2, len(items), "items")
    scores = []
    for item in items:
        score = 1
        for name, exponent in exponents.items():
            score *= item["predictions"][name] ** exponent
        require(abs(item["score"] / score - 1) < 1e-3, "score", item, "expected", score)
        scores.append(score)
    require(scores == sorted(scores, reverse=True), "not in order:", scores)


def refused(server, **parameters):
    try:
        answer(server, **parameters)
    except urllib.error.HTTPError as error:
        require(error.code == 400, "expected 400, found", error.code)
        return error.read().decode()
    raise Failed("not refused:", parameters)


def a_linear_ranker_is_served_as_others_are(site):
    site.architecture = "linear"
    weights_need_no_training(site)


def weights_need_no_training(site):
    site.write_project(objectives(watch=1))
    site.run("import")
    trained = site.run("train", "--force")
    require(f"ranker: {site.architecture}" in trained, trained)
    with Server(site) as server:
        by_watch = order(server)
        check_order(server, {"watch": 1})
        check_order(server, {"click": 1, "save": -0.5}, score="click:1,save:-0.5")
        by_click = order(server, score="click:1")
        require(by_click != by_watch, "clicks order as seconds do")
        require(order(server, score="click:-1") == by_click[::-1], "a negative exponent does not reverse the order")
        require(order(server) == by_watch, "the weights of a request outlived it")
        require("(watch, click, save), found 'like'" in refused(server, score="like:1"), refused(server, score="like:1"))
        require("NAME:EXPONENT" in refused(server, score="click"), refused(server, score="click"))
        require("other than 0" in refused(server, score="click:0"), refused(server, score="click:0"))
        require("NAME:EXPONENT" in refused(server, score=""), refused(server, score=""))
    site.write_project(objectives(click=1))
    with Server(site) as server:
        require(order(server) == by_click, "the project file does not order the feed")
    require(by_click[0] in site.run("recommend", "--user", "nobody", "-n", "1"), "recommend does not follow the file")
    require(by_watch[0] in site.run("recommend", "--user", "nobody", "-n", "1", "--score", "watch:1"), "nor --score")
    for args, said in ((("--score", ""), "NAME:EXPONENT"),
                       (("--score", "watch:1", "--stage", "retrieval"), "with the stage retrieval"),
                       (("--context", "page=x"), '[schema.requests] page = "category"')):
        error = site.run("recommend", "--user", "nobody", *args, code=1)
        require(said in error, args, error)
    require("without control characters" in site.run("recommend", "--user", "u\t1", code=1), "a tab in an id")


def what_the_bundle_cannot_do_is_said(site):
    like = '[[ranking.objective]]\nlabel = "like"\nscore_weight = 1\n'
    site.write_project(objectives(click=1) + like)
    with Server(site) as server:
        notes = answer(server)["notes"]
        require(any("'like' has no effect" in note for note in notes), notes)
        check_order(server, {"click": 1})
    # Without an objective in the file, those of the training count; so do they when no order would be left.
    for text in ("", like):
        site.write_project(text)
        with Server(site) as server:
            check_order(server, {"watch": 1})


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(upnext, pathlib.Path(folder))
        return run_cases([a_linear_ranker_is_served_as_others_are, what_the_bundle_cannot_do_is_said], site)


if __name__ == "__main__":
    sys.exit(main())
