#!/usr/bin/env python3
"""`upnext rules check` finds rules that have no effect, and shows what rules change; with the real binary.

    tests/cases/rules.py build/release/upnext
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import score
from case import require, run_cases

GOOD = """
[scenario.home]
filter = "item != 'i19'"
[[scenario.home.pin]]
item = "i02"
position = 1
"""
BAD = GOOD + """
[[scenario.home.hide]]
item = "i99"
[scenario.few]
filter = "item.duration > $least"
"""


class Site(score.Site):
    def rules(self, *args, code=0):
        done = subprocess.run([self.upnext, "rules", "check", "-c", self.folder / "site.toml", "--data", self.folder,
                               *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        require(done.returncode == code, args, "ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr


def good_rules_pass_and_their_effect_is_shown(site):
    site.write_project(score.objectives(watch=1))
    site.run("import")
    site.run("train", "--force")
    site.write_project(score.objectives(watch=1) + GOOD)
    said = site.rules("--users", "10", "-n", "5")
    require("[scenario.home]" in said and "filter: 95.0 % of the items pass it" in said, said)
    found = {one["scenario"]: one for one in json.loads(site.rules("--users", "10", "-n", "5", "--json"))}
    require(found["home"]["preview"]["users"] == 10, found)
    require(found["home"]["preview"]["changed"] > 0.5, "a pin changes the lists of who has not seen the item:", found)
    require(found[""]["preview"]["changed"] == 0, "there are no rules in [serving]:", found)
    require(found["home"]["errors"] == [], found)
    lists = json.loads(site.rules("--user", "nobody", "--scenario", "home", "-n", "5", "--json"))
    require(lists["with"][0] == "i02" and lists["without"][0] != "i02", lists)
    require("i02" in site.rules("--user", "nobody", "--scenario", "home"), "a table")


def rules_without_effect_are_errors(site):
    site.write_project(score.objectives(watch=1) + BAD)
    said = site.rules("--users", "3", code=1)
    require('error: hide of "i99": the catalogue has no such item' in said, said)
    require("no preview: scenario 'few': parameter $least" in said, said)


def a_cold_start_is_checked_by_itself(site):
    site.write_project(score.objectives(watch=1) + """
[scenario.home.cold_start]
fewer_than = 3
[[scenario.home.cold_start.pin]]
item = "i02"
position = 1
""")
    require("[scenario.home.cold_start]" in site.rules("--users", "10", "-n", "5"), "no lines of its own")
    found = {(one["scenario"], one["cold_start"]): one for one in json.loads(
        site.rules("--users", "10", "-n", "5", "--json"))}
    require(found["home", False]["preview"]["changed"] == 0, "the users have a history:", found)
    require(found["home", True]["preview"]["changed"] == 1, "as if they had none:", found)
    nobody = json.loads(site.rules("--user", "nobody", "--scenario", "home", "-n", "5", "--json"))
    require(nobody["cold_start"] and nobody["with"][0] == "i02", nobody)
    require("with rules, cold_start" in site.rules("--user", "nobody", "--scenario", "home"), "a table")


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(upnext, pathlib.Path(folder))
        return run_cases([good_rules_pass_and_their_effect_is_shown, rules_without_effect_are_errors,
                          a_cold_start_is_checked_by_itself], site)


if __name__ == "__main__":
    sys.exit(main())
