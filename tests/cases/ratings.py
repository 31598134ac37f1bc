#!/usr/bin/env python3
"""On a log of ratings the ranker is better than additive effects of users and items, with the real binary.

    tests/cases/ratings.py build/release/upnext
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from case import require, run_cases

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"


class Ratings:
    """The project of configs/ratings.toml in a folder of its own."""

    def __init__(self, upnext, folder):
        self.upnext, self.folder = upnext, pathlib.Path(folder)
        self.run("simulate", "-o", self.folder / "data", "--world", CONFIGS / "ratings-world.toml")
        self.project("import")
        self.project("train", "--only", "ranking")

    def run(self, *words):
        done = subprocess.run([self.upnext, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=400)
        require(done.returncode == 0, *words, "ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout

    def project(self, verb, *words):
        return self.run(verb, "-c", CONFIGS / "ratings.toml", "--data", self.folder / "data", "--project-dir",
                        self.folder / "project", *words)

    def figures(self, *words):
        """{model: {figure: value}}"""
        ranking = json.loads(self.project("evaluate", "--json", *words))["intervals"]["ranking"]
        return {row["name"]: {name: figure[0] for name, figure in row["figures"].items()}
                for row in [ranking["model"], *ranking["baselines"]]}


def the_ranker_is_better_than_additive_effects(site):
    # With frozen states, ranker and baselines know the same: the days before the test part.
    for words in ((), ("--frozen",)):
        figures = site.figures(*words)
        ranker = figures["ranker"]
        for name in ("item mean", "user mean", "additive", "additive, shrunk"):
            require(ranker["rmse.rating"] < figures[name]["rmse.rating"], *words, name, figures[name], ranker)
        for name in ("additive, shrunk", "rates"):
            require(ranker["auc.like"] > figures[name]["auc.like"], *words, name, figures[name], ranker)


def effects_fitted_together_are_the_best_average(site):
    figures = site.figures()
    for name in ("mean", "median", "duration mean", "user mean", "item mean", "additive"):
        require(figures["additive, shrunk"]["rmse.rating"] < figures[name]["rmse.rating"], name, figures)


def the_labels_bring_features(site):
    said = site.project("features")
    for name in ("user_mean_rating", "item_mean_rating"):
        require(name in said, "no", name, "in", said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        site = Ratings(pathlib.Path(sys.argv[1]).resolve(), folder)
        return run_cases((the_ranker_is_better_than_additive_effects, effects_fitted_together_are_the_best_average,
                          the_labels_bring_features), site)


if __name__ == "__main__":
    sys.exit(main())
