"""Training examples as batches of numpy arrays, read from the Parquet file that `Project.export_examples` writes.

Reading needs pyarrow (`pip install upnext[examples]`).
"""
from __future__ import annotations

import json
import os
from typing import Any, Dict, Iterator, List, Optional, Sequence, Union

import numpy as np

from .errors import InvalidArgument

_NAMES = ("part", "user", "item", "time")  # of the rows, and no inputs


class Batches:
    """Batches of the examples of a file, each a dict of arrays by the names of the columns.

    - A number is float32 `[batch]`, NaN where it is missing or a label is not observed.
    - An id is int64 `[batch]`: a row of its vocabulary, 0 for none.
    - A list of ids is int64 `[ids of all rows]`, and `NAME.offsets`, int64 `[batch]`, says where each row begins, as
      `torch.nn.EmbeddingBag` takes them; `NAME.weights` is float32 `[ids of all rows]`.
    - A vector is float32 `[batch, length]`.

    `part` is `"train"`, `"validation"`, `"test"` or None for all; `columns` names what is read, everything but names and times if
    not given. With `shuffle`, so many rows are read ahead and mixed; every pass over the batches mixes in another way, which follows
    from `seed`, and for the workers of a `DataLoader` from the seed of PyTorch too. `sizes` has the numbers of rows of tables of embeddings.

    >>> _ = project.export_examples("examples.parquet", progress=False)
    >>> batches = upnext.examples.Batches("examples.parquet", part="train", batch_size=100)
    >>> next(iter(batches))["label.click"].shape
    (100,)
    """

    def __init__(self, file: Union[str, os.PathLike], *, part: Optional[str] = None, batch_size: int = 1024,
                 columns: Optional[Sequence[str]] = None, shuffle: int = 0, seed: int = 1) -> None:
        try:
            import pyarrow.parquet
        except ImportError:
            raise ImportError("reading examples needs pyarrow: pip install upnext[examples]") from None
        self._file, self._part, self._batch_size, self._shuffle, self._seed, self._passes = file, part, batch_size, shuffle, seed, 0
        schema = pyarrow.parquet.read_schema(file)
        self.columns: List[str] = [name for name in schema.names if name not in _NAMES] if columns is None else list(columns)
        unknown = [name for name in self.columns if name not in schema.names]
        if unknown or batch_size < 1:
            raise InvalidArgument(f"{os.fspath(file)}: expected columns of {schema.names} and batches of at least one row, found "
                                  f"{unknown or batch_size}")
        self._kinds = {name: _kind_of(name, schema.field(name).type) for name in self.columns}
        self._rows: Optional[bytes] = (schema.metadata or {}).get(b"upnext.rows")

    @property
    def sizes(self) -> Dict[str, int]:
        """For each column of ids the rows of its vocabulary, which are those of a table of embeddings.

        They may be more than the file has ids of: requests that are served have them. The metadata of the file has them.
        """
        if self._rows is None:
            raise InvalidArgument(f"{os.fspath(self._file)}: expected the metadata upnext.rows, as export_examples writes it, found none; "
                                  "export the examples, or copy the metadata of their file")
        rows = json.loads(self._rows)
        return {name: rows[name] for name, kind in self._kinds.items() if kind in ("id", "ids")}

    def __iter__(self) -> Iterator[Dict[str, np.ndarray]]:
        return self.shard(0, 1)

    def shard(self, index: int, count: int, epoch: int = 0) -> Iterator[Dict[str, np.ndarray]]:
        """Every `count`-th batch, for one of several readers.

        The readers must have mixed the same way: give those that are made anew for each pass, and so count no passes, the same
        `epoch`, and another one in the next pass.
        """
        self._passes += 1
        random = np.random.default_rng([self._seed, self._passes, epoch])
        for number, table in enumerate(self._tables(random)):
            if number % count == index:
                yield {name: values for column in self.columns for name, values in self._arrays(column, table.column(column))}

    def _tables(self, random: np.random.Generator) -> Iterator[Any]:
        """Tables of batch_size rows, the last one of fewer."""
        import pyarrow
        waiting: List[Any] = []
        rows, ahead = 0, max(self._shuffle, self._batch_size)
        for table in self._read():
            waiting.append(table)
            rows += len(table)
            if rows >= ahead:
                whole = self._mixed(pyarrow.concat_tables(waiting), random)
                end = rows - rows % self._batch_size
                yield from (whole.slice(begin, self._batch_size) for begin in range(0, end, self._batch_size))
                waiting, rows = [whole.slice(end)], rows - end
        if rows:
            whole = self._mixed(pyarrow.concat_tables(waiting), random)
            yield from (whole.slice(begin, self._batch_size) for begin in range(0, rows, self._batch_size))

    def _mixed(self, table: Any, random: np.random.Generator) -> Any:
        return table.take(random.permutation(len(table))) if self._shuffle else table

    def _read(self) -> Iterator[Any]:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
        names = list(dict.fromkeys([*self.columns, "part"]))
        for batch in pyarrow.parquet.ParquetFile(self._file).iter_batches(columns=names, use_threads=False):
            table = pyarrow.Table.from_batches([batch])
            if self._part is not None:
                table = table.filter(pyarrow.compute.equal(table.column("part"), self._part))
            yield table

    def _arrays(self, name: str, column: Any) -> Iterator[Any]:
        kind, values = self._kinds[name], column.combine_chunks()
        if hasattr(values, "num_chunks"):  # older versions of pyarrow keep chunks
            values = values.chunk(0) if values.num_chunks else values.type.wrap_array([])
        if kind == "text":
            yield name, np.asarray(values.to_pylist(), object)
        elif kind == "id":
            yield name, values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        elif kind == "number":
            yield name, values.to_numpy(zero_copy_only=False).astype(np.float32)
        elif kind == "vector":
            yield name, _matrix(values)
        else:
            lengths = values.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
            yield name, values.flatten().to_numpy(zero_copy_only=False).astype(np.int64 if kind == "ids" else np.float32)
            if kind == "ids":
                yield f"{name}.offsets", np.cumsum(lengths) - lengths


def _matrix(values: Any) -> np.ndarray:
    rows = values.to_pylist()
    dim = next((len(row) for row in rows if row is not None), 0)
    return np.array([row if row is not None else [np.nan] * dim for row in rows], np.float32).reshape(len(rows), dim)


def _kind_of(name: str, form: Any) -> str:
    import pyarrow.types as types
    if types.is_list(form) or types.is_large_list(form):
        if types.is_integer(form.value_type):
            return "ids"
        return "weights" if name.endswith(".weights") else "vector"
    if types.is_string(form) or types.is_large_string(form):
        return "text"
    # Of the numbers of a ranking example, only ids of features and of the label of retrieval are rows of vocabularies.
    return "id" if types.is_integer(form) and (name.startswith(("query.", "impression.")) or name == "label") else "number"
