"""Simulated sites: logs of users who do not exist, for trials, whose true preferences are known."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Optional, Union

from . import _call
from ._progress import Show


class Simulated:
    """What a simulation wrote into `folder`.

    The video site has `items.parquet`, `users.parquet` and `events.parquet`, or `events-0000.parquet` and so on if there are many. The
    other sites have CSV in the columns of such a site, which the project files `shop.toml`, `news.toml` and `music.toml` of the
    repository import.
    """

    def __init__(self, folder: Path, json: Dict[str, Any]) -> None:
        self.folder, self.json = folder, json
        self.events: int = json["events"]
        self.users: int = json["users"]
        self.items: int = json["items"]

    def __repr__(self) -> str:
        return f"{self.users:,} users, {self.items:,} items, {self.events:,} events in {self.folder}"


class Simulator:
    """A simulated site: `"video"`, `"shop"`, `"news"` or `"music"`.

    `users`, `items` and `days` are its size, its own if not given; the same `seed` gives the same bytes. `world` is a
    file of parameters of the video site; with `truth`, it also writes the true click and watch probabilities of what was shown.

    >>> upnext.Simulator(users=50, items=100, days=3).write("small", progress=False).users
    50
    """

    def __init__(self, site: str = "video", *, users: Optional[int] = None, items: Optional[int] = None, days: Optional[int] = None,
                 seed: Optional[int] = None, world: Union[str, os.PathLike, None] = None, truth: bool = False) -> None:
        self._request = {"site": None if site == "video" else site, "users": users, "items": items, "days": days, "seed": seed,
                         "world": None if world is None else os.path.abspath(world), "truth": truth or None}

    def write(self, folder: Union[str, os.PathLike], *, progress: Show = True) -> Simulated:
        """Writes the log of the site as Parquet files into a folder, which is made."""
        answer = _call.run(None, "simulate", {**self._request, "out": os.path.abspath(folder)}, progress)
        return Simulated(Path(folder), answer.result)
