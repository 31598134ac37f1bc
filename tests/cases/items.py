#!/usr/bin/env python3
"""Items and users that are set over HTTP: in feeds at once, gone at once, kept over kills, moved to the log.

    tests/cases/items.py build/release/upnext
"""
import json
import pathlib
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import case
from case import require
from loop import ITEMS, START, Server, Site


def send(server, method, path, body=None, kind="application/json"):
    """The answer; its status where it is an error."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"Content-Type": kind} if data is not None else {},
                                     method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code


def feed_of_stranger(server):
    return [item for item, _ in server.feed("stranger", ITEMS + 20)]


def attributes(server, item):
    return server.get(f"/v1/items/{item}")["attributes"]


def what_is_acknowledged_survives_a_kill(site):
    for day in range(3):
        server = Server(site)
        name, gone = f"new-{day}", f"a{day:02}"
        answer = send(server, "PUT", f"/v1/items/{name}", {"title": name, "created": START + day, "topics": ["fresh"]})
        require(answer["changed"] == 1, answer)
        require(name in feed_of_stranger(server), name, "is not in the next answer")
        require(send(server, "DELETE", f"/v1/items/{gone}")["changed"] == 1, gone)
        require(gone not in feed_of_stranger(server), gone, "is in the next answer")
        require(send(server, "DELETE", f"/v1/items/{gone}") == 404, "it was deleted twice")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.process.stdout.close()
        with Server(site) as again:
            require(name in feed_of_stranger(again), name, "was lost")
            require(attributes(again, name)["title"] == name, attributes(again, name))
            require(gone not in feed_of_stranger(again), gone, "came back")


def the_command_line_knows_posted_items(site):
    with Server(site) as server:
        expected = {one["item"] for one in server.get("/v1/items/new-1/similar", n=ITEMS + 20)["items"]}

    def found(*args):
        return {one["item"] for one in json.loads(site.run(*args, "-n", str(ITEMS + 20), "--json"))["items"]}

    similar = found("similar", "--item", "new-1")
    require(similar == expected and "a01" not in similar, similar ^ expected)
    feed = found("recommend", "--user", "stranger")
    require("new-1" in feed and "a01" not in feed, feed)


def posted_rows_join_the_log_while_the_server_runs(site):
    lines = "".join(json.dumps({"item": f"b{i}", "title": f"B {i}", "created": START, "duration": i + 1.5}) + "\n"
                    for i in range(50))
    with Server(site) as server:
        answer = send(server, "POST", "/v1/items", lines.encode(), "application/x-ndjson")
        require(answer["changed"] == 50, answer)
        require(send(server, "PATCH", "/v1/items/b7", {"duration": None, "channel": "c"})["changed"] == 1, "patch")
        require(send(server, "PUT", "/v1/users/someone", {"age": 44})["changed"] == 1, "user")
        before = [attributes(server, f"b{i}") for i in range(50)]
        version = site.log_version()
        said = site.run("import", "--from-store")
        # Three of the case before, with those that it deleted.
        require("56 items and 1 users that were posted" in said, said)
        require(site.log_version() != version, "there is no new log")
        until = time.time() + 30
        while server.get("/readyz")["log_version"] == version and time.time() < until:
            time.sleep(0.1)
        require(server.get("/readyz")["log_version"] == site.log_version(), "the server does not use it")
        require([attributes(server, f"b{i}") for i in range(50)] == before, "attributes changed")
        require(server.get("/v1/users/someone")["attributes"] == {"age": 44.0}, "the user changed")
        require("a00" not in feed_of_stranger(server), "a deleted item came back")
        # What is posted later counts again.
        require(send(server, "PATCH", "/v1/items/b8", {"title": "later"})["changed"] == 1, "patch of the log")
        require(attributes(server, "b8") == {**before[8], "title": "later"}, attributes(server, "b8"))
    version = site.log_version()
    said = site.run("import", "--from-store")
    require("1 items and 0 users that were posted" in said, said)
    site.run("import", "--from-store")
    site.run("train", "--force")
    with Server(site) as server:
        require(attributes(server, "b8")["title"] == "later", "the log does not have it")
        require("a00" not in feed_of_stranger(server), "a deleted item is in the feed of a new bundle")


def an_import_of_everything_leaves_them_to_the_store_or_takes_all(site):
    with Server(site) as server:
        before = attributes(server, "b7")
    for more in ((), ("--full", "--from-store")):
        site.run("import", *more)
        with Server(site) as server:
            require(attributes(server, "b7") == before, more, attributes(server, "b7"))
            require("a00" not in feed_of_stranger(server), "a deleted item came back", more)


def a_forgotten_user_is_in_no_file(site):
    user = "somebody@example.org"
    with Server(site) as server:
        send(server, "PUT", f"/v1/users/{urllib.parse.quote(user)}", {"age": 30, "region": "DE"})
        site.run("import", "--from-store")
        send(server, "PATCH", f"/v1/users/{urllib.parse.quote(user)}", {"age": 31})
        require(server.delete(user) == {"user": user, "forgotten": True}, "no answer")
        require(send(server, "GET", f"/v1/users/{urllib.parse.quote(user)}") == 404, "the user is known")
    site.run("import", "--from-store")
    for path in (site.folder / ".upnext").rglob("*"):
        require(not path.is_file() or user.encode() not in path.read_bytes(), path, "has the user")


def main():
    upnext = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        site = Site(upnext, pathlib.Path(folder) / "site")
        return case.run_cases([what_is_acknowledged_survives_a_kill,
                               the_command_line_knows_posted_items,
                               posted_rows_join_the_log_while_the_server_runs,
                               an_import_of_everything_leaves_them_to_the_store_or_takes_all,
                               a_forgotten_user_is_in_no_file], site)


if __name__ == "__main__":
    sys.exit(main())
