#!/usr/bin/env python3
"""A forgotten user is in no file of the project, and everybody else has the same feed; with the real binary.

    tests/cases/forget.py build/release/upnext
"""
import csv
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from case import require, run_cases
from loop import ITEMS, PROJECT, START, Server, Site

GONE, ALSO = "somebody@example.org", "another.one@example.org"
OTHERS = ["u01", "u02", "u30"]


def files_with(site, *ids):
    found = []
    for path in (site.folder / ".upnext").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found += [f"{path.relative_to(site.folder)} has {user}" for user in ids if user.encode() in content]
    return found


def reads(user, at=START, first=0):
    return [(user, f"a{first + step:02}", at + step * 40_000, "complete", f"{user}-{first + step}") for step in range(6)]


def kill_a_training(site):
    """Kills one that would take minutes, so that it publishes nothing."""
    project = site.folder / "site.toml"
    text = project.read_text()
    project.write_text(text.replace("epochs = 4", "epochs = 100000\npatience = 100000"))
    training = subprocess.Popen(site.command("train", "--force"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    require(training.poll() is None, "the training ended before it was killed")
    training.send_signal(signal.SIGKILL)
    training.wait()
    project.write_text(text)


def forget_leaves_no_trace_and_others_as_they_were(site):
    day = reads(GONE, START + 300_000, 9) + [(GONE, "a01", "no time", "complete", "")]
    site.run("import", "--append", "--max-rejects", "0.5", data=site.write(day, site.folder / "day"))
    site.run("train", "--force")
    with Server(site) as server:
        for step in range(5):
            server.post({"user": GONE, "type": "complete", "item": f"a{step:02}", "id": f"{GONE}-post-{step}"},
                        {"user": "u01", "type": "complete", "item": f"a{step + 5:02}"})
        site.run("import", "--from-store")
        server.post({"user": GONE, "type": "complete", "item": "a07"})
        said = site.run("forget", "--user", GONE, code=1)
        require("DELETE /v1/users/" in said, "the refusal does not name the HTTP way:", said)
    with Server(site) as server:
        feeds = [server.feed(user) for user in OTHERS]
        stranger, known = server.feed("stranger"), server.feed(GONE)
        require(known != stranger, "the user has no history to forget")
    kill_a_training(site)
    require(len(files_with(site, GONE)) > 3, "expected the id in log, store and rejects", files_with(site, GONE))
    events = site.log()["events"]
    site.run("forget", "--user", GONE, "--user", "nobody-knows-me")
    require(not files_with(site, GONE), *files_with(site, GONE))
    require(site.log()["events"] == events - 6 - 6 - 5, events, site.log())
    with Server(site) as server:
        require([server.feed(user) for user in OTHERS] == feeds, "the feeds of others changed")
    require(not files_with(site, GONE), "after a start of the server:", *files_with(site, GONE))
    with Server(site) as server:
        require(server.feed(GONE) == stranger, "the user still has a history")
    # That answer is kept, as that of anybody who asks, until the user is forgotten again.
    site.run("forget", "--user", GONE)
    require(not files_with(site, GONE), "after an answer:", *files_with(site, GONE))
    said = site.run("train", "--force")
    require(not files_with(site, GONE), "after a training:", *files_with(site, GONE))
    site.run("evaluate")


def deleted_over_http_leaves_the_log_with_the_next_import(site):
    with Server(site) as server:
        server.post(*({"user": ALSO, "type": "complete", "item": f"a{step:02}"} for step in range(4)))
        site.run("import", "--from-store")
    with Server(site) as server:
        server.post({"user": ALSO, "type": "complete", "item": "a05", "id": "later"})
        feeds = [server.feed(user) for user in OTHERS]
        stranger = server.feed("stranger")
        require(server.feed(ALSO) != stranger, "the user has no history to forget")
        require(server.delete(ALSO) == {"user": ALSO, "forgotten": True}, "no answer")
        require(server.feed(ALSO) == stranger, "the history is still there")
        server.delete(ALSO)  # that answer is kept as well
        server.post({"user": "u01", "type": "complete", "item": "a20"})
        require(any("/log/" in name for name in files_with(site, ALSO)), "the log had him not")
        require(not any("/store/" in name for name in files_with(site, ALSO)), *files_with(site, ALSO))
        site.run("import", "--from-store")
        require(not files_with(site, ALSO), "after the import:", *files_with(site, ALSO))
        require(server.feed(ALSO) == stranger, "the history came back")
        require([server.feed(user) for user in OTHERS[1:]] == feeds[1:], "the feeds of others changed")
        # Who comes back is a new user, in feeds and after the next import.
        server.post({"user": ALSO, "type": "complete", "item": "a03", "id": "later"})
        back = server.feed(ALSO)
        site.run("import", "--from-store")
        site.run("import", "--from-store")
    with Server(site) as server:
        require(server.feed(ALSO) == back, "the import changed who came back", back, server.feed(ALSO))
        require("a03" not in [item for item, _ in server.feed(ALSO, ITEMS)], "the new history is not used")


class Searchers(Site):
    """Readers who also search; one of them, and nobody else, with WORDS."""

    WORDS = ["xylophone", "quetzal", "okapi"]

    def __init__(self, upnext, folder):
        self.upnext, self.folder = upnext, folder
        folder.mkdir()
        (folder / "site.toml").write_text(PROJECT.replace("type, id FROM", "type, query, id FROM"))
        rows = []
        for user in range(40):
            for step in range(8):
                at = START + step * 50_000 + user * 60
                rows.append((f"u{user:02}", f"a{(user + step) % ITEMS:02}", at, "complete", "", ""))
                rows.append((f"u{user:02}", "", at + 20, "search", f"news of {user % 5}", ""))
        rows += [(GONE, f"a{step:02}", START + step * 40_000, "complete", "", "") for step in range(9)]
        rows += [(GONE, "", START + step * 40_000 + 9, "search", " ".join(self.WORDS[:2]), "") for step in range(9)]
        with open(folder / "events.csv", "w", newline="") as file:
            csv.writer(file).writerows([("user", "item", "time", "type", "query", "id"), *rows])
        self.run("import")
        self.run("train")

    def with_words(self, *below):
        """Files below these folders of the project that have a word."""
        found = files_with(self, *self.WORDS)
        return [name for name in found if any(f"/{part}" in name for part in below)]

    def bundle(self):
        return "bundles/" + (self.folder / ".upnext/site/bundles/CURRENT").read_text().strip() + "/"


def search_words_of_a_forgotten_user_leave_with_the_next_training(site):
    require(any("features.uxs" in name for name in site.with_words(site.bundle())),
            "the words should be in the first bundle", site.with_words(""))
    with Server(site) as server:
        server.post({"user": GONE, "type": "search", "query": "okapi"})
    site.run("import", "--from-store")
    site.run("train", "--force")
    with Server(site) as server:  # has a name for it, and drops that of the earlier log
        server.post({"user": GONE, "type": "search", "query": "okapi quetzal"})
    require(site.with_words("store/"), "the words should be in the store")
    before = site.bundle()
    require(any("okapi" in name and "features.uxs" in name for name in site.with_words(before)), site.with_words(""))
    site.run("forget", "--user", GONE)
    require(not site.with_words("log/", "store/"), "after forget:", *site.with_words("log/", "store/"))
    site.run("train", "--force")
    require(site.bundle() != before, "no new bundle")
    left = site.with_words(site.bundle(), "log/", "store/")
    require(not left, "after the training:", *left)
    require(any("features.uxs has news" in name for name in files_with(site, "news") if site.bundle() in name),
            "the words of others should be there")


def search_words_of_a_user_deleted_over_http_leave_with_the_next_trainings(site):
    with Server(site) as server:
        server.post({"user": ALSO, "type": "search", "query": "okapi"})
        site.run("import", "--from-store")
        site.run("train", "--force")
        server.post({"user": ALSO, "type": "search", "query": "okapi quetzal"},
                    {"user": "u03", "type": "search", "query": "marmot"})
        require(site.with_words("store/") and site.with_words("log/"), "the words should be there", site.with_words(""))
        server.delete(ALSO)
        require(not site.with_words("store/"), "after the request:", *site.with_words("store/"))
        require(any("/store/" in name for name in files_with(site, "marmot")), "another user's words should be there")
        for _ in range(3):  # as many bundles are kept
            site.run("train", "--force")
        require(not site.with_words(""), "after the trainings:", *site.with_words(""))


def deleted_over_http_is_in_no_training_without_an_import(site):
    with Server(site) as server:
        server.post(*({"user": ALSO, "type": "complete", "item": f"a{step:02}"} for step in range(4)))
        site.run("import", "--from-store")
        server.delete(ALSO)
        require(any("/log/" in name for name in files_with(site, ALSO)), "the log had him not")
        site.run("train", "--force")
        require(not files_with(site, ALSO), "after the training:", *files_with(site, ALSO))


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        searchers = Searchers(upnext, pathlib.Path(folder) / "searchers")
        ended = run_cases([search_words_of_a_forgotten_user_leave_with_the_next_training,
                           search_words_of_a_user_deleted_over_http_leave_with_the_next_trainings], searchers)
        site = Site(upnext, pathlib.Path(folder) / "site", reads(GONE) + reads(ALSO, START, 3))
        return ended | run_cases([forget_leaves_no_trace_and_others_as_they_were,
                                  deleted_over_http_leaves_the_log_with_the_next_import,
                                  deleted_over_http_is_in_no_training_without_an_import], site)


if __name__ == "__main__":
    sys.exit(main())
