#!/usr/bin/env python3
"""`upnext run` on a tiny site: exports arrive, trainings are published and taken up, a step fails, it stops and goes on.

    tests/cases/run.py build/release/upnext
"""
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile

from follow import Failed, Server, Site, require, wait_until

RUN = """
[run]
train = "every 1s"
inbox = "incoming"
[train]
margin = 1.0
"""


class Running(Server):
    def __init__(self, site):
        super().__init__(site, verb="run")

    def step(self, name):
        return next(step for step in self.get("/v1/status")["steps"] if step["name"] == name)


def set_run(site, text):
    toml = (site.folder / "site.toml").read_text()
    (site.folder / "site.toml").write_text(toml.split("\n[run]")[0] + text)


def exports_arrive_and_trainings_are_taken_up(site):
    inbox = site.folder / "incoming"
    with Running(site) as server:
        first = server.get("/readyz")["bundle_version"]
        server.post({"user": "u01", "item": "i03", "type": "complete"})
        # A folder, moved in whole.
        site.events = [("newcomer", "i05", site.events[-1][2] + 60), ("newcomer", "i06", site.events[-1][2] + 90)]
        site.items = {"i77": False}
        shutil.move(site.export(".day"), inbox / "day")
        wait_until(lambda: (inbox / "done/day").exists(), "the folder to be imported")
        wait_until(lambda: server.step("inbox")["outcome"] == "ok", server.step("inbox"))
        wait_until(lambda: server.get("/readyz")["bundle_version"] > first, server.get("/v1/status"))
        wait_until(lambda: server.get("/readyz")["log_version"] == "v000002", server.get("/readyz"))
        wait_until(lambda: server.step("train")["outcome"] == "ok", server.step("train"))
        require(any("takes effect at once" in line for line in server.step("inbox")["output"]), server.step("inbox"))
        require("i05" not in server.feed("newcomer", 40), "the imported history is not in the feed")
        # Something that is no export.
        (inbox / ".bad").mkdir()
        (inbox / ".bad/e.csv").write_text("what,is,this\n1,2,3\n")
        (inbox / ".bad").rename(inbox / "bad")
        wait_until(lambda: (inbox / "failed/bad.log").exists(), "the failure")
        wait_until(lambda: server.step("inbox")["outcome"] == "exit code 1", server.step("inbox"))
        require(server.step("inbox")["failures"] == 1, server.step("inbox"))
        require("upnext import: " in (inbox / "failed/bad.log").read_text(), (inbox / "failed/bad.log").read_text())
        page = server.text("/status")
        require("exit code 1, 1 in a row" in page and "<script" not in page, page)
        require('upnext_step_failures{step="inbox"} 1\n' in server.text("/metrics"), "the metric")
        require(server.get("/v1/status")["bytes"]["free"] > 0, server.get("/v1/status"))
        require(server.feed("u01"), "no feed")


def a_step_that_is_killed_leaves_the_server_alone(site):
    set_run(site, '\n[run]\ntrain = "every 1s"\n')
    toml = (site.folder / "site.toml").read_text()
    (site.folder / "site.toml").write_text(toml.replace("epochs = 3", "epochs = 100\npatience = 100"))
    with Running(site) as server:
        def child():
            children = pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/children")
            return next((int(pid) for file in children for pid in file.read_text().split()), None)
        wait_until(child, "a training")
        step = child()
        require(os.getpgid(step) != os.getpgid(server.process.pid), "the step is in the server's process group")
        os.kill(step, signal.SIGKILL)
        wait_until(lambda: "signal 9" in server.step("train")["outcome"] or server.step("train")["failures"],
                   server.step("train"))
        require(server.feed("u01"), "no feed after a step was killed")
        wait_until(lambda: child() not in (None, step), "the next training")
        step = child()
    # The training did not outlive its parent.
    wait_until(lambda: not pathlib.Path(f"/proc/{step}").exists(), "the end of the training")
    state = json.loads((site.folder / ".upnext/site/run/state.json").read_text())
    require(state["train"]["failures"] >= 1, state)


def the_state_survives_a_restart(site):
    set_run(site, "\n[run]\ntrain = \"at 03:00\"\n")
    with Running(site) as server:
        require(server.step("train")["failures"] >= 1, server.step("train"))
        require(server.step("train")["schedule"] == "at 03:00", server.step("train"))
        server.process.send_signal(signal.SIGTERM)
        require(server.process.wait(timeout=60) == 0, "exit code", server.process.returncode)


def main():
    with tempfile.TemporaryDirectory() as folder:
        site = Site(sys.argv[1], folder)
        said = site.run("run", data=site.folder, code=1)
        require("run `upnext train`" in said, said)
        site.run("import", data=site.export("first"))
        site.run("train", data=site.folder)
        set_run(site, RUN)
        exports_arrive_and_trainings_are_taken_up(site)
        a_step_that_is_killed_leaves_the_server_alone(site)
        the_state_survives_a_restart(site)
    print("ok")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"FAILED: {failed}")
