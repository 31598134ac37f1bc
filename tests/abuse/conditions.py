#!/usr/bin/env python3
"""The machine misbehaves: full disk, no permission, files that shrink, other processes. The real binary must say
what is wrong, exit with 1 and leave the project as it was. usage: tests/abuse/conditions.py build/release/upnext
"""

import argparse
import http.client
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from abuse_site import Failed, Server, Site, require, wait_until

NOBODY = 65534


class Skipped(Exception):
    """The case cannot be set up on this machine."""


def file_limit(size):
    """For subprocess: limits files to `size` bytes; writing more fails like a full disk (EFBIG)."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def as_nobody():
    """For subprocess: runs the child as another user, since root ignores permissions."""
    if os.getuid() == 0:
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)


def built(site):
    site.upnext("import")
    site.upnext("train")


def file_size_limit(binary):
    with Site(binary) as site:
        built(site)
        site.refused(["upnext import:", "too large"], "import",
                     preexec_fn=file_limit(30_000))
        site.refused(["upnext train:", "File too large"], "train", preexec_fn=file_limit(2_000))
        require(not site.leftovers(), site.leftovers())
        site.upnext("train", "--force")


class SmallDisk:
    """A tmpfs of `megabytes`, if mounting is allowed."""

    def __init__(self, megabytes):
        self.folder = tempfile.mkdtemp(prefix="upnext-small-")
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.folder],
                               capture_output=True, text=True)
        if mount.returncode != 0:
            os.rmdir(self.folder)
            raise Skipped(f"cannot mount a tmpfs: {mount.stderr.strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        # Lazily, in case a failed process still has a file open.
        subprocess.run(["umount", "-l", self.folder], check=True)
        os.rmdir(self.folder)

    def fill(self, leave):
        free = os.statvfs(self.folder)
        with open(Path(self.folder) / "ballast", "wb") as out:
            out.write(b"x" * max(0, free.f_bavail * free.f_bsize - leave))

    def empty(self):
        (Path(self.folder) / "ballast").unlink()


def full_disk(binary):
    with SmallDisk(96) as disk, Site(binary, folder=disk.folder) as site:
        built(site)
        disk.fill(leave=40_000)
        said = site.refused(["upnext import:"], "import")
        require("disk is full" in said or "No space left" in said, said)
        site.refused(["upnext train:", "No space left on device"], "train")
        disk.empty()
        acknowledged = []
        server = Server(site)
        disk.fill(leave=200_000)
        answer = None
        for number in range(3_000):
            events = [{"id": f"e{number}-{i}", "user": f"u{i}", "item": "i1", "type": "watch", "value": 9,
                       "request": "r" * 400} for i in range(20)]
            status, answer = server.post(events)
            if status != 200:
                break
            acknowledged.append(events)
        require(status == 507 and "space" in answer["detail"], status, answer)
        require(server.request("GET", "/v1/recommendations?user=u1&n=3")[0] == 200, "feeds stopped too")
        disk.empty()
        require(wait_until(lambda: server.post(events)[0] == 200, seconds=20), "still refusing")
        server.stop()
        server = Server(site)
        for events in acknowledged:
            _, answer = server.post(events)
            require(answer == {"accepted": 0, "duplicates": len(events)}, "lost:", answer)
        server.stop()
        site.upnext("import")
        require(not site.leftovers(), site.leftovers())


def read_only_folder(binary):
    with Site(binary) as site:
        built(site)
        for path in [site.project, *site.project.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        site.refused(["upnext import:", "Permission denied"], "import", preexec_fn=as_nobody)
        site.refused(["upnext train:", "Permission denied"], "train", preexec_fn=as_nobody)
        site.refused(["upnext serve:", "Permission denied"], "serve", "--port", "0", preexec_fn=as_nobody)
        # Reading needs no write permission.
        site.upnext("inspect", preexec_fn=as_nobody)
        site.upnext("recommend", "--user", "u1", preexec_fn=as_nobody)
        for path in [site.project, *site.project.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def unreadable_files(binary):
    with Site(binary) as site:
        built(site)
        shard = next(site.project.glob("log/v*/events-00000.upn"))
        for path, verb in [(shard, "recommend"), (shard, "train"),
                           (next(site.project.glob("bundles/v*/manifest.json")), "recommend")]:
            path.chmod(0)
            more = ["--user", "u1"] if verb == "recommend" else []
            done = subprocess.run(site.command(verb, *more, "--project-dir", str(site.project)),
                                  capture_output=True, text=True, preexec_fn=as_nobody)
            path.chmod(0o644)
            if verb == "train" and "lock" in done.stderr:
                continue  # the project is root's, so its lock file is refused first
            require(done.returncode == 1 and f"{path}: cannot open: Permission denied" in done.stderr,
                    verb, done.returncode, done.stderr)
        data = site.root / "data" / "events.csv"
        data.chmod(0)
        other = site.root / "other"
        other.mkdir()
        other.chmod(0o777)
        done = subprocess.run(site.command("import", "--project-dir", str(other)), capture_output=True,
                              text=True, preexec_fn=as_nobody)
        require(done.returncode == 1 and "events.csv" in done.stderr and "Permission denied" in done.stderr,
                done.returncode, done.stderr)
        data.chmod(0o644)


def shrinking_file(binary):
    with Site(binary) as site:
        built(site)
        shard = next(site.project.glob("log/v*/events-00000.upn"))
        whole = shard.read_bytes()
        server = Server(site)
        os.truncate(shard, 0)
        try:
            # Histories are read from the log; states are in memory since before the server listened.
            for user in range(40):
                server.request("GET", f"/v1/users/u{user}/history")
            raise Failed("the server continued with a truncated log")
        except (OSError, http.client.HTTPException):
            pass
        said = server.process.stderr.read()
        require(server.process.wait(timeout=30) == 1, "exit code", server.process.returncode, said)
        require(f"upnext: {shard}: the file shrank" in said, said)
        # Opening it now gives a more precise message.
        _, said = site.upnext("inspect", expect=1)
        require(str(shard) in said and "expected a file of at least" in said, said)
        shard.write_bytes(whole)
        site.upnext("inspect")


def held_project(binary):
    with Site(binary, epochs=400) as site:
        site.upnext("import")
        holder = site.start("train")
        lock = site.project / "lock"
        require(wait_until(lambda: lock.read_text().strip() == str(holder.pid)), "no lock was taken")
        holder.send_signal(signal.SIGSTOP)
        try:
            for verb in (["import"], ["import", "--append"], ["import", "--compact"], ["train"]):
                site.refused([f"process {holder.pid} holds the lock", "wait until it ends"], *verb)
        finally:
            holder.kill()
            holder.communicate()
        # The lock ends with its holder, however the holder ended.
        site.upnext("import")


def held_store(binary):
    with Site(binary) as site:
        built(site)
        server = Server(site)
        said = site.refused([f"process {server.process.pid} holds the lock", "a server has it"], "serve",
                            "--port", "0")
        require(re.search(r"store", said), said)
        # Training and serving do not block each other.
        site.upnext("import")
        site.upnext("train", "--force")
        require(server.request("GET", "/v1/recommendations?user=u1&n=3")[0] == 200, "the server stopped")
        server.stop()


def interrupted(binary):
    with Site(binary, epochs=400) as site:
        site.upnext("import")
        for stop, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            training = site.start("train")
            require(wait_until(lambda: (site.project / "lock").exists() and
                               (site.project / "lock").read_text().strip() == str(training.pid)), "no lock was taken")
            training.send_signal(stop)
            said = training.communicate(timeout=60)[1]
            require(training.returncode == code, "exit code", training.returncode, said)


# One line per case.
CASES = [file_size_limit, full_disk, read_only_folder, unreadable_files, shrinking_file, held_project, held_store,
         interrupted]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--only", choices=[case.__name__ for case in CASES])
    options = parser.parse_args()
    failed = 0
    for case in CASES:
        if options.only and case.__name__ != options.only:
            continue
        try:
            case(options.binary)
            print(f"{case.__name__}: ok", flush=True)
        except Skipped as why:
            print(f"{case.__name__}: skipped, {why}", flush=True)
        except (Failed, OSError, http.client.HTTPException) as failure:
            failed += 1
            print(f"{case.__name__}: FAILED: {failure!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
