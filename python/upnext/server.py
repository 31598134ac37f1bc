"""A server of the HTTP API as a process of its own."""
from __future__ import annotations

import collections
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Deque, List, Optional, Union

from . import _library
from .errors import FailedPrecondition, Unavailable

if TYPE_CHECKING:
    from .project import Project

_LINES = 200  # of the server's output that are kept
# What `keys` and `address` say, whatever the environment of this process does.
_SAID_BY_ARGUMENTS = ("UPNEXT_NO_KEYS", "UPNEXT_ALLOW_UNPROTECTED")


def _remove(file: str) -> None:
    if not _library.is_forked():  # else it is that of the parent
        Path(file).unlink(missing_ok=True)


class Server:
    """`upnext serve` of a project: the same program as in production, in a process of its own.

        with upnext.Server(project, port=8080) as server:
            print(server.url)

    `start` returns when requests are answered, `stop` when the process has ended; `with` calls both. The process also ends with
    this one. It takes up models that are trained while it runs. `port` 0 takes a free one. Without `keys`, requests need none, which is
    allowed on an address of this machine alone; with `keys`, `key` is the one that the first start of a project makes. `memory`
    (such as `"2GiB"`), `threads` and `request_log` are as for the command line.
    """

    def __init__(self, project: Project, port: int = 0, *, keys: bool = False, address: str = "127.0.0.1",
                 memory: Optional[str] = None, threads: Optional[int] = None,
                 request_log: Union[str, os.PathLike, None] = None, timeout: float = 60.0) -> None:
        self.project = project
        self.url = ""
        """Where it answers, such as `http://127.0.0.1:8080`; empty while it does not run."""
        self.key: Optional[str] = None
        """The key that was made at the first start of a project with `keys`."""
        self._port, self._keys, self._address, self._timeout = port, keys, address, timeout
        self._options = {"--memory": memory, "--threads": threads, "--request-log": request_log}
        self._process: Optional[subprocess.Popen] = None
        self._lines: Deque[str] = collections.deque(maxlen=_LINES)
        self._remove_file: Optional[weakref.finalize] = None  # a project file that was written for it; also at the end of this process
        self._changing = threading.RLock()  # held by start and stop, and start calls stop

    @property
    def log(self) -> List[str]:
        """The last lines that it printed."""
        return list(self._lines)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _command(self) -> List[str]:
        project = self.project
        file, directory = str(project.file), project.directory
        if project.toml is not None:
            # The name of the file is another one than the project's, so the default of the folder would be another one too.
            found = next(value for value in project.config() if value["key"] == "project.directory")
            directory = project.file.parent / json.loads(found["value"])
            handle, file = tempfile.mkstemp(prefix=f".{project.file.stem}-", suffix=".toml", dir=project.file.parent)
            self._remove_file = weakref.finalize(self, _remove, file)
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(project.toml)
        command = [_library.program(), "serve", "-c", file, "--port", str(self._port), "--address", self._address]
        if not self._keys:
            command.append("--no-keys")
        given = {"--data": project.data, "--project-dir": directory, **self._options}
        return command + [word for name, value in given.items() if value is not None for word in (name, str(value))]

    def start(self) -> Server:
        """Starts it, and waits until it answers."""
        _library.check_process()
        with self._changing:
            return self._start()

    def _start(self) -> Server:
        if self.is_running:
            raise FailedPrecondition(f"the server runs already, on {self.url}")
        self.project.release()  # the store can be open in one process
        self._lines.clear()
        started: queue.Queue = queue.Queue()
        # Linux ends a child with the thread that started it, so one thread starts it and stays until it has ended.
        try:
            threading.Thread(target=self._watch, args=(self._command(), started), daemon=True, name="upnext server").start()
            found = started.get()
            if isinstance(found, BaseException):
                raise found
            self._process = found
            self._wait_until_ready(started)
            if self._remove_file is not None:
                self._remove_file()  # it was read, and would stay if this process were killed
        except BaseException:
            self.stop()
            raise
        return self

    def _watch(self, command: List[str], started: queue.Queue) -> None:
        child = str(Path(__file__).with_name("_child.py"))
        environment = {name: value for name, value in os.environ.items() if name not in _SAID_BY_ARGUMENTS}
        try:
            process = subprocess.Popen([sys.executable, "-S", "-E", child, str(os.getpid()), *command], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                       env=environment, start_new_session=True)  # ^C is for this process
        except OSError as error:
            started.put(error)
            return
        started.put(process)
        assert process.stdout is not None
        with process.stdout as lines:
            self._read(lines, started)
        process.wait()
        if self._process is process:
            self.url = ""  # it ended by itself

    def _read(self, lines: IO[str], started: queue.Queue) -> None:
        for line in lines:
            self._lines.append(line.rstrip("\n"))
            key = re.match(r"key +(upn_\w+)", line)
            if key:
                self.key = key[1]
            where = re.match(r"serving .* on (https?://\S+)", line)
            if where:
                started.put(where[1])
        started.put(None)  # it has ended

    def _wait_until_ready(self, started: queue.Queue) -> None:
        latest = time.monotonic() + self._timeout
        try:
            where = started.get(timeout=self._timeout)
        except queue.Empty:
            raise Unavailable(f"the server does not listen after {self._timeout:g} s: {self._said()}") from None
        if where is None:
            raise FailedPrecondition(f"the server ended at once: {self._said()}")
        while self.is_running:
            try:
                with urllib.request.urlopen(f"{where}/readyz", timeout=5):
                    self.url = where
                    return
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > latest:
                    raise Unavailable(f"the server is not ready after {self._timeout:g} s: {error}: {self._said()}") from None
                time.sleep(0.05)
        raise FailedPrecondition(f"the server ended at once: {self._said()}")

    def _said(self) -> str:
        return "; ".join(self._lines) or "it printed nothing"

    def stop(self, timeout: float = 30.0) -> None:
        """Lets it answer what it has begun, and waits for its end; after `timeout` seconds it is ended at once."""
        if _library.is_forked():
            return  # it is the server of the parent
        with self._changing:
            process, self._process, self.url = self._process, None, ""
            if process is not None:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            if self._remove_file is not None:
                self._remove_file()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Server of {self.project.file.name} on {self.url}>" if self.url else f"<Server of {self.project.file.name}, stopped>"
