#!/usr/bin/env python3
"""A network of others as the ranker: `[ranking] onnx`, with the real binary and ONNX Runtime.

    tests/cases/onnx.py build/release/upnext build/release/onnxruntime

ONNX Runtime is that of UPNEXT_ONNXRUNTIME, else of a virtual environment in the second folder, which is made from PyPI;
where neither can be had this ends with 77.
"""
import concurrent.futures
import json
import os
import pathlib
import sys
import tempfile

import score
import tiny_onnx
from case import Server, python_with, require, run_cases

LIBRARY = "UPNEXT_ONNXRUNTIME"
COLUMNS = ["query.watches", "impression.item", "duration_s", {"column": "position", "missing": 1}]
# By column: the logit of a click, and the seconds of a watch.
WEIGHTS, BIAS = [[.5, 1], [-.125, .25], [0, .5], [-1, 2]], [.25, 3]


class Site(score.Site):
    def __init__(self, upnext, folder):
        super().__init__(upnext, folder)
        self.manifest = {"features": "examples.features.uxs", "inputs": [{"columns": COLUMNS, "missing": 0}],
                         "outputs": [{"objective": "click", "is": "logit"}, {"objective": "watch", "column": 1}]}
        self.write_project(score.objectives(watch=1))
        self.run("import")
        self.run("export", "--examples", folder / "examples.parquet")
        self.give(tiny_onnx.linear(WEIGHTS, BIAS))

    def write_project(self, weights, library=""):
        super().write_project(weights)
        text = (self.folder / "site.toml").read_text().replace("[ranking]\n", '[ranking]\nonnx = "model.onnx"\n')
        text += "[serving]\nbudget_ms = 0\n"  # a loaded machine ranks all candidates too
        (self.folder / "site.toml").write_text(text + (f'[onnxruntime]\nlibrary = "{library}"\n' if library else ""))

    def give(self, network, **changes):
        (self.folder / "model.onnx").write_bytes(network)
        (self.folder / "model.json").write_text(json.dumps(self.manifest | changes))

    def refused(self, *words, code=1):
        said = self.run("train", code=code)
        require(all(word in said for word in words), "expected", *words, "\nin", said)
        require(not list(self.folder.glob(".upnext/site/bundles/v*")), "a bundle was published")


def rows_of(site):
    """By item: its row in the vocabulary of the ranker."""
    site.run("export", "--onnx", site.folder / "exported")
    lines = (site.folder / "exported/vocabulary.ranked_item.txt").read_text().split("\n")
    return {name: row for row, name in enumerate(lines) if name}


def expected(watches, row):
    return watches * WEIGHTS[0][1] + row * WEIGHTS[1][1] + 100 * WEIGHTS[2][1] + WEIGHTS[3][1] + BIAS[1]


def it_ranks_and_reads_what_happened_a_moment_ago(upnext, folder):
    site = Site(upnext, folder)
    said = site.run("train")
    require("ranking: " in said and "model.onnx (ONNX)" in said and "auc.click" in said, said)
    require("Which events it has learned from is not known" in said, said)
    parts = {path.name for path in folder.glob(".upnext/site/bundles/v000001/*")}
    require("onnx_ranker.uxs" in parts and "validated.candidate.uxs" in parts, parts)
    require(not {"ranker.uxs", "validated.ranker.uxs"} & parts, parts)
    rows = rows_of(site)
    with Server(site) as server:
        def feed(user):
            return server.get("/v1/recommendations", user=user, n=score.ITEMS, explain=1)["items"]

        def check(user, watches):
            items = feed(user)
            require(items, "no items for", user)
            for item in items:
                value = expected(watches, rows.get(item["item"], 0))
                require(abs(item["predictions"]["watch"] - value) < 1e-4, user, item, "expected", value)
            require([i["score"] for i in items] == sorted((i["score"] for i in items), reverse=True), items)

        check("nobody", 0)
        for number in range(1, 4):
            server.post({"id": f"e{number}", "user": "nobody", "item": "i00", "type": "watch", "value": 90})
            check("nobody", number)
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(feed, ["nobody"] * 64))
        known = {}
        for item in (item for items in answers for item in items):
            predictions = known.setdefault(item["item"], item["predictions"])
            require(predictions == item["predictions"], "threads get", predictions, "and", item["predictions"])
        require(len(known) > score.ITEMS / 2, known)


