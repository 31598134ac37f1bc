#!/usr/bin/env python3
"""The store of a running server: failing disks and floods of names, with the real binary. usage: tests/cases/store.py build/release/upnext

Limits of the process, lowered from outside, stand for a full disk and for exhausted file descriptors.
"""

import argparse
import http.client
import json
import os
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "abuse"))
from abuse_site import Failed, Server, Site, require  # noqa: E402


class Lowered:
    """with Lowered(server, resource.RLIMIT_FSIZE, 1000): ..."""

    def __init__(self, server, kind, value):
        self.pid, self.kind, self.value = server.process.pid, kind, value

    def __enter__(self):
        self.before = resource.prlimit(self.pid, self.kind)
        resource.prlimit(self.pid, self.kind, (self.value, self.before[1]))

    def __exit__(self, *error):
        resource.prlimit(self.pid, self.kind, self.before)


def event(number, size):
    return {"id": f"e{number}", "user": f"u{number % 7}", "item": f"i{number % 9}", "type": "click",
            "request": "r" * min(size, 500), "source": "s" * min(size, 500)}


def post(server, numbers, size=500):
    """Status, headers and answer."""
    body = json.dumps({"events": [event(number, size) for number in numbers]}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/v1/events", body,
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, json.load(refused)


def metric(server, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=20) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
    raise Failed("no metric " + name)


def refused_until_there_is_room(server, kind, limit, batch, expected):
    """Posts until events are refused, checks what the server says, and that it takes them again by itself."""
    taken = []
    with Lowered(server, kind, limit):
        for first in range(0, 2_000_000, batch):
            numbers = range(first, first + batch)
            status, headers, answer = post(server, numbers)
            if status != 200:
                break
            taken.append(numbers)
        require(status in expected, "expected", expected, "found", status, answer)
        require(int(headers["Retry-After"]) >= 1, "no Retry-After:", headers)
        ready, said = server.request("GET", "/readyz")
        require(ready == 200 and "refused" in said["status"] and said["reason"], ready, said)
        require(metric(server, "upnext_store_writable") == 0, "the metric says that it is writable")
        require(metric(server, "upnext_store_write_failures_total") >= 1, "no failure was counted")
        for user in range(7):
            require(server.request("GET", f"/v1/recommendations?user=u{user}&n=3")[0] == 200, "feeds stopped too")
        require(post(server, numbers)[0] in expected, "an event was taken on a full disk")
    end = time.monotonic() + 20
    while post(server, numbers)[0] != 200:
        require(time.monotonic() < end, "events are still refused 20 s after there was room")
        time.sleep(0.2)
    taken.append(numbers)
    require(server.request("GET", "/readyz")[1]["status"] == "ready", server.request("GET", "/readyz"))
    require(metric(server, "upnext_store_writable") == 1, "the metric says that it is not writable")
    return taken


def every_event_is_there_once(server, site, taken):
    server.stop()
    again = Server(site)
    for numbers in taken:
        status, _, answer = post(again, numbers)
        require(status == 200 and answer["accepted"] == 0, "lost:", status, answer)
    again.stop()


def a_full_disk_needs_no_restart(site):
    server = Server(site)
    taken = refused_until_there_is_room(server, resource.RLIMIT_FSIZE, 300_000, 20, (507,))
    every_event_is_there_once(server, site, taken)


def exhausted_descriptors_need_no_restart(site):
    server = Server(site)
    post(server, range(1_000_000, 1_000_001))
    server.request("GET", "/readyz")  # the connection that is kept
    time.sleep(1)  # until the other one has ended
    # One is left, for the connection of each request here; the store's next file is the one that does not open.
    used = {int(fd) for fd in os.listdir(f"/proc/{server.process.pid}/fd")}
    free = min(set(range(len(used) + 1)) - used)
    taken = refused_until_there_is_room(server, resource.RLIMIT_NOFILE, free + 1, 500, (503,))
    every_event_is_there_once(server, site, taken)


def the_load_generator_reports_its_runs(site):
    done = subprocess.run([site.binary, "bench", "events", "-c", site.root / "upnext.toml", "--seconds", "0.3", "--batch",
                           "50", "--single-writers", "4", "--json"], capture_output=True, text=True, timeout=120)
    require(done.returncode == 0, done.stderr)
    out = done.stdout
    runs = json.loads(out)["runs"]
    require(len(runs) == 5 and all("events_per_s" in run or "feed_ms" in run for run in runs), out)
    require(not list(site.project.glob("bench-events-*")), "the scratch store is left behind")
    done = subprocess.run([site.binary, "bench", "serve", "-c", site.root / "upnext.toml", "--seconds", "0.3", "--readers",
                           "3", "--rates", "20", "--json"], capture_output=True, text=True, timeout=120)
    require(done.returncode == 0, done.stderr)
    runs = json.loads(done.stdout)["runs"]
    require([run["run"] for run in runs] == ["warm-up, closed loop", "closed loop", "50 % of it", "80 % of it", "20 feeds/s"], runs)
    require(5 < runs[-1]["feeds_per_s"] < 30 and runs[-1]["feeds_unchanged"] == 0, runs[-1])
    require(runs[-1]["event_to_feed_ms"]["p50"] > 0, runs[-1])
    require(not list(site.project.glob("bench-serve-*")), "the scratch store is left behind")


def one_client_cannot_take_the_names_of_others(site):
    project = site.root / "upnext.toml"
    project.write_text(project.read_text() + "max_new_names = 500\nmax_new_names_per_client = 100\n")
    server = Server(site)

    def post_from(address, items, user):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60, source_address=(address, 0))
        events = [{"id": item, "user": user, "item": item, "type": "watch", "value": 20} for item in items]
        connection.request("POST", "/v1/events", json.dumps({"events": events}), {"Content-Type": "application/json"})
        response = connection.getresponse()
        said = response.read()
        require(response.status == 200, response.status, said)
        require(json.loads(said)["accepted"] == len(items), said)

    def known(item):
        return server.request("GET", f"/v1/items/{item}/similar?n=1")[0] == 200

    for batch in range(10):
        post_from("127.0.0.2", [f"flood{batch}-{number}" for number in range(100)], "attacker")
    require(known("flood0-99") and not known("flood1-0") and not known("flood9-99"), "not the first 100 names have ids")
    require(metric(server, "upnext_names_refused_total") == 900, metric(server, "upnext_names_refused_total"))
    post_from("127.0.0.3", ["honest-1"], "u1")
    require(known("honest-1"), "the new item of another client is unknown")
    server.stop()
    server = Server(site)
    require(known("honest-1"), "unknown after a restart")
    post_from("127.0.0.3", ["honest-2", "i3"], "u1")
    require(known("honest-2"), "no new names after a restart")
    require(server.request("GET", "/v1/recommendations?user=attacker&n=3")[0] == 200, "no feed")
    # In all, whatever the number of clients.
    for client in range(4, 12):
        post_from(f"127.0.0.{client}", [f"client{client}-{number}" for number in range(100)], "u2")
    items = metric(server, "upnext_catalogue_items")
    require(items <= 60 + 500, "more than the most names were added:", items)
    # A start with that many drops them, and those that are used are there again.
    server.stop()
    server = Server(site)
    # Also by the feeds that the server makes for itself before it listens.
    require(metric(server, "upnext_catalogue_items") < 60 + 250, metric(server, "upnext_catalogue_items"))
    post_from("127.0.0.3", ["honest-3"], "u1")
    require(known("honest-3"), "there is no room for a new name")
    require(server.request("GET", "/v1/recommendations?user=u1&n=3")[0] == 200, "no feed")
    require(known("honest-1"), "the item of a user who came back is unknown")
    server.stop()


CASES = [one_client_cannot_take_the_names_of_others, the_load_generator_reports_its_runs, a_full_disk_needs_no_restart, exhausted_descriptors_need_no_restart]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--only", choices=[case.__name__ for case in CASES])
    options = parser.parse_args()
    failed = 0
    for case in CASES:
        if options.only and case.__name__ != options.only:
            continue
        try:
            with Site(options.binary) as site:
                site.upnext("import")
                site.upnext("train")
                case(site)
            print(f"ok      {case.__name__}", flush=True)
        except (Failed, OSError) as error:
            failed += 1
            print(f"FAILED  {case.__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
