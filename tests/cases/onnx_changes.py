#!/usr/bin/env python3
"""A user encoder of others that comes, changes, fails or goes between two trainings, with the real binary and ONNX Runtime.

    tests/cases/onnx_changes.py build/release/upnext build/release/onnxruntime

The second folder and the exit status 77 are those of onnx_encoder.py.
"""
import sys

import tiny_onnx
from case import require
from encoder_site import BIAS, DAYS, ITEMS, START, WEIGHTS, WITH_IMPRESSIONS, Site, run_with_runtime

REFERENCE = '[[feature]]\nname = "score"\nfrom = "request.retrieval_score"\n'


def a_published_network_that_fails_does_not_hold_up_the_next(upnext, folder, programs):
    site = Site(upnext, folder, programs)
    # The logarithm of 30 - clicks, and then somebody with more of them in the test part.
    site.give(tiny_onnx.linear([[0, 0], [-1, -1], [0, 0]], [30, 30], "Log"))
    site.run("train")
    site.events += [["busy", f"i{number % ITEMS:02}", START + day * 86_400 + number * 60 + 3, kind, value, "", ""]
                    for day in (2, DAYS) for number in range(40) for kind, value in (("click", ""), ("watch", 100))]
    site.events.sort(key=lambda row: row[2])
    site.write_tables()
    site.run("import")
    site.refused("encoder.onnx", "NaN")
    require(site.published() == 1, "a network that fails was published")
    why = "networks of others are not compared with bundle v000001: its network fails on events of now (encoder.onnx:"
    site.give(tiny_onnx.linear(WEIGHTS, BIAS))
    said = site.run("train")
    require(why in said and site.published() == 2, said)
    site.give(tiny_onnx.linear([[0, 0], [-1, -1], [0, 0]], [30, 30], "Log"))
    site.refused("encoder.onnx", "NaN")
    site.write_project(retrieval="")
    site.run("train", "--force")


def one_stage_alone_does_not_go_with_a_network_that_came_or_went(upnext, folder, programs):
    site = Site(upnext, folder, programs, WITH_IMPRESSIONS)
    for without, with_it, word in (("", 'onnx = "encoder.onnx"', "added"), ('onnx = "encoder.onnx"', "", "taken out")):
        site.write_project(WITH_IMPRESSIONS, without)
        site.run("train", "--force")
        before = site.published()
        site.write_project(WITH_IMPRESSIONS, with_it)
        for stage in "retrieval", "ranking":
            said = site.run("train", "--only", stage, code=1)
            require(f"--only {stage}: [retrieval] onnx or [ranking] onnx was {word} since bundle" in said, said)
            require("epoch 1" not in said and site.published() == before, said)


def another_network_is_news(upnext, folder, programs):
    site = Site(upnext, folder, programs, WITH_IMPRESSIONS)
    site.write_project(WITH_IMPRESSIONS, ranking='order = "time"')
    site.run("train")
    for verb in "--continue", "--continue-if-possible":
        said = site.run("train", verb)
        require("nothing" in said and site.published() == 1, verb, said)
    site.give(tiny_onnx.linear(WEIGHTS, [value + 1 for value in BIAS]))
    said = site.run("train", "--continue", "--force", code=1)
    require("are others than those of the bundle; train without --continue" in said and site.published() == 1, said)
    said = site.run("train", "--continue-if-possible", "--force")
    require("trains anew: " in said and site.published() == 2, said)
    # Of vectors too.
    site.give(tiny_onnx.linear(WEIGHTS, [value + 1 for value in BIAS]), [[-1, -row] for row in range(len(site.items) + 1)])
    site.run("train", "--continue-if-possible", "--force")
    require(site.published() == 3, "other vectors of items were not published")
    # Where the ranker has something to learn, the network comes along, and is not said to be trained.
    site.add("new")
    said = site.run("train", "--continue", "--force")
    require("the ranker continues" in said and "candidate model is trained anew" not in said and "published bundle v000004" in said, said)


def what_is_prepared_twice_is_what_is_prepared_once(upnext, folder, programs):
    """Of a training that begins as a continuation: enough dislikes for the objective `unwanted`."""
    types = "('impression', 'click', 'watch', 'dislike')"
    site = Site(upnext, folder, programs, types)
    shown = [row for row in site.events if row[3] == "impression"]
    site.events += [[user, item, time + 70, "dislike", "", request, place] for user, item, time, _, _, request, place in shown[::3]]
    site.events.sort(key=lambda row: row[2])
    site.write_tables()
    site.run("import")
    site.run("export", "--examples", folder / "examples.parquet", "--stage", "retrieval")
    site.write_project(types, ranking='order = "time"')
    site.run("train")
    site.give(tiny_onnx.linear(WEIGHTS, [value + 1 for value in BIAS]))
    said = site.run("train", "--continue-if-possible", "--force")
    epochs = [line for line in said.splitlines() if line.startswith("epoch ")]
    require("trains anew: " in said and epochs and all(line.count("unwanted") == 1 for line in epochs), said)


def the_first_bundle_may_be_of_one_stage(upnext, folder, programs):
    site = Site(upnext, folder, programs, WITH_IMPRESSIONS)
    site.run("train", "--only", "ranking")
    said = site.run("train", "--only", "retrieval", "--force")
    require("encoder.onnx (ONNX)" in said and site.published() == 2, said)


def what_cannot_work_is_refused_before_anything_is_trained(upnext, folder, programs):
    site = Site(upnext, folder, programs, WITH_IMPRESSIONS)
    site.write_project(WITH_IMPRESSIONS, more=REFERENCE)
    said = site.run("train", code=1)
    require("reads request.retrieval_score or request.user_vector" in said and "epoch 1" not in said, said)
    site.write_project(WITH_IMPRESSIONS, 'onnx = "encoder.onnx"\nitems = "id"')
    site.refused("[retrieval] items", "export the examples of networks of others again")
    site.write_project(WITH_IMPRESSIONS)
    # Products of such numbers could be infinite.
    vectors = [[-1, -1]] * (len(site.items) + 1)
    site.give(tiny_onnx.linear(WEIGHTS, BIAS), [*vectors[:-1], [-1, -1e16]])
    site.refused("items.npy", "from -1e+15 to 1e+15, found -1e+16 in column 1")
    site.give(tiny_onnx.linear([[0, 1e17], *WEIGHTS[1:]], BIAS), vectors)
    site.refused("encoder.onnx", "expected a number from -1e+15 to 1e+15")
    (folder / "encoder.json").unlink()
    site.refused("the manifest of encoder.onnx", "encoder.json")


if __name__ == "__main__":
    sys.exit(run_with_runtime([a_published_network_that_fails_does_not_hold_up_the_next,
                               one_stage_alone_does_not_go_with_a_network_that_came_or_went, another_network_is_news,
                               what_is_prepared_twice_is_what_is_prepared_once, the_first_bundle_may_be_of_one_stage,
                               what_cannot_work_is_refused_before_anything_is_trained]))
