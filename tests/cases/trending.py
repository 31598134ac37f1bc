#!/usr/bin/env python3
"""What is chosen now is in feeds within seconds, with the real binary. usage: tests/cases/trending.py build/release/upnext"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "abuse"))
from abuse_site import Failed, Server, Site, require  # noqa: E402

# The times of the log are years ago, so that what is posted now outweighs it.
OPTIONS = """[generators.trending]
candidates = 2
half_life_hours = 6
"""
SECONDS = 5


def watch(user, item, **more):
    return {"user": user, "item": item, "type": "watch", "value": 60, **more}


def trending(server, user, **parameters):
    """Items that the generator proposes, by its own score."""
    query = "".join(f"&{key}={value}" for key, value in parameters.items())
    status, feed = server.request("GET", f"/v1/recommendations?user={user}&n=100&explain=1{query}")
    require(status == 200, status, feed)
    scores = {item["item"]: source["score"] for item in feed["items"] for source in item["sources"]
              if source["source"] == "trending"}
    return sorted(scores, key=scores.get, reverse=True)


def soon(what, *words):
    end = time.monotonic() + SECONDS
    while not what():
        require(time.monotonic() < end, *words)
        time.sleep(0.1)


def a_new_item_is_in_the_feeds_of_others(server):
    require("breaking" not in trending(server, "u1"), "it was there before anybody chose it")
    server.post([watch(f"reader{number}", "breaking") for number in range(50)])
    soon(lambda: trending(server, "u1")[:1] == ["breaking"], "50 users chose it, and it is not in a feed:",
         trending(server, "u1"))


def it_is_on_the_first_page_of_a_feed_without_a_ranker(server):
    status, feed = server.request("GET", "/v1/recommendations?user=u1&n=10")
    require("breaking" in [item["item"] for item in feed["items"]], status, feed)


def one_user_cannot_lift_an_item(server):
    server.post([watch("pusher", "pushed") for _ in range(1000)])
    server.post([watch(f"reader{number}", "chosen-by-ten") for number in range(10)])
    soon(lambda: "chosen-by-ten" in trending(server, "u2"), "chosen by ten, not in a feed")
    found = trending(server, "u2")
    require("pushed" not in found or found.index("pushed") > found.index("chosen-by-ten"), found)


def regions_have_trends_of_their_own(server):
    server.post([watch(f"de{number}", "in-germany", region="DE") for number in range(20)])
    server.post([watch(f"fr{number}", "in-france", region="FR") for number in range(40)])
    soon(lambda: "in-germany" in trending(server, "u3", region="DE"), "not in a feed of the region")
    require("in-france" in trending(server, "u3", region="FR"), trending(server, "u3", region="FR"))
    require("in-germany" not in trending(server, "u3"), "it is not among the two of all regions", trending(server, "u3"))


def a_thousand_clicks_are_a_trend_where_only_complete_watches_are_positive(server):
    server.post([{"user": f"visitor{number}", "item": "article", "type": "click"} for number in range(1000)])
    soon(lambda: "article" in trending(server, "u3"), "a thousand users clicked it, and it is not in a feed:",
         trending(server, "u3"))


CASES = [a_new_item_is_in_the_feeds_of_others, it_is_on_the_first_page_of_a_feed_without_a_ranker,
         one_user_cannot_lift_an_item, regions_have_trends_of_their_own,
         a_thousand_clicks_are_a_trend_where_only_complete_watches_are_positive]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    options = parser.parse_args()
    failed = 0
    with Site(options.binary) as site:
        project = site.root / "upnext.toml"
        project.write_text(project.read_text() + OPTIONS)
        site.upnext("import")
        site.upnext("train", "--only", "retrieval")  # a ranker would order the feed
        server = Server(site)
        for case in CASES:
            try:
                case(server)
                print(f"ok      {case.__name__}", flush=True)
            except (Failed, OSError) as error:
                failed += 1
                print(f"FAILED  {case.__name__}: {error}", flush=True)
        server.stop()
        server = Server(site)
        if "breaking" not in trending(server, "u1"):
            failed += 1
            print("FAILED  after a restart:", trending(server, "u1"))
        server.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
