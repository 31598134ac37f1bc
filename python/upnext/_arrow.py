"""Tables by the Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html), without pyarrow.

`Table` holds a table of the library; its columns are views of the library's memory that keep the table alive. `capsules` and
`stream_of` hand it to pyarrow, Polars, pandas or DuckDB: the structures that they get are the library's too, so that they can be
released when the interpreter has ended. `stream_pointer` takes what one of the others gives.
"""
from __future__ import annotations

import ctypes
import errno
import itertools
import weakref
from typing import Any, Callable, Dict, List, Tuple

import numpy as np

from .errors import Internal


class ArrowSchema(ctypes.Structure):
    pass


class ArrowArray(ctypes.Structure):
    pass


class ArrowArrayStream(ctypes.Structure):
    pass


_Release = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_GetInto = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_LastError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)

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


# What was given away and is not released yet, by the number that is its private_data.
_given: Dict[int, Any] = {}
_numbers = itertools.count(1)


def _give(keep: Any) -> int:
    number = next(_numbers)
    _given[number] = keep
    return number


def _forever(callback: Any) -> Any:
    """Others may call it until the process ends."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(callback))
    return callback


def _releaser(kind: Any, given: Dict[int, Any] = _given, release_of: Any = call_release) -> Any:
    def release(address: int) -> None:
        struct = kind.from_address(address)
        for i in range(struct.n_children):
            release_of(struct.children[i].contents)
        if struct.dictionary:
            release_of(struct.dictionary.contents)
        number, struct.release = struct.private_data, None
        given.pop(number, None)
    return _forever(_Release(release))


_release_schema, _release_array = _releaser(ArrowSchema), _releaser(ArrowArray)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _twin(source: Any, target: Any, owner: Any, release: Any) -> None:
    """Makes `target` the same as `source`, with children and a release callback of its own; it keeps `owner`."""
    kind = type(source)
    ctypes.memmove(ctypes.addressof(target), ctypes.addressof(source), ctypes.sizeof(kind))
    children = [kind() for _ in range(source.n_children)]
    for i, child in enumerate(children):
        _twin(source.children[i].contents, child, owner, release)
    pointers = (ctypes.POINTER(kind) * max(1, len(children)))(*[ctypes.pointer(child) for child in children])
    target.children = ctypes.cast(pointers, ctypes.POINTER(ctypes.POINTER(kind)))
    dictionary = None
    if source.dictionary:
        dictionary = kind()
        _twin(source.dictionary.contents, dictionary, owner, release)
        target.dictionary = ctypes.pointer(dictionary)
    target.release = _address(release)
    target.private_data = _give((owner, children, pointers, dictionary))


_New = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi))
_Pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
_PointerOf = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
_capsuled: Dict[int, Any] = {}  # structures that a capsule points to, by address


def _destroyer(name: bytes, capsuled: Dict[int, Any] = _capsuled, pointer_of: Any = _PointerOf, release: Any = call_release) -> Any:
    def destroy(capsule: int) -> None:
        struct = capsuled.pop(pointer_of(capsule, name), None)
        if struct is not None:
            release(struct)  # nobody took it
    return _forever(ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(destroy))


_NAMES = {ArrowSchema: b"arrow_schema", ArrowArray: b"arrow_array", ArrowArrayStream: b"arrow_array_stream"}
_destroyers = {kind: _destroyer(name) for kind, name in _NAMES.items()}


def _capsule(struct: Any) -> Any:
    _capsuled[ctypes.addressof(struct)] = struct
    return _New(ctypes.addressof(struct), _NAMES[type(struct)], _address(_destroyers[type(struct)]))


def capsules(table: Table) -> Tuple[Any, Any]:
    """What `__arrow_c_array__` returns."""
    schema, array = ArrowSchema(), ArrowArray()
    table.write(ctypes.addressof(schema), ctypes.addressof(array))
    return _capsule(schema), _capsule(array)


class _Stream:
    """The callbacks of a stream that has a table as its only batch; they return 0, or the number of an error."""

    def __init__(self, table: Table) -> None:
        self._table, self._has_ended, self._error = table, False, ctypes.create_string_buffer(b"")
        self.functions: Tuple[Any, ...] = (_GetInto(self._schema), _GetInto(self._next), _LastError(lambda _: ctypes.addressof(self._error)))

    def _write(self, schema: int, array: int, unwanted: Any) -> int:
        try:
            self._table.write(schema, array)
        except Exception as error:  # none may pass through the caller, which is C
            self._error = ctypes.create_string_buffer(str(error).encode())
            return errno.EIO
        call_release(unwanted)
        return 0

    def _schema(self, _: int, out: int) -> int:
        array = ArrowArray()
        return self._write(out, ctypes.addressof(array), array)

    def _next(self, _: int, out: int) -> int:
        if self._has_ended:
            ArrowArray.from_address(out).release = None
            return 0
        self._has_ended, schema = True, ArrowSchema()
        return self._write(ctypes.addressof(schema), out, schema)


def _stream_releaser(given: Dict[int, Any] = _given, kind: Any = ArrowArrayStream) -> Any:
    def release(address: int) -> None:
        struct = kind.from_address(address)
        number, struct.release = struct.private_data, None
        stream = given.pop(number, None)
        if stream is not None:  # its functions have it, and would keep the data until the next collection of cycles
            stream.functions, stream._table = (), None
    return _forever(_Release(release))


_release_stream = _stream_releaser()


def stream_of(table: Table) -> Any:
    """What `__arrow_c_stream__` returns: a capsule."""
    stream, struct = _Stream(table), ArrowArrayStream()
    struct.get_schema, struct.get_next, struct.get_last_error = (_address(function) for function in stream.functions)
    struct.release, struct.private_data = _address(_release_stream), _give(stream)
    return _capsule(struct)


def stream_pointer(capsule: Any) -> int:
    """The address of the stream in a capsule, which must be kept until the stream has been taken over."""
    return int(_Pointer(capsule, b"arrow_array_stream"))


def made(schema: ArrowSchema, array: ArrowArray, keep: Any) -> Table:
    """Structures that were made here as a table that keeps `keep`; they have no callbacks of their own."""
    def write(to_schema: int, to_array: int) -> None:
        _twin(schema, ArrowSchema.from_address(to_schema), keep, _release_schema)
        _twin(array, ArrowArray.from_address(to_array), keep, _release_array)
    return Table(write)
