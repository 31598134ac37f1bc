#!/usr/bin/env python3
"""LightGBM in the place of upnext's ranker: served predictions next to its own, and the time of ranking.

    bench/onnx_ranker.py --upnext build/release/upnext [--users 400 --items 600 --days 14] [--json FILE]

needs Python with lightgbm, onnxmltools, onnxruntime, pandas and pyarrow. Simulates a video site, exports examples, trains
LightGBM on clicks and watch time of the training part, converts both into one ONNX file, publishes it with
`upnext train`, and compares, for every user of the test part, the predictions that `upnext recommend --at test`
serves with those of LightGBM itself for the exported row of the same user, moment and item. The columns of the item's
source are left out, since a served item has another one than the logged one. Ends with 1 when a difference is above
1e-4, relative to the larger of the prediction and 1. `upnext bench rank` then measures requests of 500 candidates by
upnext's own ranker (widths 256, 128) and by this one, alternately.
"""
import argparse
import concurrent.futures
import datetime
import glob
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

MOST = 1e-4

PROJECT = """[project]
data = "data"
directory = "{directory}"
[import]
events = '''
SELECT "user", item, time, type, value, query, request, position, source, propensity, device, region, current_item,
  off_site, source_score FROM read_parquet('{{data}}/events.parquet')
'''
items = '''
SELECT item, created, duration, channel, topics, language, title, removed FROM read_parquet('{{data}}/items.parquet')
'''
users = '''SELECT "user", region, language, age, gender, logged_in FROM read_parquet('{{data}}/users.parquet')'''
[labels]
complete_share = 0.7
[split]
validation_days = 1
test_days = 2
[retrieval]
epochs = 2
dim = 16
[[ranking.objective]]
name = "watch"
label = "watch_seconds"
cap = 900
score_weight = 0.5
[[ranking.objective]]
name = "click"
label = "click"
score_weight = 1
[serving]
filter_seen = false
[generators.popular]
candidates = 600
[ranking]
{ranking}
"""


def train(folder):
    """{objective: booster}, the columns, and the examples; writes model.onnx and model.json."""
    import lightgbm
    import onnx.compose
    import pyarrow.parquet
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType
    table = pyarrow.parquet.read_table(folder / "examples.parquet").to_pandas()
    columns = [c for c in table if c.startswith(("query.", "impression.")) and table[c].dtype != object
               and not c.startswith("impression.source")]
    rows = table[table.part == "train"]
    boosters, networks = {}, {}
    for name, objective in ("click", "binary"), ("watch", "regression"):
        known = rows[rows[f"label.{name}"].notna()]
        boosters[name] = lightgbm.train({"objective": objective, "verbose": -1, "num_leaves": 31, "num_threads": 2},
                                        lightgbm.Dataset(known[columns].astype("float32"), known[f"label.{name}"]), 50)
        network = convert_lightgbm(boosters[name], name, [("x", FloatTensorType([None, len(columns)]))], zipmap=False)
        networks[name] = onnx.compose.add_prefix(network, f"{name}.")
    for network in networks.values():  # both use operators that these versions have
        del network.opset_import[:]
        network.opset_import.extend([onnx.helper.make_opsetid("", 13), onnx.helper.make_opsetid("ai.onnx.ml", 1)])
        network.ir_version = 8
    onnx.save(onnx.compose.merge_models(networks["click"], networks["watch"], io_map=[]), folder / "model.onnx")
    (folder / "model.json").write_text(json.dumps({
        "features": "examples.features.uxs",
        "inputs": [{"name": f"{name}.x", "columns": columns} for name in networks],
        "outputs": [{"objective": "click", "name": "click.probabilities", "column": 1},
                    {"objective": "watch", "name": "watch.variable"}]}))
    return boosters, columns, table


