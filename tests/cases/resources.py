#!/usr/bin/env python3
"""Histories, merged sessions, changes by filter, rows, answers by their request, and cursors, over sockets, with the real binary.

    tests/cases/resources.py build/release/upnext
"""
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from case import Server, require, run_cases, small_site


def ask(server, method, path, body=None, status=200, key=None, **query):
    """The JSON of an answer, which must have this status."""
    url = f"{server.url}{path}?{urllib.parse.urlencode(query, doseq=True)}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url.rstrip("?"), data, {} if data is None else {"Content-Type": "application/json"},
                                     method=method)
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            found, said = answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        found, said = error.code, json.load(error)
    require(found == status, method, path, query, body, "answered", found, said)
    return said


def feed(server, **query):
    return [item["item"] for item in ask(server, "GET", "/v1/recommendations", **query)["items"]]


def history(server, user):
    return [event["item"] for event in ask(server, "GET", f"/v1/users/{user}/history")["events"]]


def a_history_is_read_page_by_page(site):
    with Server(site) as server:
        for i in range(5):
            server.post({"user": "u1", "type": "watch", "item": f"i{i}", "value": 9, "id": f"h{i}"})
        whole, found, cursor = history(server, "u1"), [], {}
        require(whole[:5] == ["i4", "i3", "i2", "i1", "i0"] and len(whole) == 11, "of the store and of the log", whole)
        while cursor is not None:
            page = ask(server, "GET", "/v1/users/u1/history", n=4, **cursor)
            found += [event["item"] for event in page["events"]]
            cursor = page["next"] and {"before": page["next"]}
        require(found == whole, found, whole)
        ask(server, "GET", "/v1/users/u1/history", status=400, before="soon")
        require(history(server, "nobody") == [], "an unknown user")


def a_merged_session_is_the_user_also_after_a_crash(site):
    with Server(site) as server:
        before = history(server, "u2")
        for i in (3, 4):
            ask(server, "POST", "/v1/events", {"session": "s1", "type": "watch", "item": f"i{i}", "value": 60, "id": f"m{i}"})
        ask(server, "POST", "/v1/users/u2/merge", {"session": "s1", "more": 1}, status=400)
        require(ask(server, "POST", "/v1/users/u2/merge", {"session": "s1"})["merged"] == 2, "merged")
        server.process.kill()
    with Server(site) as server:
        require(history(server, "u2") == ["i4", "i3", *before], history(server, "u2"))
        require(history(server, "session:s1") == [], "the session is forgotten")
        require(not {"i3", "i4"} & set(feed(server, user="u2", n=17)), "what was watched as a session")
        require(ask(server, "POST", "/v1/users/u2/merge", {"session": "s1"})["merged"] == 0, "again")


def items_are_changed_and_deleted_by_a_condition(site):
    with Server(site) as server:
        for i in range(6):
            ask(server, "PUT", f"/v1/items/i{i}", {"channel": f"c{i % 2}", "title": f"Title {i}"})
        condition = {"filter": "item.channel == $channel", "parameter.channel": "c1"}
        counted = ask(server, "PATCH", "/v1/items", {"language": "de"}, dry_run=1, **condition)
        require((counted["matches"], counted["changed"]) == (3, 0), counted)
        require("language" not in ask(server, "GET", "/v1/items/i1")["attributes"], "a dry run changes nothing")
        done = ask(server, "PATCH", "/v1/items", {"language": "de"}, **condition)
        require((done["matches"], done["changed"], done["more"]) == (3, 3, False), done)
        require(ask(server, "GET", "/v1/items/i3")["attributes"]["language"] == "de", "changed")
        require(ask(server, "PATCH", "/v1/items", {"language": "de"}, **condition)["changed"] == 0, "again")
        ask(server, "PATCH", "/v1/items", {"language": "de"}, status=400)  # no condition
        ask(server, "PATCH", "/v1/items", {"langage": "de"}, status=400, **condition)
        require(ask(server, "DELETE", "/v1/items", **condition)["changed"] == 3, "deleted")
        ask(server, "GET", "/v1/items/i1", status=404)
        require(not {"i1", "i3", "i5"} & set(feed(server, user="nobody", n=17)), "deleted items in a feed")
        ask(server, "PUT", "/v1/users/u3", {"region": "DE"})
        changed = ask(server, "PATCH", "/v1/users", {"language": "de"}, filter="user.region == 'DE'")
        require(changed["changed"] == 1, changed)
    with Server(site) as server:
        ask(server, "GET", "/v1/items/i1", status=404)
        require(ask(server, "GET", "/v1/users/u3")["attributes"]["language"] == "de", "after a restart")
        for i in (1, 3, 5):
            ask(server, "PUT", f"/v1/items/i{i}", {"channel": "c1"})


