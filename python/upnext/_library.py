"""libupnext.so by ctypes: its functions, what they return, and errors as exceptions.

The library and the program are in the wheel, in `lib` and `bin` next to this file. The environment variable UPNEXT_BUILD names
a build folder that has both instead, for work on upnext itself.
"""
from __future__ import annotations

import ctypes
import os
import pathlib
import platform
import sys
from typing import Optional

from .errors import BY_NUMBER, Error, FailedPrecondition, Internal, InvalidArgument

ABI = 1  # UPNEXT_ABI of the header that these signatures are of

_HERE = pathlib.Path(__file__).resolve().parent
_owner = os.getpid()  # the process that loaded the library


def _place(installed: str, built: str) -> pathlib.Path:
    build = os.environ.get("UPNEXT_BUILD")
    return pathlib.Path(build).resolve() / built if build else _HERE / installed


def program() -> str:
    """The path of the command line program of this package."""
    path = _place("bin/upnext", "upnext")
    if not path.is_file():
        raise ImportError(f"upnext: expected the program at {path}, found none: install the package anew")
    return str(path)


def _check_machine() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise ImportError(f"upnext runs on Linux on x86-64, found {sys.platform} on {platform.machine()}")
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line.split() for line in file if line.startswith("flags")), None)
    except OSError:
        return
    missing = [name for name in ("avx2", "bmi2", "fma", "f16c") if flags is not None and name not in flags]
    if missing:  # the first of these instructions would end the process
        raise ImportError(f"upnext needs a processor of the level x86-64-v3 (2013 or later); this one lacks {', '.join(missing)}")


def _load() -> ctypes.CDLL:
    _check_machine()
    path = _place("lib/libupnext.so.1", "libupnext.so.1")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        advice = ("this system's C library is older than 2.35; the package runs on Debian 12, Ubuntu 22.04 and newer"
                  if "GLIBC" in str(error) else "install the package anew")
        raise ImportError(f"upnext: {path} cannot be loaded: {error}; {advice}") from error
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    out = ctypes.POINTER(ctypes.c_void_p)
    for name, result, arguments in (
            ("abi", number, ()),
            ("version", text, ()),
            ("error_code", number, (pointer,)),
            ("error_message", text, (pointer,)),
            ("error_free", None, (pointer,)),
            ("project_open", pointer, (text, text, text, text, out)),
            ("project_free", None, (pointer,)),
            ("project_release", pointer, (pointer,)),
            ("project_add_table", pointer, (pointer, text, pointer)),
            ("call_start", pointer, (pointer, text, text, out)),
            ("call_wait", number, (pointer, number)),
            ("call_news", text, (pointer,)),
            ("call_stop", None, (pointer,)),
            ("call_error", pointer, (pointer,)),
            ("call_result", pointer, (pointer, ctypes.POINTER(ctypes.c_size_t))),
            ("call_table", pointer, (pointer, text, pointer, pointer)),
            ("call_free", None, (pointer,)),
            ("arrow_lend", pointer, (pointer, pointer)),
            ("arrow_stream", pointer, (pointer, pointer, pointer)),
            ("operations", text, ())):
        function = getattr(library, f"upnext_{name}", None)
        if function is None:
            raise ImportError(f"upnext: {path} has no upnext_{name}: library and package are of different versions")
        function.restype, function.argtypes = result, arguments
    found = library.upnext_abi()
    if found != ABI:
        raise ImportError(f"upnext: expected a library with the interface {ABI}, {path} has {found}: library and package are "
                          "of different versions")
    return library


library = _load()


def is_forked() -> bool:
    """Whether this process was forked from the one that loaded the library, whose threads it does not have."""
    return os.getpid() != _owner


def check_process() -> None:
    if is_forked():
        raise FailedPrecondition(
            f"upnext was loaded before this process was forked from {_owner}, and its threads are not in this one; start workers "
            'with the spawn method: multiprocessing.get_context("spawn"), or import upnext in the worker alone')


def _exception(error: int) -> Error:
    message = (library.upnext_error_message(error) or b"").decode("utf-8", "replace")
    return BY_NUMBER.get(library.upnext_error_code(error), Internal)(message)


def check(error: Optional[int]) -> None:
    """Raises the exception of an error that the caller owns."""
    if error:
        exception = _exception(error)
        library.upnext_error_free(error)
        raise exception


def borrowed(error: Optional[int]) -> Optional[Error]:
    """The exception of an error that something else owns."""
    return _exception(error) if error else None


def text(value: Optional[str]) -> Optional[bytes]:
    if value is not None and "\0" in str(value):
        raise InvalidArgument(f"expected a text without the character NUL, found {value!r}")
    try:
        return None if value is None else str(value).encode("utf-8")
    except UnicodeEncodeError as error:  # half of a surrogate pair, which is no character
        raise InvalidArgument(f"expected a text that is Unicode, found {error.object[max(0, error.start - 20):error.end]!r}") from error
