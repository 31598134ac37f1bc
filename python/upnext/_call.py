"""A call of the library: started in a thread of it, watched from here, stopped by ^C."""
from __future__ import annotations

import ctypes
import json
import weakref
from typing import Any, Dict, Mapping, Optional, Set

from . import _library
from ._arrow import Table
from ._progress import Reporter, Show, reporter
from .errors import Error, InvalidArgument

_POLL_MS = 100  # a signal waits for so long


class Handle:
    """A project that the library has open; closed with the last object that uses it."""

    def __init__(self, file: str, toml: Optional[str], data: Optional[str], directory: Optional[str]) -> None:
        _library.check_process()
        pointer = ctypes.c_void_p()
        _library.check(_library.library.upnext_project_open(
            *(_library.text(value) for value in (file, toml, data, directory)), ctypes.byref(pointer)))
        self.pointer = pointer.value or 0
        self.running: Set[int] = set()  # calls that are waited for
        weakref.finalize(self, _close, self.pointer, self.running)

    def release(self) -> None:
        _library.check_process()
        _library.check(_library.library.upnext_project_release(self.pointer))

    def add_table(self, name: str, stream: int) -> None:
        _library.check_process()
        _library.check(_library.library.upnext_project_add_table(self.pointer, _library.text(name), stream))

    def remove_table(self, name: str) -> None:
        """Takes back a table that waits for the next import; nothing if none of this name does."""
        _library.check_process()
        _library.check(_library.library.upnext_project_add_table(self.pointer, _library.text(name), None))


def _json(request: Mapping[str, Any]) -> str:
    def of_numpy(value: Any) -> Any:
        if hasattr(value, "tolist"):  # a number or an array of numpy
            return value.tolist()
        raise TypeError(f"expected texts, numbers and lists of them, found {value!r}")
    try:
        return json.dumps(request, ensure_ascii=False, allow_nan=False, default=of_numpy)
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"the request cannot be written: {error}") from error


class Answer:
    """What a call that ended well gave: `result`, and tables."""

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer
        weakref.finalize(self, _free, pointer).atexit = False  # views may be read until the very end
        size = ctypes.c_size_t()
        address = _library.library.upnext_call_result(pointer, ctypes.byref(size))
        self.result: Any = json.loads(ctypes.string_at(address, size.value)) if address else None

    def table(self, name: str) -> Table:
        """The table of this name."""
        def write(schema: int, array: int) -> None:
            _library.check(_library.library.upnext_call_table(self._pointer, _library.text(name), schema, array))
        return Table(write)


# In a forked process the threads of the library are missing, and waiting for them would never end.
def _free(call: int) -> None:
    if not _library.is_forked():
        _library.library.upnext_call_free(call)


def _close(project: int, running: Set[int]) -> None:
    if not _library.is_forked():
        for call in list(running):  # of threads that the interpreter ends without a word
            _library.library.upnext_call_stop(call)
        _library.library.upnext_project_free(project)


def run(project: Optional[Handle], operation: str, request: Mapping[str, Any], progress: Show = False) -> Answer:
    """Calls an operation with the keys of `request` that are not None, and waits for its end.

    The interpreter runs other threads meanwhile. An exception in this one, such as KeyboardInterrupt, stops the call, and is
    raised when the call has ended.
    """
    _library.check_process()
    given = {key: value for key, value in request.items() if value is not None}
    pointer, shown = ctypes.c_void_p(), reporter(progress)  # which may fail, so it comes before what must be freed
    _library.check(_library.library.upnext_call_start(
        project.pointer if project else None, _library.text(operation), _library.text(_json(given)),
        ctypes.byref(pointer)))
    call = pointer.value or 0
    running = project.running if project else set()
    running.add(call)
    try:
        _wait(call, shown)
        error = _library.borrowed(_library.library.upnext_call_error(call))
        if error is not None:
            raise error
    except BaseException:
        running.discard(call)
        _free(call)
        raise
    finally:
        running.discard(call)
        shown.close()
    return Answer(call)


def _wait(pointer: int, shown: Reporter) -> None:
    library, ended = _library.library, False
    try:
        while not ended:
            ended = library.upnext_call_wait(pointer, _POLL_MS) == 1
            _report(pointer, shown)
    except BaseException as reason:
        library.upnext_call_stop(pointer)
        while not ended:
            try:
                ended = library.upnext_call_wait(pointer, _POLL_MS) == 1
            except KeyboardInterrupt:
                continue  # it is stopping already
        raise reason


def _report(pointer: int, shown: Reporter) -> None:
    news: Dict[str, Any] = json.loads(_library.library.upnext_call_news(pointer) or b"{}")
    for line in news.get("notes", ()):
        shown.note(line)
    for stage in news.get("stages", ()):
        shown.stage(stage)


__all__ = ["Answer", "Error", "Handle", "run"]
