#!/usr/bin/env python3
"""What the candidate model's user vector and dot product are worth as inputs of the ranker (decision 0050, RK-16).

    python3 -m venv ../peers && ../peers/bin/pip install lightgbm onnxruntime pyarrow     once, outside the repository
    ../peers/bin/python bench/retrieval_features.py [--upnext build/release/upnext] [--config configs/demo.toml]
        [--users 600] [--items 800] [--days 20] [--seeds 1,2,3] [--work build/retrieval-features] [--processes 2]

For each seed, simulates a log whose impressions have the score of their source, and trains the candidate model twice: on
the first half of the days, and ("wrong way") on all training days, as the model of the same bundle would be. Both are run
by ONNX Runtime for each impression of the second half, with the state before the impression: `upnext export --examples`
writes the features that they read, whose ids are mapped by name to the vocabularies of each model. LightGBM then learns
click and watch time from the training part of the second half, with and without them; the validation part chooses the
number of trees. Inputs: the ranker's numbers, the lengths of its lists, and as categories single ids, and the newest of
lists, of vocabularies of at most 100 rows; --all-ids: of every vocabulary.

Writes WORK/SEED/figures-VARIANTS.json and prints differences to the ranker's features alone on the test part, with 95 % intervals over
the seeds (Student's t). A file of WORK that exists is not made again.
"""
import argparse
import concurrent.futures
import datetime
import json
import pathlib
import statistics
import subprocess
import sys

import lightgbm
import numpy
import onnxruntime
import pyarrow.compute
import pyarrow.parquet

from lightgbm_witness import PARAMETERS

# What the candidate model reads, in the ranker's examples. The watches, region and device are among its default features.
ADDED = {"source_score": "request.source_score", "retrieval_searches": "tokens(sorted(history(search, query, 50)))",
         "retrieval_age": "plain(limit(user.age, 100))", "retrieval_gender": "plain(limit(user.gender, 1))",
         "retrieval_logged_in": "plain(limit(user.logged_in, 1))"}
COLUMN = {"watches": "watched_items", "region": "region", "device": "device",
          **{name.removeprefix("retrieval_"): name for name in ADDED if name.startswith("retrieval_")}}
VOCABULARY = {"watches": "ranked_item", "searches": "token", "region": "region", "device": "device"}  # of the examples
VARIANTS = {"a": [], "b": ["score"], "c": ["dot"], "d": ["dot", "vector"], "e": ["score", "dot"],
            "f": ["wrong dot"], "g": ["wrong dot", "wrong vector"]}
NAMES = {"a": "the ranker's features", "b": "a + `source_score`", "c": "a + dot product", "d": "a + dot product and user vector",
         "e": "a + `source_score` and dot product", "f": "a + dot product, wrong way",
         "g": "a + dot product and user vector, wrong way"}
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}  # by number of seeds
FASTER = {**PARAMETERS, "learning_rate": .1, "num_leaves": 31, "max_bin": 63}


def project(config, where, more):
    """The project file without its folders, with a condition for the events, and the candidate model's order."""
    text = config.read_text()
    begin = text.index("[project]")
    text = text[:begin] + text[text.index("\n\n", begin):]
    source = "read_parquet('{data}/events*.parquet', filename = true)"
    if source not in text or "[retrieval]\n" not in text:
        sys.exit(f"{config}: expected {source} and [retrieval], as in configs/demo.toml")
    text = text.replace(source, source + where).replace("[retrieval]\n", '[retrieval]\norder = "model"\n')
    return text + more


