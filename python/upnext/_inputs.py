"""What import_events is given, as a SELECT and, for tables in memory, as Arrow streams."""
from __future__ import annotations

import glob
import os
import re
import sys
from typing import Any, Dict, Mapping, Optional

from . import _columns
from .errors import InvalidArgument, NotFound

_SQL = re.compile(r"\s*(--[^\n]*\n\s*|/\*.*?\*/\s*)*\(*\s*(select|with|from|pivot|values|table)[\s(*\"']", re.IGNORECASE | re.DOTALL)
_READERS = {"parquet": "read_parquet", "csv": "read_csv", "tsv": "read_csv", "json": "read_json", "jsonl": "read_json",
            "ndjson": "read_json"}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _select_of_path(path: str) -> str:
    whole = os.path.abspath(os.path.expanduser(path))
    ending = re.sub(r"\.(gz|zst)$", "", whole).rpartition(".")[2].lower()
    if ending not in _READERS:
        raise InvalidArgument(f"{path}: expected a file whose name ends with {', '.join('.' + e for e in _READERS)} (.gz, .zst), "
                              "or a SELECT that reads it")
    if os.path.exists(whole):  # also a name that looks like a pattern
        whole = glob.escape(whole)
    elif not glob.glob(whole):
        raise NotFound(f"{path}: no such file")
    if "{data}" in whole:
        raise InvalidArgument(f"{path}: expected a path without {{data}}, which stands for the data folder; a SELECT may have it")
    return f"SELECT * FROM {_READERS[ending]}({_quoted(whole)})"


def _stream_of_pandas(frame: Any) -> Any:
    if not frame.columns.is_unique:
        raise InvalidArgument("expected columns of different names, found twice: "
                              + ", ".join(repr(name) for name in frame.columns[frame.columns.duplicated()]))

    def converted() -> Any:
        return _columns.stream_of_columns({name: _values_of(frame[name]) for name in frame.columns})

    try:
        import pyarrow
    except ImportError:
        return converted()
    try:
        return pyarrow.Table.from_pandas(frame, preserve_index=False).__arrow_c_stream__()
    except (pyarrow.ArrowException, ValueError, TypeError) as error:
        converted()  # its mistakes say column and row
        raise InvalidArgument(f"the data frame of pandas cannot be read: {error}") from error


def stream_of(table: Any) -> Any:
    """A capsule of an Arrow stream of a table in memory."""
    if hasattr(table, "collect") and not hasattr(table, "__arrow_c_stream__"):
        table = table.collect()  # a LazyFrame
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(table, pandas.DataFrame):
        return _stream_of_pandas(table)
    if hasattr(table, "__arrow_c_stream__"):
        return table.__arrow_c_stream__()
    if isinstance(table, Mapping):
        return _columns.stream_of_columns(table)
    raise InvalidArgument("expected a data frame of pandas or Polars, a table of Arrow, a dict of columns, a path or a SELECT, "
                          f"found {type(table).__name__}")


def _values_of(series: Any) -> Any:
    """A column of pandas as numpy has it, without a copy where it is one; times lose their zone, being UTC by then."""
    if getattr(series.dt, "tz", None) is not None if hasattr(series, "dt") else False:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    values = series.to_numpy()
    return values if values.dtype.kind in "iufbM" else values.tolist()


class Inputs:
    """SELECTs for the request, and streams by the name that the SELECTs have for them."""

    def __init__(self) -> None:
        self.selects: Dict[str, Optional[str]] = {}
        self.streams: Dict[str, Any] = {}

    def add_tables(self, tables: Mapping[str, Any]) -> None:
        for name, table in tables.items():
            if name in self.streams:
                raise InvalidArgument(f"tables: expected a name other than {name}, which is that of the argument")
            self.streams[name] = stream_of(table)

    def add(self, name: str, given: Any) -> None:
        """`given` is what the caller has for events, items or users."""
        if given is None:
            return
        if isinstance(given, os.PathLike):
            self.selects[name] = _select_of_path(os.fspath(given))
        elif isinstance(given, str):
            self.selects[name] = given if _SQL.match(given) else _select_of_path(given)
        else:
            self.streams[name] = stream_of(given)
            self.selects[name] = f'SELECT * FROM "{name}"'
