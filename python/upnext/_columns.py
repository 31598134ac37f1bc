"""Columns of Python or numpy as an Arrow stream: what is done for data that cannot do it itself.

Numbers and times of numpy are not copied. Texts are numbered first, so that each is encoded once.
"""
from __future__ import annotations

import ctypes
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from ._arrow import ArrowArray, ArrowSchema, made, stream_of
from .errors import InvalidArgument

_FORMATS = {"i1": b"c", "u1": b"C", "i2": b"s", "u2": b"S", "i4": b"i", "u4": b"I", "i8": b"l", "u8": b"L", "f4": b"f", "f8": b"g"}
_TIMES = {"s": b"tss:", "ms": b"tsm:", "us": b"tsu:", "ns": b"tsn:"}
_NULLABLE = 2


class _Made:
    """A column as the two structures, with what they point to."""

    def __init__(self, name: str, form: bytes, length: int, buffers: List[Optional[np.ndarray]], nulls: int = 0,
                 children: Tuple[_Made, ...] = (), dictionary: Optional[_Made] = None) -> None:
        self.schema, self.array = ArrowSchema(), ArrowArray()
        self.keep: List[Any] = [buffers, children, dictionary]
        self.schema.format, self.schema.name, self.schema.flags = form, name.encode(), _NULLABLE
        pointers = (ctypes.c_void_p * len(buffers))(*[None if b is None else b.ctypes.data for b in buffers])
        self.array.length, self.array.null_count, self.array.n_buffers = length, nulls, len(buffers)
        self.array.buffers = ctypes.cast(pointers, ctypes.POINTER(ctypes.c_void_p))
        self.keep.append(pointers)
        for struct, name_of in ((self.schema, "schema"), (self.array, "array")):
            kind = type(struct)
            below = (ctypes.POINTER(kind) * max(1, len(children)))(*[ctypes.pointer(getattr(c, name_of)) for c in children])
            struct.n_children, struct.children = len(children), ctypes.cast(below, ctypes.POINTER(ctypes.POINTER(kind)))
            if dictionary is not None:
                struct.dictionary = ctypes.pointer(getattr(dictionary, name_of))
            self.keep.append(below)


def _bits(valid: np.ndarray) -> Tuple[Optional[np.ndarray], int]:
    """The validity bitmap, None if all are valid, and the number of missing ones."""
    nulls = int(len(valid) - np.count_nonzero(valid))
    return (np.packbits(valid, bitorder="little"), nulls) if nulls else (None, 0)


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # also NaN, NaT and pandas.NA, whose comparison is no truth


def _missing(value: Any) -> bool:
    try:
        return bool(_is_missing(value))
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _words(name: str, words: List[str]) -> _Made:
    encoded = [word.encode("utf-8") for word in words]
    ends = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in encoded], out=ends[1:])
    return _Made(name, b"U", len(words), [None, ends, np.frombuffer(b"".join(encoded) or b"\0", np.uint8)])


def _texts(name: str, values: Any) -> _Made:
    numbers: Dict[str, int] = {}
    codes = np.fromiter((-1 if not isinstance(value, str) and _missing(value) else numbers.setdefault(str(value), len(numbers))
                         for value in values), np.int32, len(values))
    bits, nulls = _bits(codes >= 0)
    try:
        words = _words("", list(numbers))
    except UnicodeEncodeError as error:  # half of a surrogate pair, which is no character
        raise InvalidArgument(f'column "{name}": expected texts that are Unicode, found {error.object!r}') from error
    return _Made(name, b"i", len(codes), [bits, np.maximum(codes, 0)], nulls, dictionary=words)


def _booleans(name: str, values: Any) -> _Made:
    valid = np.array([not _missing(value) for value in values], bool)
    other = next((value for value, is_there in zip(values, valid) if is_there and not isinstance(value, (bool, np.bool_))), None)
    if other is not None:
        raise InvalidArgument(f'column "{name}": expected true or false in every row, found {other!r}')
    bits, nulls = _bits(valid)
    truths = np.array([is_there and bool(value) for value, is_there in zip(values, valid)], bool)
    return _Made(name, b"b", len(truths), [bits, np.packbits(truths, bitorder="little")], nulls)


def _lists(name: str, values: Any) -> _Made:
    present = [not _missing(value) if not isinstance(value, (list, tuple, np.ndarray)) else True for value in values]
    lists = [list(value) if is_there else [] for value, is_there in zip(values, present)]
    ends = np.zeros(len(lists) + 1, np.int32)
    np.cumsum([len(one) for one in lists], out=ends[1:])
    bits, nulls = _bits(np.array(present, bool))
    below = _column(name, [value for one in lists for value in one])  # mistakes name the column
    below.schema.name = b"item"
    return _Made(name, b"+l", len(lists), [bits, ends], nulls, (below,))


def _array(name: str, values: np.ndarray) -> _Made:
    values = np.ascontiguousarray(values)
    if values.dtype.kind == "M":
        unit = np.datetime_data(values.dtype)[0]
        unit = unit if unit in _TIMES else "s"
        values = values.astype(f"datetime64[{unit}]", copy=False)  # steps of one unit, in the order of bytes of this machine
        bits, nulls = _bits(~np.isnat(values))
        return _Made(name, _TIMES[unit], len(values), [bits, values], nulls)
    if values.dtype.kind == "b":
        return _Made(name, b"b", len(values), [None, np.packbits(values, bitorder="little")])
    form = _FORMATS.get(values.dtype.newbyteorder("=").str[1:])
    if form is None or not values.dtype.isnative:
        raise InvalidArgument(f'column "{name}": expected numbers, times, texts or lists of them, found {values.dtype}')
    bits, nulls = _bits(~np.isnan(values)) if values.dtype.kind == "f" else (None, 0)
    return _Made(name, form, len(values), [bits, values], nulls)


def _column(name: str, values: Any) -> _Made:
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()  # what is masked is None
    elif isinstance(values, np.ndarray) and values.ndim != 1:
        raise InvalidArgument(f'column "{name}": expected an array of one dimension, found one of {values.ndim}')
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufbM":
        return _array(name, values)
    first = next((value for value in values if isinstance(value, (list, tuple, np.ndarray, str)) or not _missing(value)), None)
    if isinstance(first, (list, tuple, np.ndarray)):
        return _lists(name, values)
    if first is None or isinstance(first, str):
        return _texts(name, values)
    if isinstance(first, (bool, np.bool_)):
        return _booleans(name, values)
    try:
        if isinstance(first, (int, float, np.number)):
            whole = all(isinstance(value, (int, np.integer)) for value in values)
            array = np.array([np.nan if _missing(value) else value for value in values], None if whole else np.float64)
        else:
            array = np.array([None if _missing(value) else value for value in values], "datetime64[us]")
    except (OverflowError, TypeError, ValueError) as error:
        raise InvalidArgument(f'column "{name}": expected numbers, times, texts or lists of them, found {first!r} and values that '
                              f"do not go with it: {error}") from error
    return _array(name, array)


def stream_of_columns(columns: Mapping[str, Any]) -> Any:
    """A capsule of an Arrow stream of columns that have the same length."""
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidArgument("expected columns of the same length, found "
                              + ", ".join(f"{name}: {length}" for name, length in lengths.items()))
    parts = tuple(_column(str(name), values) for name, values in columns.items())
    whole = _Made("", b"+s", next(iter(lengths.values()), 0), [None], children=parts)
    whole.schema.flags = 0
    return stream_of(made(whole.schema, whole.array, whole))