def compare(call, boosters, columns, table, events, users):
    """Pairs compared, users among them, and the largest relative difference by objective."""
    test = table[table.part == "test"].sort_values("time", kind="stable")
    # The feed is made at the first event of the part: of users for whom that is the first impression of a page.
    events = events[events.time >= test.time.min()].sort_values("time", kind="stable").drop_duplicates("user")
    first = events[events.type == "impression"].set_index("user").time
    first = first[test.drop_duplicates("user").set_index("user").time.reindex(first.index) == first]
    pages = test[test.time == test.user.map(first)]
    pages = test[test.request.isin(pages.request) & test.user.isin(first.index)]
    own = {name: dict(zip(zip(pages.user, pages.item), booster.predict(pages[columns].astype("float32"))))
           for name, booster in boosters.items()}
    found, pairs, compared = {name: 0.0 for name in boosters}, 0, set()

    def feed(user):
        done = call("recommend", "--user", user, "--at", "test", "-n", "1000", "--explain", "--json", check=False)
        return user, json.loads(done.stdout)["items"] if done.returncode == 0 else []

    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        for user, items in threads.map(feed, sorted(first.index)[:users]):
            for item in items:
                for name in boosters:
                    expected = own[name].get((user, item["item"]))
                    if expected is None:
                        continue
                    pairs += name == "click"
                    compared.add(user)
                    difference = abs(item["predictions"][name] - expected) / max(1, abs(expected))
                    found[name] = max(found[name], difference)
    return {"pairs": pairs, "users": len(compared), "largest_difference": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default="build/release/upnext", type=pathlib.Path)
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--compared", type=int, default=100, help="users whose feeds are compared, at most")
    parser.add_argument("--json", type=pathlib.Path)
    o = parser.parse_args()
    import lightgbm
    import onnxruntime
    os.environ.setdefault("UPNEXT_ONNXRUNTIME",
                          glob.glob(os.path.dirname(onnxruntime.__file__) + "/capi/libonnxruntime.so.*")[0])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)

        def run(verb, project, *args, check=True):
            done = subprocess.run([o.upnext.resolve(), *verb.split(), *(["-c", folder / project] if project else []), *args],
                                  capture_output=True, text=True, cwd=folder)
            if check and done.returncode:
                sys.exit(f"upnext {verb} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
            return done

        (folder / "own.toml").write_text(PROJECT.format(directory="own", ranking="epochs = 2"))
        (folder / "onnx.toml").write_text(PROJECT.format(directory="others", ranking='onnx = "model.onnx"'))
        run("simulate", None, "-o", folder / "data", "--users", str(o.users), "--items", str(o.items), "--days", str(o.days))
        for project in "own.toml", "onnx.toml":
            run("import", project)
        run("export", "onnx.toml", "--examples", folder / "examples.parquet")
        boosters, columns, table = train(folder)
        import pandas
        events = pandas.read_parquet(folder / "data/events.parquet", columns=["user", "time", "type"])
        for project in "own.toml", "onnx.toml":
            run("train", project)
        out = compare(lambda verb, *args, check: run(verb, "onnx.toml", *args, check=check), boosters, columns, table,
                      events, o.compared)
        times = {"own.toml": [], "onnx.toml": []}
        for _ in range(3):
            for project, measured in times.items():
                measured.append(json.loads(run("bench rank", project, "--json").stdout))
        best = {project: min(measured, key=lambda one: one["scores"]["p50_ms"]) for project, measured in times.items()}
        out |= {"columns": len(columns), "trees": {n: b.num_trees() for n, b in boosters.items()},
                "ranking_ms": {"own": best["own.toml"], "lightgbm": best["onnx.toml"]},
                "versions": {"lightgbm": lightgbm.__version__, "onnxruntime": onnxruntime.__version__},
                "date": datetime.date.today().isoformat(), "machine": platform.processor() or platform.machine()}
    print(json.dumps(out, indent=1))
    if o.json:
        o.json.write_text(json.dumps(out, indent=1) + "\n")
    if not out["pairs"] or max(out["largest_difference"].values()) > MOST:
        sys.exit(f"nothing was compared, or a difference is above {MOST}")


if __name__ == "__main__":
    main()