def what_is_wrong_is_named_before_a_training(upnext, folder):
    site = Site(upnext, folder)
    network = tiny_onnx.linear(WEIGHTS, BIAS)
    library = os.environ[LIBRARY]
    try:
        os.environ[LIBRARY] = "/nowhere/libonnxruntime.so"
        site.refused("/nowhere/libonnxruntime.so", f"(of {LIBRARY})", "pip install onnxruntime")
        os.environ[LIBRARY] = str(upnext)
        site.refused("needs ONNX Runtime")
    finally:
        os.environ[LIBRARY] = library
    site.give(network[:100])
    site.refused("model.onnx: ONNX Runtime refuses the model")
    site.give(network, inputs=[{"columns": COLUMNS[1:]}])
    site.refused('"x" of the network is float32 [?, 4], but the columns of the manifest make float32 [?, 3]')
    site.give(network, inputs=[{"columns": ["query.watchs", *COLUMNS[1:]]}])
    site.refused('a column "query.watchs"', "did you mean 'query.watches'?")
    site.give(network, outputs=[{"objective": "clicks"}])
    site.refused('an objective "clicks"', "watch, click, save")
    site.give(network, outputs=[{"objective": "click", "is": "logit"}])
    site.refused("no objective that the manifest predicts has a score_weight")
    site.give(network, features="other.uxs")
    site.refused("other.uxs")
    site.give(network, feature="examples.features.uxs")
    site.refused("model.json", 'has a key "feature"')
    # Numbers that are none, and probabilities that are none, stop the evaluation.
    site.give(tiny_onnx.linear([[0, 0]] * 4, [-1, -1], "Log"))
    site.refused('model.onnx: the output "y" is NaN')
    site.give(network, outputs=[{"objective": "click"}, {"objective": "watch", "column": 1}])
    site.refused("the manifest says that it is a probability")
    # Objectives make features, so the examples are of others.
    site.give(network)
    text = (folder / "site.toml").read_text()
    (folder / "site.toml").write_text(text + '[[ranking.objective]]\nname = "dismiss"\nlabel = "dismiss"\n')
    site.refused("the features are others", "export the examples")


def rows_stay_when_the_log_grows(upnext, folder):
    site = Site(upnext, folder)
    site.run("train")
    before = rows_of(site)
    at = score.START + score.DAYS * 86_400
    more = "".join(f"u{u:02},new,{at + u},{kind},{value},x{u},1\n" for u in range(score.USERS)
                   for kind, value in (("impression", ""), ("click", ""), ("watch", 90)))
    with open(folder / "events.csv", "a") as events:
        events.write(more)
    with open(folder / "items.csv", "a") as items:
        items.write("new\n")
    site.run("import")
    site.run("train", "--force")
    after = rows_of(site)
    require(after.get("new", 0) > max(before.values()) and before.items() <= after.items(), before, after)
    slate = json.loads(site.run("recommend", "--user", "u00", "-n", "20", "--explain", "--json"))
    seen = {item["item"]: item["predictions"]["watch"] for item in slate["items"]}
    slate = json.loads(site.run("recommend", "--user", "nobody", "-n", "21", "--explain", "--json"))
    seen |= {item["item"]: item["predictions"]["watch"] for item in slate["items"]}
    require("new" in seen, seen)
    require(abs(seen["new"] - expected(0, 0)) < 1e-4, "a row that the network has not learned:", seen["new"])


def the_project_file_says_where_the_library_is(upnext, folder):
    site = Site(upnext, folder)
    library = os.environ.pop(LIBRARY)
    try:
        (folder / "library").symlink_to(library)
        site.write_project(score.objectives(watch=1), "library")
        site.run("train")
    finally:
        os.environ[LIBRARY] = library


CASES = (it_ranks_and_reads_what_happened_a_moment_ago, what_is_wrong_is_named_before_a_training,
         rows_stay_when_the_log_grows, the_project_file_says_where_the_library_is)


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    if not os.environ.get(LIBRARY):
        programs = python_with(sys.argv[2], ["onnxruntime>=1.17"])
        pattern = "lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*"
        found = sorted(programs.parent.glob(pattern)) if programs else []
        if not found:
            print("skipped: there is no ONNX Runtime: UPNEXT_ONNXRUNTIME is not set, and PyPI could not give it")
            return 77
        os.environ[LIBRARY] = str(found[0])

    def in_folder(case):
        def run():
            with tempfile.TemporaryDirectory() as folder:
                case(upnext, pathlib.Path(folder))
        run.__name__ = case.__name__
        return run

    return run_cases([in_folder(case) for case in CASES])


if __name__ == "__main__":
    sys.exit(main())
