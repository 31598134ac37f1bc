#!/usr/bin/env python3
"""upnext mcp as an assistant uses it: one process, messages on stdin, answers on stdout.

usage: assistant.py UPNEXT"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile

from case import require, run_cases, small_site


class Assistant:
    """A client of `upnext mcp`."""

    def __init__(self, site, *flags):
        self.process = subprocess.Popen(site.command("mcp", *flags), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.asked = 0

    def ask(self, method, **params):
        self.asked += 1
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        require(answer["id"] == self.asked, "the answer is to another request:", answer)
        return answer

    def call(self, tool, **arguments):
        return self.ask("tools/call", name=tool, arguments=arguments)["result"]

    def end(self):
        self.process.stdin.close()
        code = self.process.wait(timeout=60)
        said = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, said


def an_assistant_reads_a_project(upnext):
    with tempfile.TemporaryDirectory() as folder:
        site = small_site(upnext, pathlib.Path(folder))
        assistant = Assistant(site)
        hello = assistant.ask("initialize", protocolVersion="2025-06-18")["result"]
        require(hello["serverInfo"]["name"] == "upnext", hello)
        failed = assistant.call("recommend", user="u1")
        require(failed["isError"] and "no bundle published yet" in failed["content"][0]["text"], "without a bundle:", failed)
        site.run("import")
        site.run("train")
        feed = assistant.call("recommend", user="u1", n=3)
        require(len(feed["structuredContent"]["items"]) == 3, feed)
        printed = json.loads(site.run("recommend", "--user", "u1", "-n", "3", "--json"))
        require([i["item"] for i in printed["items"]] == [i["item"] for i in feed["structuredContent"]["items"]],
                "not what the verb prints")
        why = assistant.call("explain", user="u1", n=1)["structuredContent"]
        require(why["items"][0]["sources"] and why["counts"]["shown"] == 1, why)
        wrong = assistant.call("recommend", user="u1", filter="item.nothing > 1")
        require(wrong["isError"] and "nothing" in wrong["content"][0]["text"], wrong)
        kinds = json.loads(assistant.call("inspect")["content"][0]["text"])
        require("event log" in json.dumps(kinds) and "bundle" in json.dumps(kinds), kinds)
        guide = assistant.ask("resources/read", uri="upnext://guides/assistants")["result"]["contents"][0]["text"]
        require(guide.startswith("# Assistants"), guide[:50])
        refused = assistant.ask("tools/call", name="train", arguments={})
        require(refused["error"]["code"] == -32602, refused)
        code, said = assistant.end()
        require(code == 0 and not said, code, said)
        left = [p.name for p in pathlib.Path(folder).rglob("mcp-*")]
        require(not left, "files are left:", left)


def changes_are_made_when_they_are_allowed(upnext):
    with tempfile.TemporaryDirectory() as folder:
        site = small_site(upnext, pathlib.Path(folder))
        site.run("import")
        assistant = Assistant(site, "--allow-changes")
        done = assistant.call("train")
        require(not done["isError"], done)
        listed = json.loads(assistant.call("bundles")["content"][0]["text"])
        require([b["current"] for b in listed] == [True], listed)
        assistant.process.send_signal(signal.SIGTERM)
        require(assistant.process.wait(timeout=30) is not None, "it goes on after SIGTERM")
        assistant.end()


if __name__ == "__main__":
    sys.exit(run_cases([an_assistant_reads_a_project, changes_are_made_when_they_are_allowed], sys.argv[1]))
