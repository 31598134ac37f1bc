"""Tables by the Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html), without pyarrow.

`Table` holds a table of the library; its columns are views of the library's memory that keep the table alive. `capsules` and
`stream_of` hand it to pyarrow, Polars, pandas or DuckDB, `stream_of_made` what was made here: the callbacks are those of the library.
`stream_pointer` takes what one of the others gives.
"""
from __future__ import annotations

import ctypes
import itertools
import sys
import weakref
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

from . import _library
from .errors import Internal


class ArrowSchema(ctypes.Structure):
    pass


class ArrowArray(ctypes.Structure):
    pass


class ArrowArrayStream(ctypes.Structure):
    pass


_Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

# A pointer to a function is kept as an address, so that it can be compared with NULL.
ArrowSchema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_void_p), ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64), ("children", ctypes.POINTER(ctypes.POINTER(ArrowSchema))),
    ("dictionary", ctypes.POINTER(ArrowSchema)), ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p)]
ArrowArray._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64), ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64), ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(ArrowArray))), ("dictionary", ctypes.POINTER(ArrowArray)),
    ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p)]
ArrowArrayStream._fields_ = [
    ("get_schema", ctypes.c_void_p), ("get_next", ctypes.c_void_p), ("get_last_error", ctypes.c_void_p),
    ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p)]

_NUMBERS = {b"c": "i1", b"C": "u1", b"s": "i2", b"S": "u2", b"i": "i4", b"I": "u4", b"l": "i8", b"L": "u8", b"f": "f4", b"g": "f8"}


def call_release(struct: Any, callback: Any = _Release, address_of: Any = ctypes.addressof) -> None:
    """Calls the release callback of a structure, unless it was called or the structure was moved away."""
    if struct.release:
        callback(struct.release)(address_of(struct))


class _Memory:
    """Memory of the library as numpy sees it: the array that is made of it keeps `owner`."""

    def __init__(self, owner: Any, address: int, shape: Tuple[int, ...], kind: str) -> None:
        self._owner = owner
        self.__array_interface__ = {"version": 3, "data": (address, True), "shape": shape, "typestr": f"<{kind}"}


class Table:
    """A record batch; released when neither it nor a view of it is used any more.

    `write(schema address, array address)` fills two structures with a reference of their own to it.
    """

    def __init__(self, write: Callable[[int, int], None]) -> None:
        self.write, self.schema, self.array = write, ArrowSchema(), ArrowArray()
        write(ctypes.addressof(self.schema), ctypes.addressof(self.array))
        weakref.finalize(self, _release_both, self.schema, self.array).atexit = False  # views may be read until the very end

    def __len__(self) -> int:
        return int(self.array.length)

    @property
    def names(self) -> List[str]:
        return [self.schema.children[i].contents.name.decode() for i in range(self.schema.n_children)]

    def column(self, name: str) -> Column:
        i = self.names.index(name)
        return Column(self, self.schema.children[i].contents, self.array.children[i].contents)


def _release_both(*structs: Any) -> None:
    for struct in structs:
        call_release(struct)


