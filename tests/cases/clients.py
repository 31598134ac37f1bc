#!/usr/bin/env python3
"""The clients of clients/ against a server: written from its description, and used as the guide says.

usage: clients.py UPNEXT

Ends with 77 when Node.js or TypeScript is missing (scripts/setup installs them)."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

from case import require, run_cases, small_site

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "clients"
TYPESCRIPT = ROOT / "build" / "deps" / "typescript" / "bin" / "tsc"
sys.path.insert(0, str(CLIENTS / "python"))
sys.dont_write_bytecode = True

SCRIPT = """
import assert from "node:assert/strict";
import { Client, UpnextError } from "./dist/index.js";
const [url, key] = process.argv.slice(2);
const client = new Client(url, { key });
const feed = await client.getRecommendations({ user: "u 1&", n: 3, explain: true, exclude: ["i1", "i2"] });
assert.equal(feed.items.length, 3);
assert.ok(feed.items.every((item) => !["i1", "i2"].includes(item.item)));
assert.deepEqual((await client.getServed(feed.request)).items.map((item) => item.item), feed.items.map((item) => item.item));
const page = await client.postRecommendations({ user: "u1", rows: [{ n: 2 }, { n: 3 }] });
assert.ok("rows" in page && page.rows[1].items?.length === 3);
const filtered = await client.getRecommendations({ user: "u1", filter: "item.title in $titles",
                                                   parameters: { titles: ["a", "New & <old>"] } });
assert.deepEqual(filtered.items.map((item) => item.item), ["i3"]);
const event = { user: "u1", type: "click", item: feed.items[0].item, request: feed.request, id: "ts-1" };
assert.equal((await client.send([event])).accepted, 1);
assert.equal((await client.send([event])).duplicates, 1);
let rows = 0;
for await (const row of client.pages((query) => client.listItems(query), "items", 5)) rows += row.item ? 1 : 0;
assert.equal(rows, 17);
await assert.rejects(client.getItem("none/such"), (e) => e instanceof UpnextError && e.status === 404 && /none\\/such/.test(e.detail));
await assert.rejects(new Client(url, { key: "wrong" }).getStatus(), (e) => e.status === 401);
await assert.rejects(new Client("http://127.0.0.1:1", { repeats: 0 }).getStatus(), (e) => e.status === 0);
console.log("fine");
"""


class Server:
    """A site with a key for everything, and its server."""

    def __init__(self, upnext, folder):
        self.site = small_site(upnext, folder)
        self.site.run("import")
        self.site.run("train")
        added = json.loads(subprocess.run([upnext, "keys", "add", "-c", folder / "site.toml", "--roles", "admin", "--json"],
                                          capture_output=True, text=True, check=True).stdout)
        self.key = added["key"]
        self.process = subprocess.Popen(self.site.command("serve", "--port", "0"), stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                self.url = found[0]
                break
        # What is said later must not fill the pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


def the_clients_are_what_the_server_describes(server, folder):
    done = subprocess.run([CLIENTS / "generate", server.url + "/openapi.json", "--check", "--python",
                           CLIENTS / "python/upnext_client/_generated.py", "--typescript",
                           CLIENTS / "typescript/src/generated.ts"], capture_output=True, text=True)
    require(done.returncode == 0, done.stdout, done.stderr)


def the_python_client_does_what_its_guide_says(server, folder):
    from upnext_client import Client, UpnextError

    with Client(server.url, key=server.key) as client:
        feed = client.get_recommendations(user="u 1&", n=3, explain=True, exclude=["i1", "i2"])
        require(len(feed["items"]) == 3 and not {"i1", "i2"} & {i["item"] for i in feed["items"]}, feed)
        require(feed["items"][0]["sources"] and feed["user"] == "u 1&", "explain and an encoded name:", feed)
        served = client.get_served(feed["request"])
        require([i["item"] for i in served["items"]] == [i["item"] for i in feed["items"]], served)
        page = client.post_recommendations({"user": "u1", "rows": [{"n": 2}, {"n": 3}]})
        require([len(row["items"]) for row in page["rows"]] == [2, 3], page)
        require(client.put_item("i3", {"title": "New & <old>"})["changed"] == 1)
        found = client.get_recommendations(user="u1", filter="item.title in $titles", parameters={"titles": ["a", "New & <old>"]},
                                           return_="title")
        require([i["attributes"] for i in found["items"]] == [{"title": "New & <old>"}], found)
        event = {"user": "u1", "type": "click", "item": "i3", "request": feed["request"], "id": "py-1"}
        require(client.send([event])["accepted"] == 1)
        require(client.send([event])["duplicates"] == 1)
        require(client.send([{"user": "u1", "type": "click", "item": "i3"}] * 2000)["accepted"] == 2000, "compressed")
        require(sum(1 for _ in client.pages(client.list_items, "items", 5)) == 17, "rows of all pages")
        require(client.get_guide("clients").startswith("# Clients"), "a guide")
        errors = []
        for call in (lambda: client.get_item("none/such"), lambda: client.get_recommendations(user=""),
                     lambda: Client(server.url, key="wrong").get_status(),
                     lambda: Client("http://127.0.0.1:1", repeats=0).get_status()):
            try:
                call()
            except UpnextError as error:
                errors.append((error.status, error.detail))
        require([status for status, _ in errors] == [404, 400, 401, 0], errors)
        require("none/such" in errors[0][1], errors[0])
        threads = [threading.Thread(target=lambda: [client.get_recommendations(user=f"u{i}") for i in range(20)] and done.append(1))
                   for _ in range(4)]
        done = []
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        require(len(done) == 4, "threads that share a client")


def the_typescript_client_does_what_its_guide_says(server, folder):
    subprocess.run(["node", TYPESCRIPT, "-p", CLIENTS / "typescript", "--outDir", folder / "dist"], check=True)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "use.mjs").write_text(SCRIPT)
    done = subprocess.run(["node", "use.mjs", server.url, server.key], cwd=folder, capture_output=True, text=True, timeout=120)
    require(done.returncode == 0 and done.stdout == "fine\n", done.stdout, done.stderr)


def main(upnext):
    if shutil.which("node") is None or not TYPESCRIPT.exists():
        print("skipped: Node.js or TypeScript is missing; run scripts/setup")
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(upnext, folder)
        try:
            return run_cases([the_clients_are_what_the_server_describes, the_python_client_does_what_its_guide_says,
                              the_typescript_client_does_what_its_guide_says], server, folder)
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
