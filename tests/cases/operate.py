#!/usr/bin/env python3
"""What operators do to a running server, with the real binary: configuration, memory, reload, roll back, backup and restore,
bundles that cannot be served, and swaps of bundles under load.

    tests/cases/operate.py build/release/upnext [--seconds 60]
"""
import argparse
import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from case import Failed, require
from follow import PROJECT, Server, Site

USERS = [f"u{user:02}" for user in range(0, 40, 5)]


def call(server, path, body=None, expect=200):
    """POST; the JSON of the answer, which must have this status."""
    data = b"" if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", data, method="POST")
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            status, said = answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        status, said = error.code, json.load(error)
    require(status == expect, path, body, "answered", status, said)
    return said


def the_configuration_says_where_values_come_from(site):
    with Server(site) as server:
        values = {one["key"]: one for one in server.get("/v1/config")["values"]}
    require(values["retrieval.dim"] == {"key": "retrieval.dim", "value": "16", "origin": "site.toml:12"},
            values["retrieval.dim"])
    require(values["server.port"]["origin"] == "--port", values["server.port"])
    require(values["server.keys"] == {"key": "server.keys", "value": "false", "origin": "--no-keys"}, values)
    require(values["server.timeout"]["origin"] == "default", values["server.timeout"])
    shown = json.loads(subprocess.run([site.upnext, "config", "show", "--json", "-c", site.folder / "site.toml"],
                                      capture_output=True, text=True, timeout=60, check=True).stdout)
    require({"server.timeout", "retrieval.dim"} <= {one["key"] for one in shown}, shown)


def memory_is_divided_or_refused(site):
    said = site.run("serve", "--memory", "100MiB", code=1)
    require("expected at least" in said and "found 100.0 MiB: twice" in said, said)
    config = site.folder / "site.toml"
    config.write_text(PROJECT + 'memory = "300MiB"\n')
    with Server(site) as server:
        require(len(server.feed("u05")) == 5, "no feed")
        memory = server.get("/v1/status")["memory"]
        require(memory["process"] > 1 << 20 and memory["bundle"] > 0 and memory["states"] > 0, memory)
        require(memory["slates"] > 0 and memory["store"] > 0, memory)
        require('upnext_memory_bytes{part="states"}' in server.text("/metrics"), "no metric")
        require({"key": "server.memory", "value": '"300MiB"', "origin": "site.toml:16"}
                in server.get("/v1/config")["values"], server.get("/v1/config"))
    config.write_text(PROJECT)


def a_reload_and_a_roll_back_are_served_when_they_answer(site):
    with Server(site) as server:
        require(call(server, "/v1/reload")["changed"] is False, "nothing is new")
        call(server, "/v1/reload", {})
        call(server, "/v1/rollback", expect=409)  # there is one bundle
        site.run("train", "--seed", "9", "--force", data=site.folder)
        require(call(server, "/v1/reload")["bundle_version"] == "v000002", "reload")
        require(server.get("/readyz")["bundle_version"] == "v000002", "served")
        require(call(server, "/v1/rollback")["bundle_version"] == "v000001", "the one before")
        require(server.get("/v1/recommendations", user="u00")["bundle_version"] == "v000001", "served")
        bundles = {one["bundle"]: one for one in server.get("/v1/bundles")["bundles"]}
        require(bundles["v000001"]["served"] and bundles["v000001"]["current"], bundles)
        require(bundles["v000002"]["can_be_current"] and not bundles["v000002"]["current"], bundles)
        require("v000001, v000002" in call(server, "/v1/rollback", {"bundle": "v7"}, expect=404)["detail"], "names")
        require(call(server, "/v1/rollback", {"bundle": "v000002"})["changed"], "forward again")
    site.run("publish", "--previous")


def a_roll_back_does_not_wait_for_a_training(site):
    """The project's lock is held as a training holds it; whose bundle is the current one afterwards, both are recorded."""
    with open(site.folder / ".upnext/site/lock", "r+") as lock, Server(site) as server:
        fcntl.flock(lock, fcntl.LOCK_EX)
        require("holds the lock" in site.run("train", data=site.folder, code=1), "the lock is not the project's")
        require(call(server, "/v1/rollback", {"bundle": "v000002"})["bundle_version"] == "v000002", "roll back")
        site.run("publish", "--previous")
        require(call(server, "/v1/reload")["bundle_version"] == "v000001", "publish")
        changes = server.get("/v1/bundles")["changes"]
        require([(one["from"], one["to"], one["by"]) for one in changes[-2:]]
                == [("v000001", "v000002", "roll back"), ("v000002", "v000001", "publish")], changes)


