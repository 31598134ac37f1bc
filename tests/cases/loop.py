#!/usr/bin/env python3
"""Posted events become part of the log, once, whatever is killed; with the real binary.

    tests/cases/loop.py build/release/upnext
"""
import csv
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import case
from case import Failed, require

PROJECT = """
[import]
events = '''
SELECT "user", item, time, type, id FROM read_csv('{data}/events.csv', types = {'id': 'VARCHAR'})
'''
[labels]
complete = "event"
[retrieval]
dim = 16
epochs = 4
[server]
stop_delay = 0
"""
START = 1_704_067_200
ITEMS, USERS = 24, 40


class Site:
    """A small site: 24 articles that are read in order, and `more` events."""

    def __init__(self, upnext, folder, more=()):
        self.upnext, self.folder = upnext, pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "site.toml").write_text(PROJECT)
        draw = random.Random(7)
        rows = []
        for user in range(USERS):
            at = draw.randrange(ITEMS)
            for step in range(8):
                rows.append((f"u{user:02}", f"a{at:02}", START + step * 50_000 + draw.randrange(40_000), "complete", ""))
                at = (at + draw.choice([1, 1, 3])) % ITEMS
        self.events = sorted(rows + list(more), key=lambda row: row[2])
        self.write(self.events)
        self.run("import")
        self.run("train")

    def write(self, rows, folder=None):
        folder = folder or self.folder
        folder.mkdir(exist_ok=True)
        with open(folder / "events.csv", "w", newline="") as file:
            csv.writer(file).writerows([("user", "item", "time", "type", "id"), *rows])
        return folder

    def command(self, verb, *args, data=None):
        return [self.upnext, verb, "-c", self.folder / "site.toml", "--data", data or self.folder, *args]

    def run(self, verb, *args, data=None, code=0):
        done = subprocess.run(self.command(verb, *args, data=data), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120)
        require(done.returncode == code, verb, *args, "ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def log(self):
        return json.loads(self.run("inspect", "--json", self.folder / ".upnext/site/log" / self.log_version()))[0]

    def log_version(self):
        return (self.folder / ".upnext/site/log/CURRENT").read_text().strip()


class Server(case.Server):
    def feed(self, user, n=10):
        return [(item["item"], item["reason"]) for item in self.get("/v1/recommendations", user=user, n=n)["items"]]

    def delete(self, user):
        request = urllib.request.Request(f"{self.url}/v1/users/{urllib.parse.quote(user, safe='')}", method="DELETE")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def new_item(server):
    """Its reason, and the score of the generator that proposed it."""
    for item in server.get("/v1/recommendations", user="stranger", n=ITEMS + 1, explain=1)["items"]:
        if item["item"] == "brand-new":
            return item["reason"], round(item["sources"][0]["score"], 3)
    raise Failed("the new item is in no feed")


def posted_events_join_the_log_while_the_server_runs(site):
    users = ["u01", "u02", "u03", "newcomer"]
    with Server(site) as server:
        for i, user in enumerate(users):
            for step in range(3):
                server.post({"user": user, "type": "complete", "item": f"a{5 * i + step:02}", "id": f"{user}-{step}"})
            server.post({"user": user, "type": "complete", "item": "brand-new"})
        feeds = [server.feed(user) for user in users]
        before = site.log()["events"]
        said = site.run("import", "--from-store")
        require("16 of 16 posted events" in said, said)
        log = site.log()
        require(log["events"] == before + 16 and log["posted"]["events"] == 16, log)
        version = site.log_version()
        site.run("import", "--from-store")
        require(site.log_version() == version, "an import of nothing new made a version")
        require([server.feed(user) for user in users] == feeds, "the feeds of the running server changed")
    with Server(site) as server:
        require(server.get("/readyz")["log_version"] == version, "the server does not use", version)
        require([server.feed(user) for user in users] == feeds, "feeds changed when their events moved to the log")
        require(all(item != "brand-new" for user in users for item, _ in server.feed(user)), "it is seen")
        # No model knows the new item yet: its four readers are counted, once each.
        require(new_item(server) == ("popular these days", 4), new_item(server))
    site.run("train")
    with Server(site) as server:
        require("people in your situation" in new_item(server)[0], "the training did not see the posted events")


def an_event_of_a_file_and_the_same_one_posted_are_one(site):
    now = int(time.time()) - 600
    events = [("both", f"a{i:02}", now + 60 * i, "complete", f"e{i}" if i % 2 else "") for i in range(8)]

    def post(server):
        for user, item, at, kind, event_id in events:
            # A client's clock differs, and of those with an id the time does not matter.
            event = {"user": user, "item": item, "time": at + (50 if event_id else 1.5), "type": kind}
            server.post(event | ({"id": event_id} if event_id else {}))

    for file_first in (False, True):
        count = site.log()["events"]
        with Server(site) as server:
            if file_first:
                site.run("import", "--append", data=site.write(events, site.folder / "day"))
                require(site.log()["events"] == count + 8, "the file was not appended")
            else:
                post(server)
                feed = server.feed("both")
                site.run("import", "--from-store")
                require(site.log()["events"] == count + 8, "the posts were not moved")
        with Server(site) as server:
            if file_first:
                feed = server.feed("both")
                require(post(server) is None and server.feed("both") == feed, "events that the log has changed a feed")
                said = site.run("import", "--from-store")
            else:
                said = site.run("import", "--append", data=site.write(events, site.folder / "day"))
        require(site.log()["events"] == count + 8, "file first:", file_first, "is twice in the log", said)
        with Server(site) as server:
            require(server.feed("both") == feed, "file first:", file_first, "the feed changed")
        events = [("other", *event[1:4], event[4] and event[4] + "-other") for event in events]


def a_full_import_leaves_posted_events_to_the_store_or_takes_all(site):
    posted = site.log()["posted"]["events"]
    with Server(site) as server:
        feed = server.feed("u01")
    site.run("import")
    require("posted" not in site.log(), "an import of files has posted events", site.log())
    site.run("import", "--full", "--from-store")
    log = site.log()
    require(log["posted"]["events"] >= posted, "posted events are missing:", log)
    require(log["events"] == len(site.events) + log["posted"]["events"], log)
    site.run("train")
    with Server(site) as server:
        require(len(feed) == len(server.feed("u01")), "no feed")


def killing_the_import_or_the_server_loses_and_doubles_nothing(site):
    draw = random.Random(3)
    first = site.log()["events"]
    acknowledged = 0
    for _ in range(4):
        server = Server(site)
        for _ in range(4):
            events = [{"user": f"u{draw.randrange(USERS):02}", "type": "complete", "item": f"a{draw.randrange(ITEMS):02}",
                       "id": f"k{acknowledged + i}"} for i in range(draw.randrange(1, 30))]
            acknowledged += server.post(*events)["accepted"]
            running = subprocess.Popen(site.command("import", "--from-store"), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(draw.random() * 0.4)
            running.send_signal(signal.SIGKILL)
            running.wait()
            server.get("/readyz")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.process.stdout.close()
        # The log may have any part of the posts now; in every case no more than were acknowledged.
        require(site.log()["events"] <= first + acknowledged, "an event is twice in the log")
    site.run("import", "--from-store")
    require(site.log()["events"] == first + acknowledged, "posted", acknowledged, "found", site.log()["events"] - first)


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(upnext, pathlib.Path(folder) / "site")
        return case.run_cases([posted_events_join_the_log_while_the_server_runs,
                               an_event_of_a_file_and_the_same_one_posted_are_one,
                               a_full_import_leaves_posted_events_to_the_store_or_takes_all,
                               killing_the_import_or_the_server_loses_and_doubles_nothing], site)


if __name__ == "__main__":
    sys.exit(main())
