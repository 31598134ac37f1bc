#!/usr/bin/env python3
"""A user encoder of others: `[retrieval] onnx`, with the real binary and ONNX Runtime.

    tests/cases/onnx_encoder.py build/release/upnext build/release/onnxruntime

ONNX Runtime is that of UPNEXT_ONNXRUNTIME, else of a virtual environment in the second folder, which is made from PyPI;
pyarrow, which reads the exported features, is always of there. Where they cannot be had this ends with 77.
"""
import concurrent.futures
import json
import math
import os
import shutil
import sys

import tiny_onnx
from case import require
from encoder_site import (BIAS, COLUMNS, DAYS, GENERATOR, ITEMS, LIBRARY, START, USERS, WEIGHTS, WITH_IMPRESSIONS, Server, Site,
                          check, feed, item_vector, product, run_with_runtime, scores_of, user_vector)


def served_features_are_the_exported_ones(upnext, folder, programs):
    site = Site(upnext, folder, programs)
    said = site.run("train")
    require("retrieval: " in said and "encoder.onnx (ONNX)" in said, said)
    require("Which events it has learned from is not known" in said, said)
    parts = {path.name for path in folder.glob(".upnext/site/bundles/v000001/*")}
    require("onnx_encoder.uxs" in parts and "index.uxs" in parts, parts)
    require(not {"candidate.uxs", "validated.candidate.uxs"} & parts, parts)
    require("encoder.onnx" in site.run("evaluate"), "evaluate does not name it")
    require("which are ONNX already" in site.run("export", "--onnx", folder / "exported", code=1), "nothing to export is not said")
    user = "u03"
    rows = sorted((row for row in site.examples if row["user"] == user), key=lambda row: row["time"])
    require(len(rows) > 6 and len({(row["query.last_item"], row["query.clicks"]) for row in rows}) == len(rows), rows)
    with Server(site) as server:
        for number, row in enumerate(rows):
            # What the user did until the example, and one event later, in another's name.
            server.post({"id": f"c{number}", "user": "nobody", "item": row["item"], "type": "click"})
            check(site, feed(server, "nobody"), row["query.last_item"] or 0, row["query.clicks"])
            server.post({"id": f"w{number}", "user": "nobody", "item": row["item"], "type": "watch", "value": 100})
            check(site, feed(server, "nobody"), row["label"], row["query.clicks"])
        # Many at once, and all users in one file: everybody gets their own.
        users = [f"u{number:02}" for number in range(USERS)] + ["nobody"]
        alone = {name: scores_of(feed(server, name)) for name in users}
        last = {event[0]: event[1] for event in site.events if event[3] == "watch"}
        different = {(last[name], sum(event[0] == name and event[3] == "click" for event in site.events)) for name in last}
        # `nobody` watched what somebody else watched last, after more clicks.
        require(len({tuple(sorted(scores.items())) for scores in alone.values()}) == len(different) + 1 > USERS / 4, different)
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            for name, items in zip(users * 3, threads.map(lambda name: feed(server, name), users * 3)):
                require(scores_of(items) == alone[name], name, "got another's scores")
    site.run("recommend", "--all-users", "--stage", "retrieval", "-n", str(ITEMS + 5), "--out", folder / "all.tsv")
    lines = [line.split("\t") for line in (folder / "all.tsv").read_text().splitlines()]
    for name, scores in alone.items():
        order = [item for user, item, _, _ in lines if user == name and item in scores]
        require(name == "nobody" or order, "no feed of", name)
        require(all(scores[a] >= scores[b] - 1e-5 for a, b in zip(order, order[1:])), name, order, scores)


