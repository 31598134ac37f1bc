#!/usr/bin/env python3
"""LightGBM on logs with position bias: the witness of `upnext study position-bias`, on the worlds of its swapping logs.

    python3 -m venv ../peers && ../peers/bin/pip install lightgbm pyarrow pandas     once, outside the repository
    ../peers/bin/python bench/position_witness.py --upnext build/release/upnext [--seeds 5] [--strengths usual,strong]

For each seed and strength it simulates the study's world with its truth, and exports the training examples. On these it
trains LightGBM by clicks, on all numbers: `binary`, without the position and with it as an input, which is 1 for every
item when serving; `lambdarank`, without and with its position term (`position`: position x device; `--regularization`:
lambdarank_position_bias_regularization). The validation part chooses the number of trees of `binary`; `lambdarank` has
150, because its NDCG by the clicks of a day has more noise than the trees change it. Prints the NDCG of the held-out
pages against the true P(click | examined) as the study computes it: means, and standard deviations over seeds.
"""
import argparse
import pathlib
import statistics
import subprocess
import tempfile

import lightgbm
import numpy
import pyarrow.parquet

from lightgbm_witness import PARAMETERS, inputs

STRENGTHS = {"weak": (2.0, 1.5), "usual": (1, 1), "strong": (.3, .8)}  # factors of floor and scale, as in the study
EXAMINATION = {"phone": (.15, 1.6), "desktop": (.36, 2.2), "tablet": (.28, 2.0), "tv": (.45, 3.0)}
SIZE = ["--users", "1200", "--items", "800", "--days", "16"]
ARMS = ("binary", "binary, position as input", "lambdarank", "lambdarank, position term")
PROJECT = """[project]
data = "data"
directory = "project"
[import]
events = '''SELECT * FROM read_parquet('{data}/events*.parquet')'''
items = '''SELECT * FROM read_parquet('{data}/items.parquet')'''
users = '''SELECT * FROM read_parquet('{data}/users.parquet')'''
[split]
kind = "time"
validation_days = 1
test_days = 1
[[ranking.objective]]
name = "click"
label = "click"
score_weight = 1
"""


def export(upnext, seed, strength, folder):
    """The study's log as a table of examples with the column `truth`, pages together."""
    floors, scales = STRENGTHS[strength]
    (folder / "world.toml").write_text("".join(
        f"[examination.{device}]\nfloor = {min(.9, floor * floors)}\nscale = {scale * scales}\n"
        for device, (floor, scale) in EXAMINATION.items()))
    (folder / "project.toml").write_text(PROJECT)
    for command in (["simulate", "-o", "data", "--world", "world.toml", "--truth", "--seed", str(seed), *SIZE],
                    ["import", "-c", "project.toml"],
                    ["export", "-c", "project.toml", "--examples", "examples.parquet"]):
        subprocess.run([upnext, *command], cwd=folder, check=True, capture_output=True)
    read = pyarrow.parquet.read_table
    events = read(folder / "data/events.parquet", columns=["user", "item", "time", "request", "type"]).to_pandas()
    truth = read(folder / "data/truth.parquet", columns=["request", "item", "click"]).to_pandas()
    truth = events[events.type == "impression"].merge(truth, on=["request", "item"])
    known = dict(zip(zip(truth.user, truth.item, truth.time), truth.click))
    table = read(folder / "examples.parquet")
    keys = table.select(["user", "item", "time"]).to_pandas()
    gains = [known[key] for key in zip(keys.user, keys.item, keys.time)]
    table = table.append_column("truth", pyarrow.array(gains))
    return table.sort_by([("user", "ascending"), ("time", "ascending"), ("request", "ascending")])


def groups(requests):
    """Lengths of the pages, which are together."""
    ends = numpy.flatnonzero(numpy.append(requests[1:] != requests[:-1], True)) + 1
    return numpy.diff(ends, prepend=0)


def ndcg(scores, gains, lengths):
    """Mean over pages of two items or more."""
    found, begin = [], 0
    for length in lengths:
        page, begin = slice(begin, begin + length), begin + length
        if length < 2:
            continue
        discounts = 1 / numpy.log2(2 + numpy.arange(length))
        order = numpy.argsort(-scores[page], kind="stable")
        found.append((gains[page][order] * discounts).sum() / (-numpy.sort(-gains[page]) * discounts).sum())
    return float(numpy.mean(found))


def scores_of(arm, data, parameters):
    """The scores of the test part."""
    ranks = arm.startswith("lambdarank")
    features = {p: d["features"] for p, d in data.items()}
    if arm.endswith("input"):  # the last column
        where = {p: numpy.ones(len(d["position"])) if p == "test" else d["position"] for p, d in data.items()}
        features = {p: numpy.column_stack([f, where[p]]) for p, f in features.items()}
    sets = {p: lightgbm.Dataset(features[p], data[p]["label"], group=data[p]["lengths"] if ranks else None,
                                position=data[p]["cell"] if arm.endswith("term") else None)
            for p in ("train", "validation")}
    if ranks:
        model = lightgbm.train({**parameters, "objective": "lambdarank"}, sets["train"], 150)
    else:
        model = lightgbm.train({**parameters, "objective": "binary"}, sets["train"], 3000,
                               valid_sets=[sets["validation"]],
                               callbacks=[lightgbm.early_stopping(60, verbose=False)])
    return model.predict(features["test"])


def measure(table, seed, options):
    """NDCG by arm."""
    features, categories = inputs(table)
    devices = numpy.nan_to_num(table["query.device"].to_numpy(zero_copy_only=False)).astype(int)
    whole = {"position": table["position"].to_numpy(), "label": table["label.click"].to_numpy(),
             "truth": table["truth"].to_numpy(), "request": table["request"].to_numpy(),
             "features": numpy.delete(features, categories, axis=1)}
    whole["cell"] = (devices * 100 + whole["position"]).astype("int32")
    part = table["part"].to_numpy()
    data = {p: {name: values[part == p] for name, values in whole.items()} for p in ("train", "validation", "test")}
    for d in data.values():
        d["lengths"] = groups(d["request"])
    parameters = {**PARAMETERS, "learning_rate": .05, "num_leaves": 31, "seed": seed, "num_threads": options.threads,
                  "lambdarank_position_bias_regularization": options.regularization}
    test = data["test"]
    scores = {arm: scores_of(arm, data, parameters) for arm in ARMS}
    scores["order of the log"] = -test["position"]
    return {arm: ndcg(by, test["truth"], test["lengths"]) for arm, by in scores.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--strengths", default=",".join(STRENGTHS))
    parser.add_argument("--regularization", type=float, default=0)
    parser.add_argument("--threads", type=int, default=0)
    o = parser.parse_args()
    print(f"LightGBM {lightgbm.__version__}, seeds {o.first_seed} to {o.first_seed + o.seeds - 1}\n")
    print("| P(examined) falls | " + " | ".join((*ARMS, "order of the log")) + " |\n|---|" + "---|" * (len(ARMS) + 1))
    for strength in o.strengths.split(","):
        rows = []
        for seed in range(o.first_seed, o.first_seed + o.seeds):
            with tempfile.TemporaryDirectory() as folder:
                table = export(o.upnext, seed, strength, pathlib.Path(folder))
            rows.append(measure(table, seed, o))
        values = {arm: [row[arm] for row in rows] for arm in rows[0]}
        cells = [f"{statistics.mean(v):.4f} ± {statistics.stdev(v) if len(v) > 1 else 0:.4f}" for v in values.values()]
        print(f"| {strength} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
