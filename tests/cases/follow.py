#!/usr/bin/env python3
"""Imports, trainings and roll backs reach feeds, also those of a running server, with the real binary.

    tests/cases/follow.py build/release/upnext
"""
import csv
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from case import Failed, require

PROJECT = """
[import]
events = '''
SELECT "user", item, time, 'complete' AS type FROM read_csv('{data}/e.csv')
'''
items = '''
SELECT * FROM read_csv('{data}/items.csv')
'''
[labels]
complete = "event"
[retrieval]
dim = 16
epochs = 3
[server]
stop_delay = 0
"""
START = 1_704_067_200
ITEMS, USERS = 24, 40


def wait_until(condition, what):
    deadline = time.monotonic() + 120
    while not condition():
        require(time.monotonic() < deadline, "waited for two minutes:", what)
        time.sleep(0.05)


def first_json(text):
    """Of a verb's output, which notes may follow."""
    return json.JSONDecoder().raw_decode(text[text.index("{"):])[0]


class Site:
    def __init__(self, upnext, folder):
        self.upnext, self.folder = upnext, pathlib.Path(folder)
        (self.folder / "site.toml").write_text(PROJECT)
        draw = random.Random(7)
        self.events = []
        for user in range(USERS):
            at = draw.randrange(ITEMS)
            for step in range(8):
                self.events.append((f"u{user:02}", f"i{at:02}", START + step * 50_000 + draw.randrange(40_000)))
                at = (at + draw.choice([1, 1, 3])) % ITEMS
        self.events.sort(key=lambda row: row[2])
        self.items = {f"i{item:02}": False for item in range(ITEMS)}

    def export(self, name):
        """A folder with an export of the site as it is now."""
        folder = self.folder / name
        folder.mkdir()
        for file, head, rows in (("e.csv", ("user", "item", "time"), self.events),
                                 ("items.csv", ("item", "removed"), self.items.items())):
            with open(folder / file, "w", newline="") as out:
                csv.writer(out).writerows([head, *rows])
        return folder

    def run(self, verb, *args, data=None, code=0):
        data = ["--data", data] if data else []
        done = subprocess.run([self.upnext, verb, "-c", self.folder / "site.toml", *data, *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
        require(done.returncode == code, verb, *args, "ended with", done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def feed(self, user, n=5):
        out = self.run("recommend", "--user", user, "-n", str(n), "--json", data=self.folder)
        return [item["item"] for item in first_json(out)["items"]]


class Server:
    def __init__(self, site, verb="serve"):
        self.process = subprocess.Popen(
            [pathlib.Path(site.upnext).resolve(), verb, "-c", "site.toml", "--data", site.folder, "--port", "0", "--no-keys"],
            cwd=site.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # as in the README
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                break
        else:
            raise Failed("the server did not say its port: " + self.said)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.said += line

    def text(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.read().decode()

    def get(self, path, **parameters):
        return json.loads(self.text(path, **parameters))

    def post(self, *events):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/events",
                                         json.dumps({"events": events}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def feed(self, user, n=5):
        return [item["item"] for item in self.get("/v1/recommendations", user=user, n=n)["items"]]

    def await_versions(self, bundle, log):
        def there():
            ready = self.get("/readyz")
            return (ready["bundle_version"], ready["log_version"]) == (bundle, log)
        wait_until(there, f"bundle {bundle} with log {log}, has {self.get('/readyz')}, said {self.said}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=120)
        self.reader.join()


def a_full_import_takes_effect_at_once(site):
    """An item is taken down, another was watched, a third is new: with the import, before any training."""
    site.run("import", data=site.export("first"))
    site.run("train", data=site.folder)
    with Server(site) as server:
        before = site.feed("u03")
        taken_down, watched, gone = before[:3]
        require(server.feed("u03") == before, "the server's feed is another one", server.feed("u03"), before)
        site.items[taken_down] = True
        site.events.append(("u03", watched, START + 500_000))
        site.events = [row for row in site.events if row[1] != gone]
        del site.items[gone]
        site.items["i99"] = False
        said = site.run("import", data=site.export("next"))
        require("takes effect at once: bundle v000001" in said, said)
        require("gone, because no row mentions them any more: 1 items, 0 users" in said, said)
        server.await_versions("v000001", "v000002")
        for feed in (site.feed("u03", 40), server.feed("u03", 40)):
            require(not {taken_down, watched, gone} & set(feed), "still in the feed", feed, before)
            require(len(feed) > 5, "feed", feed)
        similar = first_json(site.run("similar", "--item", before[3], "-n", "40", "--json", data=site.folder))
        require(not {taken_down, gone} & {item["item"] for item in similar["items"]}, "similar has", similar)
        said = site.run("similar", "--item", gone, data=site.folder, code=1)
        require(f"item '{gone}' is not in the catalogue" in said, said)
        try:
            server.get(f"/v1/items/{gone}/similar")
            raise Failed("items like one that is gone")
        except urllib.error.HTTPError as error:
            require(error.code == 404, error)
        counts = server.get("/v1/recommendations", user="u03", explain=1)["counts"]
        require(counts["catalogue"] == ITEMS, "the catalogue counts", counts)
        inspected = json.loads(site.run("inspect", "--json", data=site.folder))[0]
        require(inspected["gone"] == {"items": 1}, inspected)
        taken_over = server.post({"user": "u03", "item": before[4], "type": "complete"})
        require(taken_over["log_version"] == "v000002", taken_over)
        require(before[4] not in server.feed("u03", 40), "a posted event has no effect after the take-up")


def a_running_server_takes_a_training_and_a_roll_back(site):
    with Server(site) as server:
        said = site.run("train", "--seed", "9", "--force", data=site.folder)
        require("published bundle v000002; running servers take it up" in said, said)
        server.await_versions("v000002", "v000002")
        metrics = server.text("/metrics")
        require('upnext_bundle_info{version="v000002",log="v000002"} 1' in metrics, metrics)
        require("upnext_take_ups_total 1\n" in metrics, metrics)
        said = site.run("publish", data=site.folder)
        require(re.search(r"^  v000001 .*log v000001 .*ndcg@10 [\d.]+", said, re.M), said)
        require(re.search(r"^\* v000002 .*log v000002 .*ndcg@10 [\d.]+", said, re.M), said)
        said = site.run("publish", "--version", "v000001", data=site.folder)
        require("bundle v000001 is current" in said, said)
        server.process.send_signal(signal.SIGHUP)
        server.await_versions("v000001", "v000002")
        said = site.run("publish", "--version", "v000007", data=site.folder, code=1)
        require("expected one of the versions v000001, v000002, found 'v000007'" in said, said)
        require(server.process.poll() is None, "SIGHUP ended the server")


def what_cannot_be_opened_is_said_and_an_older_bundle_served(site):
    with Server(site) as server:
        bundles = site.folder / ".upnext/site/bundles"
        shutil.copytree(bundles / "v000002", bundles / "v000003")
        (bundles / "v000003/features.uxs").write_text("damaged")
        said = site.run("publish", "--version", "v000003", data=site.folder, code=1)
        require("features.uxs" in said, said)
        (bundles / "CURRENT").write_text("v000003\n")
        wait_until(lambda: "not_taken_up" in server.get("/readyz"), "the failure in /readyz")
        ready = server.get("/readyz")
        require("features.uxs" in ready["not_taken_up"] and ready["bundle_version"] == "v000001", ready)
        require("upnext_take_up_failing 1\n" in server.text("/metrics"), "the failure in /metrics")
        require(server.feed("u05"), "no feed")
        site.run("publish", "--version", "v000002", data=site.folder)
        server.await_versions("v000002", "v000002")
        require("not_taken_up" not in server.get("/readyz"), server.get("/readyz"))
        shutil.rmtree(bundles / "v000003")
    require("are not taken up" in server.said and "features.uxs" in server.said, server.said)


def take_ups_under_load_fail_no_request(site):
    """Eight clients ask and post while bundles and logs change five times."""
    stop, failures, counts = threading.Event(), [], [0] * 8
    with Server(site) as server:
        def client(number):
            user = f"client {number}"
            while not stop.is_set():
                try:
                    counts[number] += server.post({"user": user, "item": f"i{counts[number] % ITEMS:02}",
                                                   "type": "complete"})["accepted"]
                    server.feed(user)
                except Exception as error:  # of any kind: none is allowed
                    failures.append(repr(error))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        log = 2
        for step in range(5):
            if step % 2 == 0:
                site.items[f"new {step}"] = False
                site.run("import", data=site.export(f"load{step}"))
                log += 1
            else:
                site.run("publish", "--version", "v000001" if step == 1 else "v000002", data=site.folder)
            bundle = "v000001" if step in (1, 2) else "v000002"
            server.await_versions(bundle, f"v{log:06}")
        stop.set()
        for thread in threads:
            thread.join()
        require(not failures, len(failures), "requests failed:", failures[:3])
        require(min(counts) > 5, "too little load", counts)
        require(server.get("/readyz")["take_ups"] == 5, server.get("/readyz"))


def an_import_of_something_else_says_what_it_waits_for(site):
    site.items = {f"j{item:02}": False for item in range(ITEMS)}
    site.events = [(user, "j" + item[1:], at) for user, item, at in site.events if item.startswith("i")]
    site.items.update({item: False for _, item, _ in site.events})
    with Server(site) as server:
        versions = server.get("/readyz")
        said = site.run("import", data=site.export("other"))
        require("the ids are numbered afresh, because" in said and "numbers of items" in said, said)
        note = f"bundle {versions['bundle_version']} is served with log {versions['log_version']}"
        require(note in said, said)
        require(note in site.run("recommend", "--user", "u03", data=site.folder), "recommend does not say so")
        wait_until(lambda: "note" in server.get("/readyz"), "the note in /readyz")
        require(note in server.get("/readyz")["note"], server.get("/readyz"))
        site.run("train", "--force", data=site.folder)
        wait_until(lambda: "note" not in server.get("/readyz"), "the new numbers")
        # The fifth place is for items that were posted and that no log has.
        require(all(item.startswith("j") for item in server.feed("u03", 4)), server.feed("u03"))
    with Server(site) as server:
        require("note" not in server.said, server.said)


def main():
    with tempfile.TemporaryDirectory() as folder:
        site = Site(sys.argv[1], folder)
        a_full_import_takes_effect_at_once(site)
        a_running_server_takes_a_training_and_a_roll_back(site)
        what_cannot_be_opened_is_said_and_an_older_bundle_served(site)
        take_ups_under_load_fail_no_request(site)
        an_import_of_something_else_says_what_it_waits_for(site)
    print("ok")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"FAILED: {failed}")