def the_figures_are_of_these_products(upnext, folder, programs):
    """Recall and NDCG of the test part, the last day, made here from the events before it."""
    site = Site(upnext, folder, programs)
    rows = {name: row for row, name in site.items.items()}
    last, clicks, targets = {}, {}, {}
    for user, item, time, kind, *_ in site.events:
        if time >= START + (DAYS - 1) * 86_400:
            if kind == "watch":
                targets.setdefault(user, set()).add(item)
        elif kind == "watch":
            last[user] = rows[item]
        elif kind == "click":
            clicks[user] = clicks.get(user, 0) + 1
    recall, ndcg = [], []
    for user, wanted in targets.items():
        vector = user_vector(last[user], clicks[user])
        order = sorted(site.vectors, key=lambda name: -product(vector, site.vectors[name]))[:10]
        places = [place for place, name in enumerate(order) if name in wanted]
        recall.append(len(places) / len(wanted))  # `late` is never found
        ndcg.append(sum(1 / math.log2(place + 2) for place in places) / sum(1 / math.log2(place + 2) for place in range(len(wanted))))
    for said in (site.run_json("train"), site.run_json("evaluate")):
        figures = said["intervals"]["retrieval"]["model"]["figures"]
        for name, values in (("recall@10", recall), ("ndcg@10", ndcg)):
            value = sum(values) / len(values)
            require(abs(figures[name][0] - value) < 1e-5, name, "is", figures[name][0], "expected", value)
        require(figures["recall@100"][0] < 1, "an item without a vector is found")


def items_since_the_export_are_left_to_others(upnext, folder, programs):
    site = Site(upnext, folder, programs)
    site.run("train")
    site.add("new")
    site.run("train")
    with Server(site) as server:
        server.post({"id": "w", "user": "nobody", "item": site.items[3], "type": "watch", "value": 100})
        items = feed(server, "nobody")
        check(site, items, 3, 0)
        sources = {item["item"]: {source["source"] for source in item["sources"]} for item in items}
        for name in ("late", "new"):
            require(sources.get(name), name, "is proposed by nobody:", sources)
        # What the encoder does not know has the places for what is chosen now, every second one.
        first = [item["item"] for item in server.get("/v1/recommendations", user="nobody", n=4)["items"]]
        require({"new", "late"} & set(first), first)
        # A list that the request gives, and places by vectors that differ.
        for more in {"items": ["new", "late", *site.vectors]}, {"scenario": "mixed", "n": ITEMS + 5}:
            given = server.post_json("/v1/recommendations", {"user": "nobody", **more})
            require(given["degraded"] == [], given)
            require({"new", "late", *site.vectors} == {item["item"] for item in given["items"]}, more, given)
    # From Python: vectors of the items that have one.
    items, users = site.vectors_from_python("u00")
    require(items.keys() == site.vectors.keys(), items)
    require(all(abs(a - b) < 1e-6 for name in items for a, b in zip(items[name], site.vectors[name])), items)
    require(users == [user_vector(0, sum(event[0] == "u00" and event[3] == "click" for event in site.events))], users)
    # The network reads the row of an item that it does not know as 0.
    slate = json.loads(site.run("recommend", "--user", "u00", "-n", str(ITEMS + 5), "--explain", "--json"))
    check(site, slate["items"], 0, sum(event[0] == "u00" and event[3] == "click" for event in site.events))