def rows_have_no_common_item_and_pages_of_their_own(site):
    with Server(site) as server:
        rows = [{"n": 3}, {"because": True, "n": 2}, {"segment": "channel", "n": 2, "items": 2}]
        page = ask(server, "POST", "/v1/recommendations", {"user": "u4", "rows": rows})
        first, because, segments = page["rows"]
        items = [[item["item"] for item in row.get("items", [])] for row in page["rows"]]
        items.append([item["item"] for segment in segments["segments"] for item in segment["items"]])
        shown = sum(items, [])
        require(len(shown) == len(set(shown)) and len(items[0]) == 3 and items[3], items)
        require(because["because"]["item"] in history(server, "u4"), because)
        again = set(feed(server, user="u4", n=10, after=first["request"]))
        require(again and not again & set(items[0]), "the next page of a row", again)
        server.post({"user": "u4", "type": "click", "item": items[0][0], "request": first["request"], "id": "row"})
        said = ask(server, "POST", "/v1/recommendations", {"user": "u4", "rows": [{"n": 100}] * 11}, status=400)
        require("at most 1000 items in all rows" in said["detail"], said)
        ask(server, "POST", "/v1/recommendations", {"user": "u4", "rows": rows, "n": 5}, status=400)


def an_answer_is_kept_under_its_request(site):
    with Server(site) as server:
        slate = ask(server, "GET", "/v1/recommendations", user="u6", n=3, device="tv")
    with Server(site) as server:  # the log of slates, not memory
        kept = ask(server, "GET", f"/v1/requests/{slate['request']}")
        require([(i["item"], i["score"], i["position"]) for i in kept["items"]]
                == [(i["item"], i["score"], n) for n, i in enumerate(slate["items"], 1)], kept, slate)
        require(kept["user"] == "u6" and kept["asked"] == {"n": 3, "device": "tv"}, kept)
        require(kept["bundle_version"] == slate["bundle_version"], kept)
        ask(server, "DELETE", "/v1/users/u6")
        ask(server, "GET", f"/v1/requests/{slate['request']}", status=404)
        ask(server, "GET", "/v1/requests/none", status=404)


def a_cursor_outlives_what_it_names(site):
    with Server(site) as server:
        ask(server, "POST", "/v1/users", [{"user": f"posted{i}", "region": "DE"} for i in range(6)])
        found, after, pages = [], {}, 0
        while after is not None:
            page = ask(server, "GET", "/v1/users", n=3, **after)
            found += [row["user"] for row in page["users"]]
            if page["users"] and page["users"][-1]["user"].startswith("posted"):
                ask(server, "DELETE", f"/v1/users/{page['users'][-1]['user']}")
            after, pages = page["next"] and {"after": page["next"]}, pages + 1
            require(pages < 40, "pages without end")
        require({f"posted{i}" for i in range(6)} <= set(found) and len(found) == len(set(found)), found)


class KeyedServer(Server):
    """Requests need a key."""

    def __init__(self, site):
        command = site.command
        site.command = lambda *args: [word for word in command(*args) if word != "--no-keys"]
        try:
            super().__init__(site)
        finally:
            site.command = command


def roles_and_rates_hold_for_answers_and_rows(site):
    def make_key(*flags):
        return subprocess.run([site.upnext, "keys", "add", "-c", site.folder / "site.toml", *flags], capture_output=True,
                              text=True, check=True).stdout.strip()

    admin, recommend = make_key("--roles", "admin"), make_key("--roles", "recommend", "--requests-per-second", "2")
    with KeyedServer(site) as server:
        rows = {"user": "u7", "rows": [{"n": 2}] * 30}
        page = ask(server, "POST", "/v1/recommendations", rows, key=recommend)
        refused = ask(server, "POST", "/v1/recommendations", {"user": "u7"}, key=recommend, status=429)
        require("requests a second" in refused["detail"], "thirty rows are paid for", refused)
        target = f"/v1/requests/{page['rows'][0]['request']}"
        require(ask(server, "GET", target, key=admin)["user"] == "u7", "admin")
        ask(server, "GET", target, key=make_key("--roles", "events"), status=401)  # taken up within two seconds
        ask(server, "GET", target, status=401)


def main():
    with tempfile.TemporaryDirectory() as folder:
        site = small_site(sys.argv[1], Path(folder))
        with open(site.folder / "site.toml", "a") as project:
            project.write("[server]\nstop_delay = 0\n")
        site.run("import")
        site.run("train")
        return run_cases([a_history_is_read_page_by_page, a_merged_session_is_the_user_also_after_a_crash,
                          items_are_changed_and_deleted_by_a_condition, rows_have_no_common_item_and_pages_of_their_own,
                          an_answer_is_kept_under_its_request, a_cursor_outlives_what_it_names,
                          roles_and_rates_hold_for_answers_and_rows], site)


if __name__ == "__main__":
    sys.exit(main())
