"""The vectors of the candidate model."""
from __future__ import annotations

from typing import Dict, List, Optional

import numpy as np

from . import _arrow


class Vectors:
    """Vectors with their names: what `Project.item_vectors` and `Project.user_vectors` return.

    `vectors` is a matrix with a row for each name. It is a view of the library's memory that cannot be written: the view keeps the
    memory, also after the project is gone. The inner product of a user's and an item's vector is the score of the candidate model.

    >>> items = project.item_vectors()
    >>> items.vectors.dtype, len(items) == len(items.vectors)
    (dtype('float32'), True)
    >>> bool((items[items.names[1]] == items.vectors[1]).all())
    True
    """

    def __init__(self, table: _arrow.Table) -> None:
        self._table = table
        self.vectors: np.ndarray = table.column("vector").vectors()
        """float32, a row for each name."""
        self._names: Optional[List[str]] = None
        self._rows: Optional[Dict[str, int]] = None

    @property
    def names(self) -> List[str]:
        """The names of the rows."""
        if self._names is None:
            self._names = self._table.column("name").texts()
        return self._names

    @property
    def dim(self) -> int:
        """The length of a vector."""
        return int(self.vectors.shape[1])

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, name: object) -> bool:
        return name in self._places()

    def _places(self) -> Dict[str, int]:
        if self._rows is None:
            self._rows = {name: row for row, name in enumerate(self.names)}
        return self._rows

    def __getitem__(self, name: str) -> np.ndarray:
        """The vector of one name; KeyError if it has none."""
        return self.vectors[self._places()[name]]

    def __repr__(self) -> str:
        return f"<Vectors of {len(self):,} names, {self.dim} dimensions>"