def what_is_wrong_is_named_before_a_training(upnext, folder, programs):
    site = Site(upnext, folder, programs)
    network, rows = tiny_onnx.linear(WEIGHTS, BIAS), len(site.items) + 1
    vectors = [item_vector(row) for row in range(rows)]
    library = os.environ[LIBRARY]
    try:
        os.environ[LIBRARY] = "/nowhere/libonnxruntime.so"
        site.refused("/nowhere/libonnxruntime.so", f"(of {LIBRARY})")
    finally:
        os.environ[LIBRARY] = library
    site.give(network[:100])
    site.refused("encoder.onnx: ONNX Runtime refuses the model")
    site.give(network, inputs=[{"columns": COLUMNS[1:]}])
    site.refused('"x" of the network is float32 [?, 3]', "[?, 2]")
    site.give(network, inputs=[{"columns": ["query.clics", *COLUMNS[1:]]}])
    site.refused('a column "query.clics"', "did you mean 'query.clicks'?")
    for column in "position", "duration_s", "impression.item_channel":
        site.give(network, inputs=[{"columns": [column, *COLUMNS[1:]]}])
        site.refused(column, "user encoder")
    # Vectors of items.
    site.give(network, vectors[:-1])
    site.refused("items.npy", str(rows), str(rows - 1))
    site.give(network, [[*vector, 1] for vector in vectors])
    site.refused("items.npy", "2", "3")
    site.give(network, [*vectors[:-1], [math.nan, 1]])
    site.refused("items.npy", "expected numbers from", "found NaN")
    site.give(network)
    (folder / "items.npy").write_bytes(b"1 2 3")
    site.refused("items.npy", "numpy.save")
    (folder / "items.npy").unlink()
    site.refused("items.npy")
    # The manifest.
    site.give(network, item="items.npy")
    site.refused("encoder.json", 'has a key "item"')
    (folder / "encoder.json").write_text(json.dumps({key: value for key, value in site.manifest.items() if key != "items"}))
    site.refused("encoder.json", '"items"')
    site.give(network, output="z")
    site.refused('an output "z"', "y")
    site.give(network, features="other.uxs")
    site.refused("other.uxs")
    # Numbers that are none stop the evaluation.
    site.give(tiny_onnx.linear([[0, 0]] * 3, [-1, -1], "Log"))
    site.refused("encoder.onnx", "NaN")
    require(site.published() == 0, "a bundle was published")
    # The project file is checked without a training.
    site.give(network)
    site.config_check()
    for name in ("encoder.onnx", "encoder.json", "items.npy", "examples.features.uxs"):
        shutil.move(folder / name, folder / "away")
        said = site.config_check(code=1)
        require(name in said, "expected", name, "in", said)
        shutil.move(folder / "away", folder / name)


def a_network_that_fails_leaves_the_feed_to_others(upnext, folder, programs):
    site = Site(upnext, folder, programs)
    # The logarithm of 30 - clicks: nobody of the log has as many.
    site.give(tiny_onnx.linear([[0, 0], [-1, -1], [0, 0]], [30, 30], "Log"))
    site.run("train")
    with Server(site) as server:
        def answer(user):
            return server.get("/v1/recommendations", user=user, n=10, explain=1)

        for number in range(40):
            server.post({"id": f"c{number}", "user": "busy", "item": site.items[1 + number % 5], "type": "click"})
        found = answer("busy")
        require(any(stage.get("source") == GENERATOR and "encoder.onnx" in stage["reason"] and "NaN" in stage["reason"]
                    for stage in found["degraded"]), found["degraded"])
        require(len(found["items"]) == 10 and not scores_of(found["items"]), found["items"])
        given = server.post_json("/v1/recommendations", {"user": "busy", "items": ["i03", "i07"]})
        require(len(given["items"]) == 2 and given["degraded"], given)
        alone = scores_of(feed(server, "u00"))
        require(len(alone) == ITEMS, "others get nothing either:", alone)
    # All users at once, `busy` among them.
    site.run("import", "--from-store")
    said = site.run("recommend", "--all-users", "-n", str(ITEMS + 5), "--out", folder / "all.tsv")
    require(f"degraded: 1 of {USERS + 1} feeds, first that of busy: " in said and "encoder.onnx" in said, said)
    require("degraded: generators, candidate-model: failed: encoder.onnx" in site.run("recommend", "--user", "busy"), "it is not said")
    lines = [line.split("\t") for line in (folder / "all.tsv").read_text().splitlines()]
    order = [item for user, item, _, _ in lines if user == "u00" and item in alone]
    require(order and order == sorted(order, key=lambda name: -alone[name]), order, alone)
    require(any(user == "busy" for user, *_ in lines), "busy has no feed")


