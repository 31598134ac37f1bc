#!/usr/bin/env python3
"""LightGBM on exported examples: the figures of the ranking report, from the same rows and labels.

    upnext export -c configs/kuairand.toml --examples examples.parquet
    python3 -m venv ../peers && ../peers/bin/pip install lightgbm pyarrow pandas     once, outside the repository
    ../peers/bin/python bench/lightgbm_witness.py examples.parquet [--seeds 5] [--watch watch] [--without-ids]

One model for each label (label.NAME): squared error for the watch time, else binary. It reads all numbers, the lengths
of lists and, as categories, single ids and the newest id of each list; or the same without ids. The validation part
chooses between the two, and the number of trees. Prints RMSE, MAE and XAUC of the watch time and the AUC of the others on the test part: mean and
standard deviation over seeds.
"""
import argparse
import statistics

import lightgbm
import numpy
import pyarrow.parquet

PARAMETERS = {"learning_rate": .01, "num_leaves": 63, "min_data_in_leaf": 40, "lambda_l2": 10, "feature_fraction": .5,
              "bagging_fraction": .8, "bagging_freq": 1, "cat_smooth": 20, "verbose": -1}


def inputs(table):
    """A matrix, and which of its columns are categories."""
    columns, categories = [], []
    for name in table.column_names:
        if not name.startswith(("query.", "impression.")) or name.endswith((".weights", ".normal")):
            continue
        column = table[name].combine_chunks()
        if str(column.type).startswith("list"):
            offsets, values = column.offsets.to_numpy(), column.values.to_numpy()
            lengths = numpy.diff(offsets)
            newest = numpy.full(len(lengths), numpy.nan)
            newest[lengths > 0] = values[offsets[1:][lengths > 0] - 1]
            categories.append(len(columns))
            columns += [newest, lengths.astype(float)]
            continue
        if str(column.type) == "int32":
            categories.append(len(columns))
        columns.append(column.to_numpy(zero_copy_only=False).astype(float))
    return numpy.stack(columns, axis=1).astype("float32"), categories


def ordered_pairs(predictions, targets):
    """Share of the pairs with different targets that are in the right order; ties count one half."""
    right = total = 0.0
    for begin in range(0, len(targets), 512):
        above = targets[begin:begin + 512, None] > targets[None, :]
        p, q = predictions[begin:begin + 512, None], predictions[None, :]
        right += ((p > q) & above).sum() + ((p == q) & above).sum() / 2
        total += above.sum()
    return right / total


def best(features, label, rows, categories, parameters):
    """The loss on the validation part, and predictions for the test part."""
    data = {p: lightgbm.Dataset(features[rows[p]], label[rows[p]], categorical_feature=categories)
            for p in ("train", "validation")}
    model = lightgbm.train(parameters, data["train"], 5000, valid_sets=[data["validation"]],
                           callbacks=[lightgbm.early_stopping(200, verbose=False)])
    return list(model.best_score["valid_0"].values())[0], model.predict(features[rows["test"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--watch", default="watch", help="objective of the watch time")
    parser.add_argument("--without-ids", action="store_true", help="do not try the ids, which take most of the time")
    parser.add_argument("--threads", type=int, default=0)
    o = parser.parse_args()
    table = pyarrow.parquet.read_table(o.examples)
    features, categories = inputs(table)
    part = table["part"].to_numpy()
    everything = list(range(features.shape[1]))
    numbers = [i for i in everything if i not in categories]
    variants = [(numbers, [])] if o.without_ids else [(numbers, []), (everything, categories)]
    found, without_ids = {}, {}
    for column in table.column_names:
        if not column.startswith("label."):
            continue
        name = column.removeprefix("label.")
        label = table[column].to_numpy(zero_copy_only=False).astype(float)
        rows = {p: (part == p) & ~numpy.isnan(label) for p in ("train", "validation", "test")}
        watch = name == o.watch
        for seed in range(1, o.seeds + 1):
            parameters = {**PARAMETERS, "objective": "l2" if watch else "binary", "seed": seed, "num_threads": o.threads}
            candidates = [best(features[:, columns], label, rows, ids, parameters)
                          for columns, ids in variants]
            chosen = min(range(len(variants)), key=lambda i: candidates[i][0])
            without_ids.setdefault(name, []).append(not variants[chosen][1])
            predictions, targets = candidates[chosen][1], label[rows["test"]]
            if watch:
                predictions = numpy.maximum(predictions, 0)
                found.setdefault("RMSE s", []).append(numpy.sqrt(((predictions - targets) ** 2).mean()))
                found.setdefault("MAE s", []).append(abs(predictions - targets).mean())
            found.setdefault("XAUC" if watch else f"AUC {name}", []).append(ordered_pairs(predictions, targets))
    print(f"{(part == 'train').sum():,} training, {(part == 'test').sum():,} test examples, {features.shape[1]} inputs,"
          f" {o.seeds} seeds, LightGBM {lightgbm.__version__}\n")
    print("| " + " | ".join(found) + " |\n|" + "---:|" * len(found))
    spread = [statistics.stdev(values) if len(values) > 1 else 0 for values in found.values()]
    cells = [f"{statistics.mean(values):.{2 if ' s' in name else 4}f} ± {by:.{2 if ' s' in name else 4}f}"
             for (name, values), by in zip(found.items(), spread)]
    print("| " + " | ".join(cells) + " |\n\nchosen without ids: "
          + ", ".join(f"{name} {sum(seeds)} of {len(seeds)}" for name, seeds in without_ids.items()))


if __name__ == "__main__":
    main()