class Column:
    """One column of a table, or its dictionary."""

    def __init__(self, table: Table, schema: ArrowSchema, array: ArrowArray) -> None:
        self._table, self._schema, self._array = table, schema, array

    def _view(self, buffer: int, shape: Tuple[int, ...], kind: str, offset: int = 0) -> np.ndarray:
        address = self._array.buffers[buffer]
        if not address or 0 in shape:
            return np.empty(shape, kind)
        return np.asarray(_Memory(self._table, address + offset * np.dtype(kind).itemsize, shape, kind))

    def numbers(self) -> np.ndarray:
        """Numbers, or the indices into the dictionary, as a view that cannot be written."""
        kind = _NUMBERS.get(self._schema.format)
        if kind is None or self._array.null_count > 0:
            raise Internal(f"expected numbers without missing ones, found the format {self._schema.format!r}")
        return self._view(1, (self._array.length,), kind, self._array.offset)

    def vectors(self) -> np.ndarray:
        """Lists of one length as a matrix, as a view that cannot be written."""
        if not self._schema.format.startswith(b"+w:"):
            raise Internal(f"expected vectors, found the format {self._schema.format!r}")
        dim = int(self._schema.format[3:])
        child = Column(self._table, self._schema.children[0].contents, self._array.children[0].contents)
        kind = _NUMBERS[child._schema.format]
        return child._view(1, (self._array.length, dim), kind, child._array.offset + self._array.offset * dim)

    def dictionary(self) -> Column:
        return Column(self._table, self._schema.dictionary.contents, self._array.dictionary.contents)

    def is_dictionary(self) -> bool:
        return bool(self._schema.dictionary)

    def texts(self) -> List[str]:
        """Texts, copied."""
        if self.is_dictionary():
            words = self.dictionary().texts()
            return [words[i] for i in self.numbers()]
        if self._schema.format not in (b"u", b"U"):
            raise Internal(f"expected text, found the format {self._schema.format!r}")
        ends = self._view(1, (self._array.length + 1,), "i4" if self._schema.format == b"u" else "i8", self._array.offset)
        if len(self._table) == 0 or self._array.length == 0:
            return []
        data = ctypes.string_at(self._array.buffers[2], int(ends[-1])) if ends[-1] else b""
        places = ends.tolist()
        return [data[begin:end].decode("utf-8", "replace") for begin, end in zip(places, places[1:])]


_New = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi))
_Pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
_NAMES = {ArrowSchema: b"arrow_schema", ArrowArray: b"arrow_array", ArrowArrayStream: b"arrow_array_stream"}

# Others free what they got at moments at which no code of Python can run: while an exception is under way, or when the interpreter
# has ended. So callbacks are functions of the library, and what they leave is freed here, when the next table is given away.
_capsuled: Dict[int, Tuple[Any, Any]] = {}  # capsules, each with the structure that it points to
_lent: Dict[int, Tuple[ctypes.c_int64, Any]] = {}  # how many structures of ours are not released yet, with what they point to
_numbers = itertools.count(1)
for _used in (_capsuled, _lent):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_used))  # until the very end, as others use it


def _references(held: Tuple[Any, ...]) -> int:
    return sys.getrefcount(held[0])


_ALONE = _references((object(),))  # of what nothing else refers to


def free_unused() -> None:
    """Frees what others have no use for any more."""
    for number, capsuled in list(_capsuled.items()):
        if _references(capsuled) <= _ALONE and _capsuled.pop(number, None) is not None:
            call_release(capsuled[1])  # unless somebody took it
    for number, (in_use, _) in list(_lent.items()):
        if in_use.value == 0:
            _lent.pop(number, None)


def _capsule(struct: Any) -> Any:
    capsule = _New(ctypes.addressof(struct), _NAMES[type(struct)], None)
    _capsuled[next(_numbers)] = (capsule, struct)
    return capsule


def _stream(schema: ArrowSchema, array: ArrowArray) -> Any:
    struct = ArrowArrayStream()
    _library.check(_library.library.upnext_arrow_stream(*map(ctypes.addressof, (schema, array, struct))))
    return _capsule(struct)


def capsules(table: Table) -> Tuple[Any, Any]:
    """What `__arrow_c_array__` returns."""
    free_unused()
    schema, array = ArrowSchema(), ArrowArray()
    table.write(ctypes.addressof(schema), ctypes.addressof(array))
    return _capsule(schema), _capsule(array)


def stream_of(table: Table) -> Any:
    """What `__arrow_c_stream__` returns: a capsule."""
    free_unused()
    schema, array = ArrowSchema(), ArrowArray()
    table.write(ctypes.addressof(schema), ctypes.addressof(array))
    try:
        return _stream(schema, array)
    finally:
        call_release(schema)


def stream_pointer(capsule: Any) -> int:
    """The address of the stream in a capsule, which must be kept until the stream has been taken over."""
    return int(_Pointer(capsule, b"arrow_array_stream"))


def stream_of_made(schema: ArrowSchema, array: ArrowArray, keep: Any) -> Any:
    """A capsule of a stream of structures that were made here, without callbacks; `keep` is kept as long as others use them."""
    free_unused()
    in_use = ctypes.c_int64()
    _library.check(_library.library.upnext_arrow_lend(ctypes.addressof(array), ctypes.addressof(in_use)))
    _lent[next(_numbers)] = (in_use, keep)
    return _stream(schema, array)
