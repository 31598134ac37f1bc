"""A project: a log of events, the models that are trained on it, and the feeds that they make."""
from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union, overload

import numpy as np

from . import _call, _inputs
from ._arrow import free_unused, stream_pointer
from ._library import check_process
from ._progress import Show
from ._toml import toml_of
from .errors import InvalidArgument
from .evaluation import Evaluation
from .reports import Imported, Training
from .server import Server
from .slates import Feeds, Slate
from .vectors import Vectors

Event = Union[str, Mapping[str, Any]]
"""An event of a session: the name of an item, which stands for the strongest event that a site has (a purchase, a complete watch), or {"item": ..., "type": ..., "value": ...}."""


def _listed(name: str, given: Any) -> List[Any]:
    if isinstance(given, (str, bytes)):
        raise InvalidArgument(f"{name}: expected a list, found the text {given!r}; write [{given!r}]")
    return list(given)


def _names(name: str, given: Any) -> List[str]:
    names = _listed(name, given)
    for one in names:
        if isinstance(one, bool) or not isinstance(one, (str, int, np.integer)):
            raise InvalidArgument(f"{name}: expected ids, which are texts or whole numbers, found {one!r}")
    return [str(one) for one in names]


class Project:
    """A project: settings, and a folder for the event log, the trained models and what a server stores.

        upnext.Project("shop.toml")                                        # a project file, as for the command line
        upnext.Project(name="shop", split={"kind": "time"})                # the tables of a project file as arguments

    `file` is the project file. Without one, `name` and the tables take its place: each keyword argument is a table of
    it (`retrieval={"preset": "watch"}`; `import_`, since `import` is a word of the language); `toml` shows the result. `data` is the
    folder that `{data}` in SELECTs stands for. `directory` is the folder of what upnext writes, `.upnext/NAME` next to the
    project file or in the current folder if it is not given. A mistake in a table is an `InvalidArgument` that names the key.

    Any number of projects may be open in one process, and used by any threads. A call that changes a project excludes others that
    do, in this process and in others. Every call takes `progress`: True shows a bar and notes on stderr or in the notebook,
    False nothing, and a function is called with each `upnext.Progress`. ^C stops a call; what was published before stays.
    """

    def __init__(self, file: Union[str, os.PathLike, None] = None, *, name: Optional[str] = None,
                 data: Union[str, os.PathLike, None] = None, directory: Union[str, os.PathLike, None] = None,
                 **tables: Any) -> None:
        self.toml: Optional[str] = None
        """The text of the project file that the keyword arguments make, None for one that is a file."""
        if file is not None:
            if tables or name is not None:
                raise InvalidArgument("expected a project file or tables as keyword arguments, found both: "
                                      + ", ".join(["name"] * (name is not None) + list(tables)))
            self.file = Path(file).absolute()
        else:
            if name is not None and not re.fullmatch(r"\w[\w .-]*", name):
                raise InvalidArgument(f"name: expected letters, digits, and - or . between them, found {name!r}")
            for table, value in tables.items():
                if not isinstance(value, (Mapping, list, tuple)):
                    raise InvalidArgument(f"{table}: expected a table of the project file as a dict, found {value!r}")
            self.file = Path(f"{name or 'upnext'}.toml").absolute()
            self.toml = toml_of({table.rstrip("_"): value for table, value in {"project": {}, **tables}.items()})
        self.data = None if data is None else Path(data).absolute()
        self.directory = None if directory is None else Path(directory).absolute()
        self._handle = _call.Handle(str(self.file), self.toml, *(None if path is None else str(path)
                                                               for path in (self.data, self.directory)))
        self._importing = threading.Lock()  # tables are given to the next import

    def __repr__(self) -> str:
        return f"<Project {self.file}{'' if self.toml is None else ' (of keyword arguments)'}>"

    def _run(self, operation: str, request: Mapping[str, Any], progress: Show) -> _call.Answer:
        return _call.run(self._handle, operation, request, progress)

    def import_events(self, events: Any = None, items: Any = None, users: Any = None, *,
                      tables: Optional[Mapping[str, Any]] = None, append: bool = False, from_store: bool = False, full: bool = False,
                      shards: Optional[int] = None, max_rejects: Optional[float] = None, progress: Show = True) -> Imported:
        """Makes the event log of tables, files or SELECTs, and publishes it.

        `events`, `items` and `users` are each one of
        - a data frame of pandas or Polars, a table of Arrow, or a dict of columns, which is read where it lies;
        - a path of Parquet, CSV or JSON lines, also with `*` in it;
        - a SELECT, which may read files, and `tables` by their names;
        - None: the SELECT of the project file, if it has one.

        Columns have the names of the guide on import: of events `user`, `item`, `time` and `type`, and others if there are any. An
        unknown column is an error that names the nearest known one. Rows that break a rule are left out and listed;
        if more than the share `max_rejects` does, nothing is published.

        `append` adds the rows to the current log, `from_store` adds what was posted to a server, `full` replaces the log and keeps
        what was posted; `shards` is the number of files that users are spread over.

        >>> small = upnext.Project(name="small", directory="small")
        >>> small.import_events({"user": ["u1", "u1"], "item": ["v1", "v2"], "time": [1767225600, 1767225660], "type": ["like"] * 2})
        event log v000001: 2 events, 2 items, 1 users
        """
        check_process()  # before the lock, which another thread may have held when this process was forked
        inputs = _inputs.Inputs()
        for name, given in (("events", events), ("items", items), ("users", users)):
            inputs.add(name, given)
        inputs.add_tables(tables or {})
        with self._importing:
            try:
                for name, capsule in inputs.streams.items():
                    self._handle.add_table(name, stream_pointer(capsule))
                answer = self._run("import", {**inputs.selects, "append": append or None, "from_store": from_store or None,
                                              "full": full or None, "shards": shards, "max_rejects": max_rejects}, progress)
            except BaseException:
                for name in inputs.streams:  # those that no call took would be tables of the next import
                    self._handle.remove_table(name)
                raise
            finally:
                inputs.streams.clear()
                free_unused()
        return Imported(answer.result)

    def train(self, *, only: Optional[str] = None, continue_: str = "no", resume: bool = False, force: bool = False,
              seed: Optional[int] = None, progress: Show = True) -> Training:
        """Trains the models on the log, measures them on held-out days, and publishes them unless they are clearly worse.

        `only` trains one stage, `"retrieval"` or `"ranking"`. `continue_` is `"no"`, `"yes"` or `"if_possible"`: continue the
        current models with what is new. `resume` continues a training that was stopped, to the same bytes. `force` publishes in any
        case. That nothing was published is no exception: see `Training.published`.
        """
        answer = self._run("train", {"only": only, "continue": None if continue_ == "no" else continue_, "resume": resume or None,
                                     "force": force or None, "seed": seed}, progress)
        return Training(answer.result)

    def evaluate(self, part: str = "test", *, frozen: bool = False, importance: bool = False, seed: Optional[int] = None,
                 world: Union[str, os.PathLike, None] = None, progress: Show = True) -> Evaluation:
        """Measures the published models and simple baselines on held-out days.

        `part` is `"test"` or `"validation"`. `frozen` ranks with user states as of the split, instead of before each
        impression; `importance` also measures what each feature of the ranker is worth. `world` is the file of parameters of the
        `Simulator` that made the log: also simulates the test days with each feed, for `Evaluation.true_value`.
        """
        return Evaluation(self._run("evaluate", {"part": part, "frozen": frozen or None, "importance": importance or None, "seed": seed,
                                                 "world": None if world is None else os.path.abspath(world), "html": True},
                                    progress).result)

    @overload
    def recommend(self, user: str, n: int = 20, **options: Any) -> Slate: ...
    @overload
    def recommend(self, *, session: Sequence[Event], n: int = 20, **options: Any) -> Slate: ...
    @overload
    def recommend(self, *, users: Sequence[str], n: int = 20, **options: Any) -> Feeds: ...
    @overload
    def recommend(self, *, all_users: bool, n: int = 20, **options: Any) -> Feeds: ...

    def recommend(self, user: Optional[str] = None, n: int = 20, *, users: Optional[Sequence[str]] = None,  # type: ignore[misc]
                  session: Optional[Sequence[Event]] = None, all_users: bool = False, offset: Optional[int] = None,
                  exclude: Sequence[str] = (), filter: Optional[str] = None, boost: Optional[str] = None,
                  parameters: Optional[Mapping[str, Any]] = None, scenario: Optional[str] = None, score: Optional[str] = None,
                  explain: bool = False, at: Optional[str] = None, stage: Optional[str] = None,
                  context: Optional[Mapping[str, Any]] = None, device: Optional[str] = None, region: Optional[str] = None,
                  current_item: Optional[str] = None, progress: Optional[Show] = None) -> Union[Slate, Feeds]:
        """Feeds: of one user or one session a `Slate`, of several users or of all `Feeds`.

        A user who is named several times in `users` has one feed, in the place of the first.
        `session` is what an anonymous visitor did: items that were watched, or events such as
        `{"item": "v1", "type": "like"}`, oldest first. `filter` is a condition that items must meet, `boost` a number that
        multiplies their scores, both in the language of expressions; `parameters` are the values of `$NAME` in them. `exclude`
        leaves items out, `offset` the best ones. `scenario` is a place of the site of the project file; `score` changes the
        exponents of the score (`"watch:1,dismiss:-0.5"`). `explain` adds predictions, sources and what was left out. `at` is
        `"now"`, or `"test"` for the held-out cases; `stage` is `"ranking"`, or `"retrieval"` for candidates in their order.
        `device`, `region`, `current_item` and `context` say what else is known of the request.

        >>> project.recommend("u00042", n=2, filter='item.duration < 10 minutes').ids == project.recommend("u00042", n=2).ids
        False
        >>> project.recommend(session=["v00001", "v00002"], n=3, explain=True)[0].source != ""
        True
        """
        asked = {"user": user, "users": users, "session": session, "all_users": all_users or None}
        if sum(value is not None for value in asked.values()) != 1:
            raise InvalidArgument("recommend: expected one of user, users, session and all_users=True, found "
                                  + (", ".join(name for name, value in asked.items() if value is not None) or "none"))
        many = users is not None or all_users
        request = {**asked, "users": None if users is None else list(dict.fromkeys(_names("users", users))),
                   "session": None if session is None else _listed("session", session), "n": n, "offset": offset,
                   "exclude": _names("exclude", exclude) or None, "filter": filter, "boost": boost,
                   "parameters": parameters, "scenario": scenario, "score": score, "explain": explain or None, "at": at,
                   "stage": stage, "context": context, "device": device, "region": region, "current_item": current_item}
        answer = self._run("recommend", request, many if progress is None else progress)
        return Feeds(answer.table("feeds"), answer.result) if many else Slate(answer.result)

    def similar(self, item: str, n: int = 20, *, filter: Optional[str] = None, parameters: Optional[Mapping[str, Any]] = None,
                explain: bool = False, progress: Show = False) -> Slate:
        """Items that are similar to an item.

        >>> "v00042" in project.similar("v00042", n=5).ids
        False
        """
        return Slate(self._run("similar", {"item": item, "n": n, "filter": filter, "parameters": parameters,
                                           "explain": explain or None}, progress).result)

    def item_vectors(self, *, progress: Show = False) -> Vectors:
        """The vectors of the items that the candidate model was trained on.

        A newer item has one, made of its description, only while it is recommended.
        """
        return Vectors(self._run("vectors", {"space": "item"}, progress).table("vectors"))

    def user_vectors(self, users: Optional[Sequence[str]] = None, *, progress: Show = False) -> Vectors:
        """The vectors of users as of now, of all users if none are named."""
        request = {"space": "user", "users": None if users is None else _names("users", users)}
        return Vectors(self._run("vectors", request, progress).table("vectors"))

    def export(self, folder: Union[str, os.PathLike], *, progress: Show = True) -> Path:
        """Writes the current models as ONNX into a folder, for other programs; the guide on export describes the files."""
        self._run("export", {"out": os.path.abspath(folder)}, progress)
        return Path(folder)

    def export_examples(self, file: Union[str, os.PathLike], *, stage: str = "ranking", part: str = "all", limit: int = 0,
                        progress: Show = True) -> Path:
        """Writes what the models are trained on as Parquet; the guide on export describes the columns.

        `upnext.torch.dataset` reads them as tensors.
        """
        self._run("examples", {"out": os.path.abspath(file), "stage": stage, "part": part, "limit": limit}, progress)
        return Path(file)

    def config(self) -> List[Dict[str, Any]]:
        """Every setting in use: key, value, and where the value comes from.

        >>> next(value for value in project.config() if value["key"] == "split.kind")["value"]
        '"time"'
        """
        return list(self._run("config", {}, False).result)

    def inspect(self) -> List[Dict[str, Any]]:
        """The current log and bundle: sizes, versions, digests."""
        return list(self._run("inspect", {}, False).result)

    def release(self) -> None:
        """Closes bundle and store, which feeds keep open, so that a server of another process can have the store.

        The next feed opens them again; `Server.start` calls this.
        """
        self._handle.release()

    def server(self, port: int = 0, **options: Any) -> Server:
        """A server of the HTTP API in a process of its own; see `Server`.

        >>> import json, urllib.request
        >>> with project.server() as server:
        ...     with urllib.request.urlopen(f"{server.url}/v1/recommendations?user=u00042&n=3") as answer:
        ...         print(len(json.load(answer)["items"]))
        3
        """
        return Server(self, port=port, **options)
