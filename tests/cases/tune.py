#!/usr/bin/env python3
"""`upnext tune` chooses the exponents of the score on held-out pages; with the real binary.

    tests/cases/tune.py build/release/upnext
"""
import difflib
import json
import pathlib
import subprocess
import sys
import tempfile

import score
from case import Server, require, run_cases

CONFIGS = pathlib.Path(__file__).resolve().parent.parent.parent / "configs"


def json_of(site, verb, *args):
    """What the verb prints, without its progress."""
    done = subprocess.run(site.command(verb, "--json", *args), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=240)
    require(done.returncode == 0, verb, *args, "ended with", done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


def result(site, *args):
    return json_of(site, "tune", *args)


def loss_of_order(site):
    return json_of(site, "evaluate")["ranking"]["weighted_user_loss"]


def what_is_written_orders_the_feed_without_training(upnext, folder):
    site = score.Site(upnext, folder)
    site.write_project(score.objectives(watch=1) + "# the end\n")
    site.run("import")
    site.run("train")
    file = site.folder / "site.toml"
    before = file.read_text()
    with Server(site) as server:
        by_watch, by_click = score.order(server), score.order(server, score="click:1")
    loss = loss_of_order(site)
    plain = result(site, "--target", "click:1")
    require(file.read_text() == before, "tune without --write changed the file")
    require(plain["changed"] and plain["present"]["score"] == "watch:1", plain)
    gained = plain["chosen"]["figures"]["click"]
    require(gained["low"] > 0 and gained["value"] > plain["present"]["figures"]["click"]["value"], gained)
    require(plain["lines"] > 100 and plain["users"] == score.USERS, plain["lines"], plain["users"])

    site.run("tune", "--target", "click:1", "--write")
    changes = [line for line in difflib.ndiff(before.splitlines(), file.read_text().splitlines()) if line[0] in "+-"]
    require(changes and all("score_weight" in line for line in changes), "changed lines:", changes)
    with Server(site) as server:
        tuned, exponents = score.order(server), plain["chosen"]["exponents"]
        require(tuned == score.order(server, score=plain["chosen"]["score"]), "the file is not what tune chose")
        score.check_order(server, exponents)
    require(tuned != by_watch, "the feed has not changed")
    require(tuned.index(by_click[0]) < by_watch.index(by_click[0]), "what is clicked most has not risen:", tuned)
    require(loss_of_order(site) != loss, "evaluate does not follow the file")
    again = result(site, "--target", "click:1")
    require(again["present"]["exponents"] == exponents, "the next tune does not begin there:", again["present"])
    require(not again["changed"], "a second search found", again["chosen"])


def a_file_without_objectives_gets_the_lines_to_add(upnext, folder):
    site = score.Site(upnext, folder)
    site.write_project("")
    site.run("import")
    site.run("train")
    before = (folder / "site.toml").read_text()
    said = site.run("tune", "--target", "click:1", "--write", code=1)
    require((folder / "site.toml").read_text() == before, "the file was changed")
    lines = said[said.index("[[ranking.objective]]\n"):]
    lines = lines[:lines.rindex("score_weight")] + lines[lines.rindex("score_weight"):].split("\n")[0] + "\n"
    site.write_project(lines)
    chosen = result(site, "--target", "click:1")
    require(not chosen["changed"] and "click" in chosen["present"]["score"], "the lines are not what was chosen:", lines)


def what_cannot_be_is_refused(upnext, folder):
    site = score.Site(upnext, folder)
    site.write_project(score.objectives(watch=1))
    site.run("import")
    said = site.run("tune", code=1)
    require("upnext train" in said, said)
    site.run("train")
    said = site.run("tune", "--target", "like:1", code=1)
    require("watch, click, save, engagement, satisfaction" in said and "'like:1'" in said, said)
    page = folder / "page.html"
    for world, expected in (CONFIGS / "demo-world.toml", "pass the world"), (folder / "none.toml", "none.toml"):
        for verb in "tune", "evaluate":
            said = site.run(verb, "--world", world, "--html", page, code=1)
            require(expected in said, said)
    require(not page.exists(), "a wrong world is noticed after the evaluation")


class World:
    """A small simulated site with the project file of the demo."""

    def __init__(self, upnext, folder):
        self.upnext, self.folder, self.world = upnext, folder, folder / "world.toml"
        self.world.write_text("users = 300\nitems = 400\ndays = 14\nseed = 1\n")
        subprocess.run([upnext, "simulate", "-o", folder / "data", "--world", self.world], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for verb in ("import", "train"):
            subprocess.run(self.command(verb), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def command(self, verb, *args):
        return [self.upnext, verb, "-c", CONFIGS / "demo.toml", "--data", self.folder / "data", "--project-dir",
                self.folder / "project", *args]


def on_a_simulated_site_the_true_value_is_next_to_the_measured_one(upnext, folder):
    site, page = World(upnext, folder), folder / "page.html"
    found = result(site, "--world", site.world, "--html", page)
    names = ["true clicks", "true watch seconds", "true satisfaction"]
    for line in (found["present"], found["chosen"], *found["front"], found["most_true_watch"]):
        require(all(line["figures"][name]["value"] > 0 for name in names), line)
    most = found["most_true_watch"]["figures"]["true watch seconds"]["value"]
    for line in (found["present"], *found["front"]):
        require(line["figures"]["true watch seconds"]["value"] <= most + 1e-9, line, "has more than", most)
    require(len(found["front"]) > 1, "the front has one line")
    require("<svg" in page.read_text() and "satisfaction" in page.read_text(), "the page has no plot")
    require(found["chosen"]["figures"]["satisfaction"]["high"] >= 0, "satisfaction was sold", found["chosen"])


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()

    def in_a_folder(case):
        def run():
            with tempfile.TemporaryDirectory() as folder:
                case(upnext, pathlib.Path(folder))
        run.__name__ = case.__name__
        return run
    return run_cases([in_a_folder(case) for case in (
        what_is_written_orders_the_feed_without_training, a_file_without_objectives_gets_the_lines_to_add,
        what_cannot_be_is_refused, on_a_simulated_site_the_true_value_is_next_to_the_measured_one)])


if __name__ == "__main__":
    sys.exit(main())
