"""Feeds: of one user or session, with reasons, and of many users as columns."""
from __future__ import annotations

import os
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union, overload

import numpy as np

from . import _arrow
from ._tables import Grid, frame_of, frame_of_rows, notes_html


class Item(NamedTuple):
    """An item of a feed or of a list of similar items.

    `score` is what the list is ordered by, `reason` is for people, `source` names the generator that proposed the item. With
    `explain=True`, `predictions` has what the ranker predicts for each objective, and `json` everything that is known about the
    item's way into the list.
    """

    id: str
    score: float
    title: str
    reason: str
    source: str
    predictions: Dict[str, float]
    json: Dict[str, Any]


def _item(json: Dict[str, Any]) -> Item:
    return Item(id=json["item"], score=json.get("score", 0.0), title=json.get("title", ""), reason=json.get("reason", ""),
                source=json.get("source", ""), predictions=json.get("predictions", {}), json=json)


def _degraded(one: Dict[str, Any]) -> str:
    """A stage that was late or failed, as the command line says it."""
    return f'{", ".join(filter(None, (one["stage"], one.get("source"))))}: {one["reason"]}'


class Slate(Sequence[Item]):
    """A list of items, best first: what `Project.recommend` and `Project.similar` return.

    >>> slate = project.recommend("u00042", n=3)
    >>> len(slate), slate[0].id in slate.ids
    (3, True)
    """

    def __init__(self, json: Dict[str, Any]) -> None:
        self.json = json
        """Everything that is known about the list, as `upnext recommend --json` prints it."""
        self._items = [_item(item) for item in json["items"]]

    @property
    def ids(self) -> List[str]:
        """The names of the items, best first."""
        return [item.id for item in self._items]

    @property
    def user(self) -> str:
        """The user whose feed it is, empty for a session or similar items."""
        return str(self.json.get("user", ""))

    @property
    def notes(self) -> List[str]:
        """What a reader of the list should know, such as an unknown user."""
        return list(self.json.get("notes", []))

    @property
    def degraded(self) -> List[str]:
        """The stages that were late or failed, each with the reason; `json["degraded"]` has them in parts."""
        return [_degraded(one) for one in self.json.get("degraded", [])]

    def _said(self) -> List[str]:
        return [*self.notes, *(f"degraded: {one}" for one in self.degraded)]

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> List[Item]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Item, List[Item]]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def _grid(self) -> Grid:
        named = sorted({name for item in self._items for name in item.predictions})
        rows = [[item.id, item.score, *[item.predictions.get(name) for name in named], item.title, item.reason]
                for item in self._items]
        about = f"Feed of user {self.user}" if self.user else f"Like {self.json['item']}" if "item" in self.json else "Feed"
        return Grid(about, ["item", "score", *named, "title", "reason"], rows)

    def __repr__(self) -> str:
        return "\n".join([str(self._grid()), *(f"note: {note}" for note in self._said())])

    def _repr_html_(self) -> str:
        return self._grid().html() + notes_html(self._said())

    def to_frame(self) -> Any:
        """A row for each item, as a data frame of pandas (or of Polars where only that is installed)."""
        grid = self._grid()
        return frame_of_rows([*grid.columns, "source"],
                             [[*row, item.source] for row, item in zip(grid.rows, self._items)])


