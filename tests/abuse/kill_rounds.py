#!/usr/bin/env python3
"""Kills the real binary (SIGKILL) at random moments of its verbs and looks at what is left.

    tests/abuse/kill_rounds.py build/release/upnext                    12 rounds, as ctest runs it
    UPNEXT_KILL_ROUNDS=200 tests/abuse/kill_rounds.py build/release/upnext

Rounds take turns among KINDS. After each: the current log and bundle open and verify, every published folder is
whole, and feeds can be made. Then the verb runs again: it succeeds, clears what the killed one left, and the
disk use does not grow over the rounds. Events that a killed server had acknowledged are there exactly once, and
the batch that was under way is there whole or not at all.
"""

import argparse
import http.client
import random
import sys
import threading
import time
from collections import Counter

from abuse_site import Failed, Server, Site, require, rounds_from_environment, wait_until

GROWTH = 1.5  # times the disk use after the first full turns: checkpoints are temporary


class Rounds:
    def __init__(self, site, rng):
        self.site, self.rng = site, rng
        self.seconds = {}  # of a verb's uninterrupted run
        self.verified = set()  # published folders that were verified
        self.killed = Counter()
        self.acknowledged = []  # batches, over all rounds
        self.number = 0

    def full_run(self, verb, *more):
        began = time.monotonic()
        self.site.upnext(verb, *more)
        self.seconds[verb] = time.monotonic() - began

    def after_kill(self):
        site = self.site
        require(site.state() is not None, "there is no current log")
        for family in ("log", "bundles"):
            for folder in sorted((site.project / family).glob("v*")):
                if folder not in self.verified:
                    site.upnext("inspect", str(folder))
                    self.verified.add(folder)
        feed, _ = site.upnext("recommend", "--user", "u1", "-n", "3")
        require(feed.strip(), "no feed")

    def run_again(self, verb, *more):
        self.full_run(verb, *more)
        require(not self.site.leftovers(), "left behind:", self.site.leftovers())

    # A verb, killed at a random moment from its start to shortly after its usual end.
    def verb(self, name, *more):
        process = self.site.start(name, *more)
        time.sleep(self.rng.uniform(0, 1.05 * self.seconds[name]))
        self.end(name, process)
        self.after_kill()
        self.run_again(name, *more)

    # New rows are added to the log exactly once, however often and wherever the command was killed.
    def append(self):
        rows = self.site.write_events(1000 + self.number, folder="more", first_day=8, views=1)
        self.number += 1
        before = self.site.events()
        self.verb("import", "--append", "--data", str(self.site.root / "more"))
        require(self.site.events() == before + rows, "appended once:", before, "+", rows, "became",
                self.site.events())

    # Killed during training; the training that resumes from its checkpoint is published.
    def resume(self):
        process = self.site.start("train", "--force")
        time.sleep(self.rng.uniform(0, self.seconds["train"]))
        self.end("train, to be resumed", process)
        self.after_kill()
        self.run_again("train", "--resume", "--force")

    # A training, killed while models are written, verified and published.
    def publish(self):
        bundles = self.site.project / "bundles"
        process = self.site.start("train", "--force")
        wait_until(lambda: any(bundles.glob(".new-*/candidate.uxs*")) or process.poll() is not None)
        time.sleep(self.rng.uniform(0, 0.03))
        self.end("publish", process)
        self.after_kill()
        self.run_again("train", "--force")

    def end(self, name, process):
        process.kill()
        said = process.communicate()[1]
        require(process.returncode in (0, -9), f"{name} failed by itself:", said)
        self.killed[f"{name}, while it ran" if process.returncode else f"{name}, after its end"] += 1

    def batch(self):
        self.number += 1
        size = 1 + self.number % 5
        return [{"id": f"e{self.number}-{i}", "user": f"u{(self.number + i % 2) % 7}", "item": f"i{i}",
                 "type": "watch", "value": 30, "time": 1_700_700_000 + self.number} for i in range(size)]

    def serve(self):
        acknowledged, under_way = [], []
        server = Server(self.site)
        timer = threading.Timer(self.rng.uniform(0, 0.4), server.process.kill)
        timer.start()
        try:
            while True:
                under_way = self.batch()
                status, answer = server.post(under_way)
                require((status, answer) == (200, {"accepted": len(under_way), "duplicates": 0}), answer)
                acknowledged.append(under_way)
        except (OSError, http.client.HTTPException):
            pass  # killed
        timer.join()
        server.kill()
        self.killed["serve, while events came"] += 1
        self.acknowledged += acknowledged
        self.after_kill()
        server = Server(self.site)
        _, answer = server.post(under_way)
        require(answer["accepted"] in (0, len(under_way)) and
                answer["accepted"] + answer["duplicates"] == len(under_way), "half a batch:", answer)
        self.acknowledged.append(under_way)
        for batch in acknowledged[-20:]:
            self.all_there(server, batch)
        server.stop()

    # Killed while it opens log, bundle and store.
    def serve_start(self):
        process = self.site.start("serve", "--port", "0", "--threads", "1")
        time.sleep(self.rng.uniform(0, 0.3))
        self.end("serve, at its start", process)
        self.after_kill()
        Server(self.site).stop()

    def all_there(self, server, batch):
        _, answer = server.post(batch)
        require(answer == {"accepted": 0, "duplicates": len(batch)}, "an acknowledged event is lost:", answer)

    def all_acknowledged_there(self):
        server = Server(self.site)
        events = [event for batch in self.acknowledged for event in batch]
        for first in range(0, len(events), 1000):
            self.all_there(server, events[first:first + 1000])
        server.stop()
        return len(events)


# One line per kind of round.
KINDS = [
    ("import", lambda r: r.verb("import")),
    ("train", lambda r: r.verb("train", "--force")),
    ("append", lambda r: r.append()),
    ("resume", lambda r: r.resume()),
    ("publish", lambda r: r.publish()),
    ("serve", lambda r: r.serve()),
    ("serve start", lambda r: r.serve_start()),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=rounds_from_environment(12))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args()
    with Site(options.binary, keep=options.keep) as site:
        rounds = Rounds(site, random.Random(options.seed))
        began, most = time.monotonic(), 0
        try:
            rounds.full_run("import")
            rounds.full_run("train")
            for number in range(options.rounds):
                name, play = KINDS[number % len(KINDS)]
                play(rounds)
                used = site.bytes_used()
                if number < 3 * len(KINDS):  # until three bundles are kept
                    most = max(most, used)
                require(used <= GROWTH * most, f"the project grew from {most} to {used} bytes")
                print(f"round {number + 1}: {name} ok, {used} bytes", flush=True)
            events = rounds.all_acknowledged_there()
        except Failed as failure:
            print(f"FAILED (seed {options.seed}, folder {site.root}): {failure}", file=sys.stderr)
            return 1
        for what, count in sorted(rounds.killed.items()):
            print(f"killed {what}: {count}")
        print(f"{options.rounds} rounds in {time.monotonic() - began:.0f} s (seed {options.seed}): every version "
              f"opened, {events} acknowledged events are there once, {site.bytes_used()} bytes used")
    return 0


if __name__ == "__main__":
    sys.exit(main())