def both_stages_are_of_one_export(upnext, folder, programs):
    site = Site(upnext, folder, programs, WITH_IMPRESSIONS)
    site.run("export", "--examples", folder / "ranking.parquet")
    ranker = {"features": "ranking.features.uxs", "inputs": [{"columns": ["query.watches", "impression.item"], "missing": 0}],
              "outputs": [{"objective": "click", "is": "logit"}]}
    (folder / "model.onnx").write_bytes(tiny_onnx.linear([[.5], [-.125]], [.25]))
    (folder / "model.json").write_text(json.dumps(ranker))
    click = '[[ranking.objective]]\nname = "click"\nlabel = "click"\nscore_weight = 1\n'
    site.write_project(WITH_IMPRESSIONS, ranking='onnx = "model.onnx"', more=click)
    said = site.run("train")
    require("encoder.onnx (ONNX)" in said and "model.onnx (ONNX)" in said, said)
    with Server(site) as server:
        items = feed(server, "nobody")
        require(len(scores_of(items)) == ITEMS and all("click" in item["predictions"] for item in items), items)
    # Statistics of a later log.
    site.add("new")
    site.run("export", "--examples", folder / "ranking.parquet")
    before = site.published()
    site.refused("examples.features.uxs", "ranking.features.uxs")
    require(site.published() == before, "a bundle was published")


def other_trainings_keep_it(upnext, folder, programs):
    """One stage alone, a training that continues, and the export of such a bundle."""
    site = Site(upnext, folder, programs, WITH_IMPRESSIONS)
    project = {"types": WITH_IMPRESSIONS, "ranking": 'order = "time"'}
    site.write_project(**project)
    site.run("train")

    def served():
        with Server(site) as server:
            items = feed(server, "nobody")
            require(all("click" in item["predictions"] for item in items), items)
            return scores_of(items)

    before = served()
    require(len(before) == ITEMS, before)
    said = site.run("train", "--only", "ranking", "--force")
    require("encoder.onnx (ONNX)" in said and "epoch 1" in said, said)
    require(served() == before, "--only ranking changed the encoder")
    # The network of now, with the ranker of before.
    site.give(tiny_onnx.linear(WEIGHTS, [value + 1 for value in BIAS]))
    said = site.run("train", "--only", "retrieval", "--force")
    require("encoder.onnx (ONNX)" in said and "epoch 1" not in said, said)
    after = served()
    require(after.keys() == before.keys() and all(after[name] < before[name] for name in after), before, after)
    # The ranker goes on, and the encoder has the vocabularies of now.
    site.run("train", "--force")
    site.add("new")
    said = site.run("train", "--continue", "--force")
    require("continues" in said and "encoder.onnx (ONNX)" in said, said)
    require(served() == after, "--continue changed the encoder")
    # Examples of a later export have other rows.
    site.run("export", "--examples", folder / "examples.parquet", "--stage", "retrieval")
    site.refused("encoder.onnx", "train without --continue", args=("--continue",))
    site.run("export", "--onnx", folder / "exported")
    files = {path.name for path in (folder / "exported").iterdir()}
    require("ranker.onnx" in files and not {"candidate.onnx", "items.npy"} & files, files)
    # The candidate model again: the bundle of the encoder is what it is compared with.
    site.write_project(retrieval="", **project)
    said = site.run("train", "--force")
    require("current bundle" in said and "encoder.onnx (ONNX)" not in said, said)
    parts = {path.name for path in sorted(folder.glob(".upnext/site/bundles/v*"))[-1].iterdir()}
    require("candidate.uxs" in parts and "onnx_encoder.uxs" not in parts, parts)


CASES = (served_features_are_the_exported_ones, the_figures_are_of_these_products, items_since_the_export_are_left_to_others,
         what_is_wrong_is_named_before_a_training, a_network_that_fails_leaves_the_feed_to_others,
         both_stages_are_of_one_export, other_trainings_keep_it)


if __name__ == "__main__":
    sys.exit(run_with_runtime(CASES))