class Feeds:
    """Feeds of many users, as columns: a row for each item of each feed, in the order of users and ranks.

    `user_codes`, `item_codes`, `rank` and `score` are views of the library's memory, not copies; `user` and `item` are the names,
    made when they are first asked for. pyarrow, Polars, DuckDB and pandas read it without a copy, since it has the Arrow
    interface: `polars.DataFrame(feeds)`.

    >>> feeds = project.recommend(users=["u00001", "u00002"], n=5)
    >>> len(feeds), feeds.rank.tolist()
    (10, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5])
    >>> feeds["u00001"] == feeds.item[:5].tolist()
    True
    """

    def __init__(self, table: _arrow.Table, json: Dict[str, Any]) -> None:
        self._table, self.json = table, json
        self.rank: np.ndarray = table.column("rank").numbers()
        """Place in the feed, from 1."""
        self.score: np.ndarray = table.column("score").numbers()
        """What the feed is ordered by."""
        self._names: Dict[str, Tuple[np.ndarray, List[str]]] = {}
        self._begins: Optional[Dict[str, Tuple[int, int]]] = None

    def __len__(self) -> int:
        return len(self._table)

    @property
    def notes(self) -> List[str]:
        """What a reader of the feeds should know: that some are degraded."""
        if not self.degraded:
            return []
        first, count = self.json["degraded"]["first"], self.json["users"] + self.json["empty"]
        return [f"{self.degraded:,} of {count:,} feeds {'is' if self.degraded == 1 else 'are'} degraded, first that of {first['user']}: "
                f"{_degraded(first)}"]

    @property
    def degraded(self) -> int:
        """Of how many feeds a stage was late or failed; the note says which of the first."""
        return int(self.json["degraded"]["feeds"])

    def _coded(self, name: str) -> Tuple[np.ndarray, List[str]]:
        if name not in self._names:
            column = self._table.column(name)
            if column.is_dictionary():
                self._names[name] = column.numbers(), column.dictionary().texts()
            else:
                numbers: Dict[str, int] = {}
                codes = np.array([numbers.setdefault(word, len(numbers)) for word in column.texts()], np.int32)
                self._names[name] = codes, list(numbers)
        return self._names[name]

    @property
    def user_codes(self) -> np.ndarray:
        """The user of each row, as a place in `user_names`."""
        return self._coded("user")[0]

    @property
    def user_names(self) -> List[str]:
        return self._coded("user")[1]

    @property
    def item_codes(self) -> np.ndarray:
        """The item of each row, as a place in `item_names`."""
        return self._coded("item")[0]

    @property
    def item_names(self) -> List[str]:
        return self._coded("item")[1]

    def _decoded(self, name: str) -> np.ndarray:
        codes, names = self._coded(name)
        words = np.empty(len(names), object)
        words[:] = names
        return words[codes]

    @property
    def user(self) -> np.ndarray:
        """The name of the user of each row."""
        return self._decoded("user")

    @property
    def item(self) -> np.ndarray:
        """The name of the item of each row."""
        return self._decoded("item")

    def _places(self) -> Dict[str, Tuple[int, int]]:
        if self._begins is None:
            codes, names = self._coded("user")
            begins = np.flatnonzero(np.diff(codes, prepend=-1)) if len(codes) else np.empty(0, int)
            ends = [*begins[1:].tolist(), len(codes)]
            self._begins = {names[codes[begin]]: (begin, end) for begin, end in zip(begins.tolist(), ends)}
        return self._begins

    def __getitem__(self, user: str) -> List[str]:
        """The items of a user's feed, best first; KeyError for a user without one."""
        begin, end = self._places()[user]
        codes, names = self._coded("item")
        return [names[code] for code in codes[begin:end]]

    def __iter__(self) -> Iterator[Tuple[str, List[str]]]:
        """Pairs of a user and the items of the feed."""
        return ((user, self[user]) for user in self._places())

    def __repr__(self) -> str:
        return "\n".join([f"<Feeds of {len(self._places()):,} users, {len(self):,} rows>", *(f"note: {note}" for note in self.notes)])

    def __arrow_c_array__(self, requested_schema: Any = None) -> Tuple[Any, Any]:
        return _arrow.capsules(self._table)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return _arrow.stream_of(self._table)

    def to_frame(self) -> Any:
        """The columns user, item, rank and score as a data frame of pandas (or of Polars where only that is installed)."""
        return frame_of({"user": self.user, "item": self.item, "rank": self.rank, "score": self.score})

    def write(self, path: Union[str, os.PathLike]) -> None:
        """Writes a file: `.parquet`, which needs pyarrow, else lines of user, item, rank and score with tabs between them."""
        if os.fspath(path).endswith(".parquet"):
            try:
                import pyarrow
                import pyarrow.parquet
            except ImportError:
                raise ImportError("writing Parquet needs pyarrow: pip install pyarrow") from None
            pyarrow.parquet.write_table(pyarrow.table(self), path)
            return
        with open(path, "w", encoding="utf-8") as file:
            rows = zip(self.user, self.item, self.rank.tolist(), self.score.tolist())
            file.writelines(f"{user}\t{item}\t{rank}\t{score:.9g}\n" for user, item, rank, score in rows)