def prepare(o, folder, seed):
    """The log, both candidate models and the examples. Returns the time at which the second half begins."""
    data = folder / "data"
    if not (data / "items.parquet").exists():
        run(o.upnext, "simulate", "-o", data, "--users", o.users, "--items", o.items, "--days", o.days, "--seed", seed)
    times = [pyarrow.compute.min(pyarrow.parquet.read_table(p, columns=["time"])["time"]).as_py()
             for p in data.glob("events*.parquet")]
    middle = min(times).date() + datetime.timedelta(days=o.days // 2)
    added = "".join(f'\n[[feature]]\nname = "{name}"\nfrom = "{text}"\n' for name, text in ADDED.items())
    halves = {"first": (f"\nWHERE time < TIMESTAMP '{middle}'", ""), "all": ("", "\n[train]\nfinal_fit = false\n" + added)}
    for name, (where, more) in halves.items():
        config = folder / f"{name}.toml"
        at = ["-c", config, "--data", data, "--project-dir", folder / name]
        if not (folder / f"{name}-onnx/manifest.json").exists():
            config.write_text(project(o.config, where, more))
            run(o.upnext, "import", *at)
            run(o.upnext, "train", *at, "--only", "retrieval", "--seed", seed, "--force")
            run(o.upnext, "export", *at, "--onnx", folder / f"{name}-onnx")
        if name == "all" and not (folder / "examples.parquet").exists():
            run(o.upnext, "export", *at, "--examples", folder / "examples.tmp")
            (folder / "examples.tmp").rename(folder / "examples.parquet")
    return middle


def run(*command):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def vocabulary(folder, name):
    return (folder / f"vocabulary.{name}.txt").read_text().split("\n")[:-1]


def lists(column):
    """Offsets and values of a column of lists; NULL is an empty list."""
    lengths = pyarrow.compute.fill_null(pyarrow.compute.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    return numpy.concatenate([[0], numpy.cumsum(lengths)]), column.flatten().to_numpy()


def user_vectors(table, examples, folder):
    """The user vector of each row of the examples; `examples`: an export with the vocabularies of their ids."""
    model = json.loads((folder / "manifest.json").read_text())["models"]["candidate"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / model["file"], options)
    rows, whole, filled = len(table), {}, {}
    for one in model["inputs"]:
        name, kind = one["name"], one["kind"]
        if kind == "numbers":
            whole[name] = numpy.zeros((rows, int(one["shape"][1])), "float32")
            for part in one["columns"]:
                at = part["at"]
                if part["feature"] == "example_age":
                    whole[name][:, at + 2] = 1  # 0, as when serving: the first hat function is 1
                    continue
                values = table[f"query.{COLUMN[part['feature']]}"].to_numpy().astype("float32")
                whole[name][:, at] = numpy.nan_to_num(values)
                whole[name][:, at + 1] = numpy.isnan(values)
        elif kind in ("id", "ids"):
            feature = one["feature"]
            column = table[f"query.{COLUMN[feature]}"].combine_chunks()
            rows_of = {name: row for row, name in enumerate(vocabulary(folder, one["vocabulary"])) if row}
            mapped = numpy.array([rows_of.get(name, 0) for name in vocabulary(examples, VOCABULARY[feature])], "int64")
            mapped[0] = 0
            if kind == "id":
                whole[name] = mapped[column.fill_null(0).to_numpy()]
            else:
                offsets, values = lists(column)
                filled[name] = offsets, mapped[values]
    found = numpy.empty((rows, model["items"]["shape"][1]), "float32")
    for begin in range(0, rows, 4096):
        end = min(rows, begin + 4096)
        inputs = {name: values[begin:end] for name, values in whole.items()}
        for name, (offsets, values) in filled.items():
            lengths = numpy.diff(offsets[begin:end + 1])
            width = max(1, lengths.max())
            weights = numpy.arange(width) >= width - lengths[:, None]
            ids = numpy.zeros((end - begin, width), "int64")
            ids[weights] = values[offsets[begin]:offsets[end]]
            inputs |= {name: ids, f"{name}.weights": weights.astype("float32")}
        found[begin:end] = session.run(["user_vector"], inputs)[0]
    return found


def retrieval(table, examples, folder):
    """The dot product of each row, NaN if the model does not know the item, and the user vector."""
    vectors = user_vectors(table, examples, folder)
    items = numpy.load(folder / "items.npy")
    rows_of = {name: row for row, name in enumerate(vocabulary(folder, "item")) if row}
    rows = numpy.array([rows_of.get(name, 0) for name in table["item"].to_pylist()])
    return numpy.where(rows > 0, (vectors * items[rows]).sum(axis=1), numpy.nan)[:, None], vectors


def ranker_inputs(table, most_rows):
    """A matrix of the ranker's features without those of ADDED, and which of its columns are categories."""
    columns, categories = [], []
    for name in table.column_names:
        if not name.startswith(("query.", "impression.")) or name.endswith((".weights", ".normal")):
            continue
        if name.split(".")[1] in ADDED:
            continue
        column = table[name].combine_chunks()
        if str(column.type).startswith("list"):
            offsets, values = lists(column)
            lengths = numpy.diff(offsets)
            ids = numpy.full(len(lengths), numpy.nan)
            ids[lengths > 0] = values[offsets[1:][lengths > 0] - 1]
            columns.append(lengths.astype(float))
        else:
            ids = column.to_numpy(zero_copy_only=False).astype(float)
            if str(column.type) != "int32":
                columns.append(ids)
                continue
        if not numpy.nanmax(ids, initial=0) > most_rows:
            categories.append(len(columns))
            columns.append(ids)
    return numpy.stack(columns, axis=1).astype("float32"), categories


def auc(predictions, labels):
    """Area under the curve, by mean ranks; ties count one half."""
    _, place, count = numpy.unique(predictions, return_inverse=True, return_counts=True)
    ranks = (numpy.cumsum(count) - (count - 1) / 2)[place]
    ones = labels.sum()
    return (ranks[labels > 0].sum() - ones * (ones + 1) / 2) / (ones * (len(labels) - ones))


def xauc(predictions, targets):
    """Share of the pairs with different targets that are in the right order; ties count one half."""
    right = total = 0.0
    for row in numpy.flatnonzero(targets > targets.min()):
        below = predictions[targets < targets[row]]
        right += (below < predictions[row]).sum() + (below == predictions[row]).sum() / 2
        total += len(below)
    return right / total


def fit(features, label, rows, categories, watch, seed):
    """Figures on the training and the test part of LightGBM with the best number of trees for the validation part."""
    parameters = {**FASTER, "objective": "l2" if watch else "binary", "seed": seed, "num_threads": 1}
    data = {p: lightgbm.Dataset(features[rows[p]], label[rows[p]], categorical_feature=categories)
            for p in ("train", "validation")}
    model = lightgbm.train(parameters, data["train"], 2000, valid_sets=[data["validation"]],
                           callbacks=[lightgbm.early_stopping(30, verbose=False)])
    predicted = {p: model.predict(features[rows[p]]) for p in ("train", "test")}
    truth = {p: label[rows[p]] for p in predicted}
    if not watch:
        return {"AUC click": auc(predicted["test"], truth["test"]), "AUC click, training": auc(predicted["train"], truth["train"])}
    return {"watch XAUC": xauc(predicted["test"], truth["test"]),
            "watch RMSE s": numpy.sqrt(((predicted["test"] - truth["test"]) ** 2).mean())}


def measure(o, folder, seed):
    """For each variant, its figures."""
    middle = prepare(o, folder, seed)
    table = pyarrow.parquet.read_table(folder / "examples.parquet")
    second = pyarrow.compute.greater_equal(pyarrow.compute.cast(table["time"], "timestamp[us]"),
                                           pyarrow.scalar(datetime.datetime.combine(middle, datetime.time()), "timestamp[us]"))
    table = table.filter(second)
    base, categories = ranker_inputs(table, 10**9 if o.all_ids else 100)
    more = {"score": table["impression.source_score"].to_numpy()[:, None]}
    for name, export in (("", "first-onnx"), ("wrong ", "all-onnx")):
        more[f"{name}dot"], more[f"{name}vector"] = retrieval(table, folder / "all-onnx", folder / export)
    part = table["part"].to_numpy()
    found = {"rows": {p: int((part == p).sum()) for p in ("train", "validation", "test")}, "inputs": base.shape[1],
             "categories": len(categories), "figures": {},
             "missing": {n: float(numpy.isnan(v[part == "test"]).mean()) for n, v in more.items() if "vector" not in n}}
    for variant in o.variants:
        features = numpy.concatenate([base, *(more[m] for m in VARIANTS[variant])], axis=1)
        found["figures"][variant] = {}
        for name in ("click", "watch"):
            label = table[f"label.{name}"].to_numpy().astype(float)
            rows = {p: (part == p) & ~numpy.isnan(label) for p in ("train", "validation", "test")}
            found["figures"][variant] |= fit(features, label, rows, categories, name == "watch", seed)
        print(seed, variant, json.dumps(found["figures"][variant]), file=sys.stderr, flush=True)
    return found


def measured(o, seed):
    """The figures of measure(), kept in WORK."""
    folder = o.work / str(seed)
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / f"figures-{o.variants}{'-all-ids' if o.all_ids else ''}.json"
    if not report.exists():
        figures = json.dumps(measure(o, folder, seed), indent=2) + "\n"
        report.write_text(figures)
    return json.loads(report.read_text())


def change(found, variant, base, figure):
    """Mean over the seeds of the difference of two variants, and half its 95 % interval."""
    changes = [f["figures"][variant][figure] - f["figures"][base][figure] for f in found]
    return statistics.mean(changes), T95[len(found)] * statistics.stdev(changes) / len(found) ** 0.5


def table_of(found, variants):
    names = list(found[0]["figures"]["a"])
    lines = ["| inputs | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names),
             f"| {NAMES['a']} | " + " | ".join(f"{statistics.mean(f['figures']['a'][n] for f in found):.4f}" for n in names) + " |"]
    pairs = [(v, "a", NAMES[v]) for v in variants if v != "a"]
    pairs += [(v, b, f"{v} less {b}") for v, b in (("c", "b"), ("e", "b"), ("d", "c")) if v in variants and b in variants]
    for variant, base, name in pairs:
        lines.append(f"| {name} | " + " | ".join("{:+.4f} ± {:.4f}".format(*change(found, variant, base, n)) for n in names) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upnext", default="build/release/upnext", type=pathlib.Path)
    parser.add_argument("--config", default="configs/demo.toml", type=pathlib.Path)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--items", type=int, default=800)
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--seeds", default="1,2,3", help="of the simulation, the training and LightGBM; 2 to 10 of them")
    parser.add_argument("--variants", default="abcdefg", help="letters of the rows of the table; a is needed")
    parser.add_argument("--all-ids", action="store_true")
    parser.add_argument("--work", default="build/retrieval-features", type=pathlib.Path)
    parser.add_argument("--processes", type=int, default=2, help="seeds at the same time; each fit has one thread")
    o = parser.parse_args()
    seeds = [int(s) for s in o.seeds.split(",")]
    if len(seeds) not in T95 or "a" not in o.variants or not set(o.variants) <= set(VARIANTS):
        parser.error(f"expected 2 to 10 seeds, and variants of {''.join(VARIANTS)} with a")
    with concurrent.futures.ProcessPoolExecutor(o.processes) as pool:
        found = list(pool.map(measured, [o] * len(seeds), seeds))
    for seed, f in zip(seeds, found):
        print(f"seed {seed}: {f['rows']['train']:,} training, {f['rows']['validation']:,} validation, {f['rows']['test']:,} test"
              f" examples, {f['inputs']} inputs ({f['categories']} categories), missing in the test part: "
              + ", ".join(f"{n} {100 * v:.0f} %" for n, v in f["missing"].items()))
    print(f"LightGBM {lightgbm.__version__}, ONNX Runtime {onnxruntime.__version__}\n")
    print(table_of(found, o.variants))


if __name__ == "__main__":
    main()
