"""Columns of Python or numpy as an Arrow stream: what is done for data that cannot do it itself.

Numbers and times of numpy are not copied. Texts are numbered first, so that each is encoded once. The values of a column are of one
kind: nothing is converted from one kind to another. Whole numbers stay exact, also where some are missing; next to a number that is not
of a whole type, and those of `decimal`, they are float64.
"""
from __future__ import annotations

import ctypes
import datetime
import decimal
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from ._arrow import ArrowArray, ArrowSchema, stream_of_made
from .errors import InvalidArgument

_FORMATS = {"i1": b"c", "u1": b"C", "i2": b"s", "u2": b"S", "i4": b"i", "u4": b"I", "i8": b"l", "u8": b"L", "f4": b"f", "f8": b"g"}
_LISTS = (list, tuple, np.ndarray)
_NUMBERS = (int, float, np.number, decimal.Decimal)
_POINTS = (datetime.date, np.datetime64)  # of time; a datetime is a date too
_TIMES = {"s": b"tss:", "ms": b"tsm:", "us": b"tsu:", "ns": b"tsn:"}
_NULLABLE = 2
_Rows = Optional[np.ndarray]  # for each value the row that it is in, from 0; None: its own place


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
    if isinstance(value, (str, list, tuple, np.ndarray)):
        return False
    try:
        return bool(_is_missing(value))
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def _wrong(name: str, expected: str, value: Any, place: int, rows: _Rows) -> InvalidArgument:
    row = place if rows is None else int(rows[place])
    return InvalidArgument(f'column "{name}": expected {expected}, found {value!r} in row {row + 1}')


def _check(name: str, expected: str, values: Any, kinds: Tuple[type, ...], rows: _Rows, but: Tuple[type, ...] = ()) -> None:
    """All values that are there are of one of these kinds, and not of those in `but`."""
    for place, value in enumerate(values):
        if (not isinstance(value, kinds) or isinstance(value, but)) and not _missing(value):
            raise _wrong(name, expected, value, place, rows)


def _words(name: str, words: List[str]) -> _Made:
    encoded = [word.encode("utf-8") for word in words]
    ends = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in encoded], out=ends[1:])
    return _Made(name, b"U", len(words), [None, ends, np.frombuffer(b"".join(encoded) or b"\0", np.uint8)])


def _texts(name: str, values: Any, rows: _Rows) -> _Made:
    _check(name, "a text in every row", values, (str,), rows)
    numbers: Dict[str, int] = {}
    codes = np.fromiter((numbers.setdefault(str(value), len(numbers)) if isinstance(value, str) else -1 for value in values),
                        np.int32, len(values))
    bits, nulls = _bits(codes >= 0)
    try:
        words = _words("", list(numbers))
    except UnicodeEncodeError as error:  # half of a surrogate pair, which is no character
        place = int(np.argmax(codes == numbers[error.object]))
        raise _wrong(name, "texts that are Unicode", error.object, place, rows) from error
    return _Made(name, b"i", len(codes), [bits, np.maximum(codes, 0)], nulls, dictionary=words)


def _booleans(name: str, values: Any, rows: _Rows) -> _Made:
    _check(name, "true or false in every row", values, (bool, np.bool_), rows)
    valid = np.array([isinstance(value, (bool, np.bool_)) for value in values], bool)
    bits, nulls = _bits(valid)
    truths = np.array([is_there and bool(value) for value, is_there in zip(values, valid)], bool)
    return _Made(name, b"b", len(truths), [bits, np.packbits(truths, bitorder="little")], nulls)


def _lists(name: str, values: Any, rows: _Rows) -> _Made:
    _check(name, "a list in every row", values, _LISTS, rows)
    present = [isinstance(value, _LISTS) for value in values]
    lists = [list(value) if is_there else [] for value, is_there in zip(values, present)]
    lengths = [len(one) for one in lists]
    ends = np.zeros(len(lists) + 1, np.int32)
    np.cumsum(lengths, out=ends[1:])
    bits, nulls = _bits(np.array(present, bool))
    below_rows = np.repeat(np.arange(len(lists)) if rows is None else rows, lengths)
    below = _column(name, [value for one in lists for value in one], below_rows)  # mistakes name the column
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


def _whole_numbers(name: str, values: Any, valid: np.ndarray) -> _Made:
    numbers = [int(value) if is_there else 0 for value, is_there in zip(values, valid)]
    low, high = min(number for number, is_there in zip(numbers, valid) if is_there), max(numbers)
    kind = next((kind for kind in (np.int64, np.uint64) if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max), None)
    if kind is None:
        raise InvalidArgument(f'column "{name}": expected whole numbers that have one type of 64 bits, found some from {low} to {high}')
    array = np.array(numbers, kind)
    bits, nulls = _bits(valid)
    return _Made(name, _FORMATS[array.dtype.str[1:]], len(array), [bits, array], nulls)


def _column(name: str, values: Any, rows: _Rows = None) -> _Made:
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()  # what is masked is None
    elif isinstance(values, np.ndarray) and values.ndim != 1:
        raise InvalidArgument(f'column "{name}": expected an array of one dimension, found one of {values.ndim}')
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufbM":
        return _array(name, values)
    place, first = next(((place, value) for place, value in enumerate(values) if not _missing(value)), (0, None))
    if first is None or isinstance(first, str):
        return _texts(name, values, rows)
    if isinstance(first, _LISTS):
        return _lists(name, values, rows)
    if isinstance(first, (bool, np.bool_)):
        return _booleans(name, values, rows)
    if isinstance(first, _NUMBERS) and not isinstance(first, np.timedelta64):
        _check(name, "a number in every row", values, _NUMBERS, rows, but=(bool, np.timedelta64))
        valid = np.array([not _missing(value) for value in values], bool)
        if all(isinstance(value, (int, np.integer)) for value, is_there in zip(values, valid) if is_there):
            return _whole_numbers(name, values, valid)
        missing, kind = np.nan, "float64"
    elif isinstance(first, _POINTS):
        _check(name, "a time in every row", values, _POINTS, rows)
        missing, kind = None, "datetime64[us]"
    else:
        raise _wrong(name, "numbers, times, texts or lists of them", first, place, rows)
    try:
        array = np.array([missing if _missing(value) else value for value in values], kind)
    except (OverflowError, TypeError, ValueError) as error:
        raise InvalidArgument(f'column "{name}": expected numbers, times, texts or lists of them, found {first!r} and values that '
                              f"do not go with it: {error}") from error
    return _array(name, array)


def _check_name(name: str) -> None:
    try:
        is_text = b"\0" not in name.encode()
    except UnicodeEncodeError:
        is_text = False
    if not is_text:
        raise InvalidArgument(f"expected names of columns that are Unicode, without the character NUL, found {name!r}")


def stream_of_columns(columns: Mapping[str, Any]) -> Any:
    """A capsule of an Arrow stream of columns that have the same length."""
    for name in columns:
        _check_name(str(name))
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidArgument("expected columns of the same length, found "
                              + ", ".join(f"{name}: {length}" for name, length in lengths.items()))
    parts = tuple(_column(str(name), values) for name, values in columns.items())
    whole = _Made("", b"+s", next(iter(lengths.values()), 0), [None], children=parts)
    whole.schema.flags = 0
    return stream_of_made(whole.schema, whole.array, whole)