def an_unreadable_bundle_is_listed_with_its_error(site):
    broken = site.folder / ".upnext/site/bundles/v000007"
    broken.mkdir()
    with Server(site) as server:
        bundles = {one["bundle"]: one for one in server.get("/v1/bundles")["bundles"]}
    require(list(bundles) == ["v000001", "v000002", "v000007"] and bundles["v000001"]["figures"], bundles)
    require(not bundles["v000007"]["can_be_current"] and "manifest" in bundles["v000007"]["reason"], bundles)
    said = site.run("publish")
    require("* v000001" in said and "v000007" in said and "manifest" in said, said)
    broken.rmdir()


def bundles_that_cannot_be_served_change_nothing(site):
    bundles = site.folder / ".upnext" / "site" / "bundles"
    with Server(site) as server:
        before = server.feed("u05")
        served = server.get("/readyz")["bundle_version"]

        def refused(damage, words):
            broken = bundles / "v000009"
            shutil.copytree(bundles / served, broken)
            damage(broken)
            (bundles / "CURRENT").write_text("v000009\n")
            said = call(server, "/v1/reload", expect=500)["detail"]
            require(any(word in said for word in words), "said", said)
            require(server.feed("u05") == before, "another feed after", said)
            ready = server.get("/readyz")
            require(ready["bundle_version"] == served and "not_taken_up" in ready, ready)
            (bundles / "CURRENT").write_text(served + "\n")
            call(server, "/v1/reload")
            shutil.rmtree(broken)

        def flip(folder):
            part = max((p for p in folder.iterdir() if p.suffix != ".json"), key=lambda p: p.stat().st_size)
            data = bytearray(part.read_bytes())
            data[len(data) // 2] ^= 1
            part.write_bytes(data)

        def lose_index(folder):
            next(p for p in folder.iterdir() if "index" in p.name).unlink()

        def foreign(folder):  # of another log
            manifest = folder / "manifest.json"
            manifest.write_text(manifest.read_text().replace('"log_version": "v', '"log_version": "w'))

        refused(flip, ["damaged", "checksum"])
        refused(lose_index, ["not there", "No such file", "no such file"])
        refused(foreign, ["checksum"])
    (bundles / "CURRENT").write_text(served + "\n")


class Load(threading.Thread):
    """Asks and posts until it is stopped; every failure is kept."""

    def __init__(self, server, user, check=lambda answer: None):
        super().__init__()
        self.server, self.user, self.check = server, user, check
        self.stopped, self.failures, self.asked, self.acknowledged = False, [], 0, []

    def run(self):
        while not self.stopped:
            try:
                self.check(self.server.get("/v1/recommendations", user=self.user, n=5))
                item = f"posted-{self.user}-{self.asked}"
                poster = f"poster-{self.user}"
                self.server.post({"user": poster, "item": item, "type": "complete", "id": item})
                self.acknowledged.append((poster, item))
                self.asked += 1
            except (Failed, OSError, KeyError) as error:
                self.failures.append(repr(error))
                return


def a_backup_under_load_is_complete(site):
    backups = site.folder / "backups"
    config = site.folder / "site.toml"
    config.write_text(PROJECT + f'backups = "backups"\n')
    fixed = ["u05", "u10", "u30"]
    with Server(site) as server:
        load = [Load(server, user) for user in USERS[:2]]
        for one in load:
            one.start()
        time.sleep(1)
        before = [event for one in load for event in list(one.acknowledged)]
        done = call(server, "/v1/backup", {"to": "monday"})
        require(done["files"] > 5 and done["bundle_version"] == server.get("/readyz")["bundle_version"], done)
        for one in load:
            one.stopped = True
            one.join()
        require(not any(one.failures for one in load), [one.failures for one in load])
        call(server, "/v1/backup", {"to": "monday"}, expect=409)
        call(server, "/v1/backup", {"to": "../monday"}, expect=400)
        # After the load, which they depend on: what is chosen most at the moment is looked up every half second
        # (LiveCounts::kRefresh), and the list of before the last events is in use until then.
        time.sleep(1)
        feeds = {user: server.feed(user) for user in fixed}
        # The verb goes through the server, which has the store.
        said = site.run("backup", "tuesday", code=1)
        require("--server" in said, said)
        site.run("backup", str(backups / "tuesday"), "--server", f"http://127.0.0.1:{server.port}")
    site.run("backup", str(backups / "alone"))
    require(before, "no event was posted before the backup")
    for name in ("monday", "tuesday", "alone"):
        restored = Site.__new__(Site)
        restored.upnext, restored.folder = site.upnext, site.folder / ("restored-" + name)
        restore = [site.upnext, "restore", backups / name, "--to", restored.folder]
        said = subprocess.run(restore, capture_output=True, text=True, timeout=120)
        require(said.returncode == 0, said.stdout, said.stderr)
        require(subprocess.run(restore, capture_output=True, timeout=120).returncode == 1, "onto what is there")
        with Server(restored) as server:
            if name != "monday":  # of before the end of the load
                again = {user: server.feed(user) for user in fixed}
                require(again == feeds, "other feeds after", name, again, feeds)
            # An id that is known is a duplicate: the event is there.
            events = [{"user": user, "item": item, "type": "complete", "id": item} for user, item in before]
            posted = server.post(*events)
            require(posted["accepted"] == 0 and posted["duplicates"] == len(events), "lost", posted)
    config.write_text(PROJECT)


def swaps_under_load_fail_and_mix_nothing(site, seconds):
    """Every answer is of one bundle, the one that it names: each has feeds of its own for the users."""
    with Server(site) as server:
        reference = {}
        for bundle in ("v000001", "v000002"):
            call(server, "/v1/rollback", {"bundle": bundle})
            reference[bundle] = {user: server.get("/v1/recommendations", user=user, n=5)["items"] for user in USERS}
        names = {bundle: {user: [item["item"] for item in items[:4]] for user, items in of.items()}
                 for bundle, of in reference.items()}
        telling = [user for user in USERS if names["v000001"][user] != names["v000002"][user]]
        require(len(telling) >= 4, "the two bundles have the same feeds", names)
        same = [0, 0]

        def check_of(user):
            def check(answer):
                own = answer["bundle_version"]
                other = "v000001" if own == "v000002" else "v000002"
                items = [item["item"] for item in answer["items"][:4]]  # the fifth is for posted ones
                require(items != names[other][user], "the feed of", other, "is called one of", own)
                same[0] += items == names[own][user]  # time passes, so that a place may change
                same[1] += 1
            return check

        load = [Load(server, user, check_of(user)) for user in telling[:4]]
        for one in load:
            one.start()
        until, swaps = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            call(server, "/v1/rollback", {"bundle": ("v000001", "v000002")[swaps % 2]})
            swaps += 1
            time.sleep(max(0.0, min(1.0, until - time.monotonic())))
        for one in load:
            one.stopped = True
            one.join()
        require(not any(one.failures for one in load), [one.failures for one in load])
        require(swaps >= 3 and same[1] > 20 and same[0] >= 0.9 * same[1], "swaps", swaps, "answers as before", same)
        print(f"        {swaps} swaps, {same[1]} answers, {same[0]} of them as before the load")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("upnext")
    parser.add_argument("--seconds", type=float, default=6, help="of swaps under load")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(given.upnext, folder)
        site.run("import", data=site.export("first"))
        site.run("train", data=site.folder)
        the_configuration_says_where_values_come_from(site)
        memory_is_divided_or_refused(site)
        a_reload_and_a_roll_back_are_served_when_they_answer(site)
        a_roll_back_does_not_wait_for_a_training(site)
        an_unreadable_bundle_is_listed_with_its_error(site)
        bundles_that_cannot_be_served_change_nothing(site)
        a_backup_under_load_is_complete(site)
        swaps_under_load_fail_and_mix_nothing(site, given.seconds)
    print("ok")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"FAILED: {failed}")
