#!/usr/bin/env python3
"""`upnext export` writes models and training examples for other programs; with the real binary.

    tests/cases/export.py build/release/upnext
"""
import json
import pathlib
import struct
import sys
import tempfile

import score
from case import require, run_cases


def models_are_a_folder_that_explains_itself(upnext, folder):
    site = score.Site(upnext, folder)
    site.write_project(score.objectives(watch=1, save=-.5))
    site.run("import")
    said = site.run("export", "--onnx", folder / "out", code=1)
    require("run" in said and "train" in said, "without a bundle:", said)
    site.run("train")
    said = site.run("export", "--onnx", folder / "out")
    require("v000001" in said, said)
    manifest = json.loads((folder / "out/manifest.json").read_text())
    require(manifest["bundle"] == "v000001" and manifest["opset"] == 17, manifest["bundle"], manifest["opset"])
    for name, model in manifest["models"].items():
        require((folder / "out" / model["file"]).stat().st_size > 1000, model["file"])
        example = json.loads((folder / "out" / model["example"]).read_text())
        for side in "inputs", "outputs":
            names = {tensor["name"] for tensor in model[side]}
            require(names == set(example[side]), name, side, names ^ set(example[side]))
        for tensor in model["inputs"]:
            require("kind" in tensor, name, tensor)
            if "vocabulary" in tensor:
                require(manifest["vocabularies"][tensor["vocabulary"]]["rows"] == tensor["rows"], tensor)
    ranker = manifest["models"]["ranker"]
    require(ranker["score_weights"] == {"watch": 1, "click": 0, "save": -.5}, ranker["score_weights"])
    require([output["name"] for output in ranker["outputs"]][-1] == "score", ranker["outputs"])
    names = (folder / "out/vocabulary.ranked_item.txt").read_text().split("\n")
    require(names[0] == "" and set(names[1:-1]) <= {f"i{i:02}" for i in range(score.ITEMS)} and len(names) > 5, names)

    # Each number has its place, and those by quantiles have boundaries.
    quantiles = json.loads((folder / "out" / ranker["quantiles"]).read_text())
    at = 0
    for tensor in ranker["inputs"]:
        if tensor["name"] == "numbers.query":
            for column in tensor["columns"]:
                require(column["at"] == at, column)
                at += column["width"]
                boundaries = quantiles.get("query." + column["feature"], [])
                require(len(boundaries) in ([0, 1000] if column["encoding"] == "quantiles" else [0]), column)
            require(tensor["shape"] == ["queries", str(at)], tensor["shape"], at)
    require(at > 0, "no numbers")

    vectors = (folder / "out/items.npy").read_bytes()
    head, = struct.unpack("<H", vectors[8:10])
    rows, dim = manifest["models"]["candidate"]["items"]["shape"]
    require(vectors[:6] == b"\x93NUMPY" and (10 + head) % 64 == 0, vectors[:10])
    require(f"({rows}, {dim})".encode() in vectors[:head], vectors[:head])
    require(len(vectors) == 10 + head + 4 * rows * dim, len(vectors))
    require(not any(vectors[10 + head:][:4 * dim]), "row 0 is not zero")


def examples_need_no_bundle(upnext, folder):
    site = score.Site(upnext, folder)
    site.write_project(score.objectives(watch=1))
    site.run("import")
    shown = score.USERS * score.DAYS * 8
    file = folder / "examples.parquet"
    said = site.run("export", "--examples", file)
    require(f"{shown:,} examples" in said, said)
    content = file.read_bytes()
    require(content[:4] == content[-4:] == b"PAR1", "not Parquet")
    for column in b"label.watch", b"label.save", b"impression.item", b"query.watched_items.weights":
        require(column in content, column)
    parts = 0
    for part in "train", "validation", "test":
        said = site.run("export", "--examples", file, "--part", part)
        parts += int(said.split(" examples")[0].split()[-1].replace(",", ""))
    require(parts == shown, parts, "in parts,", shown, "in all")
    said = site.run("export", "--examples", file, "--limit", "100")
    require("100 examples" in said and file.stat().st_size < len(content) / 2, said, file.stat().st_size)
    require("examples" in site.run("export", "--examples", file, "--stage", "retrieval"), "retrieval")


def nothing_to_write_is_wrong_usage(upnext, folder):
    site = score.Site(upnext, folder)
    site.write_project(score.objectives(watch=1))
    site.run("export", code=2)
    site.run("export", "--part", "test", "--onnx", folder / "out", code=2)
    site.run("export", "--examples", folder / "x", "--part", "tomorrow", code=2)


def main():
    upnext = str(pathlib.Path(sys.argv[1]).resolve())

    def in_folder(case):
        def run():
            with tempfile.TemporaryDirectory() as name:
                case(upnext, pathlib.Path(name))
        run.__name__ = case.__name__
        return run

    return run_cases([in_folder(case) for case in (models_are_a_folder_that_explains_itself, examples_need_no_bundle,
                                                   nothing_to_write_is_wrong_usage)])


if __name__ == "__main__":
    sys.exit(main())
