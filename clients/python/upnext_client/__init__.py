"""A typed client of upnext's HTTP API.

    from upnext_client import Client

    with Client("http://127.0.0.1:8080", key="...") as client:
        feed = client.get_recommendations(user="U123", n=20, device="tv")
        client.send([{"user": "U123", "type": "click", "item": feed["items"][0]["item"], "request": feed["request"]}])
"""
from __future__ import annotations

import uuid
from typing import Any, Callable, Iterator, Sequence

from . import _generated
from ._generated import *  # noqa: F401,F403  the types of bodies and answers
from ._transport import UpnextError

__all__ = ["Client", "UpnextError", *[name for name in vars(_generated) if name[0].isupper()]]


class Client(_generated.Operations):
    """One server; see Transport for the arguments and the operations for what can be asked."""

    def send(self, events: Sequence[_generated.Event]) -> _generated.PostEventsAnswer:
        """Posts events, each with an id, so that one that arrives twice counts once.

        Events without an id get one; up to 10,000 at a time, all or nothing.
        """
        with_ids = [event if event.get("id") else {**event, "id": uuid.uuid4().hex} for event in events]
        answer: _generated.PostEventsAnswer = self._call("POST", "/v1/events", {}, {"events": with_ids}, safe=True)
        return answer

    @staticmethod
    def pages(list_some: Callable[..., Any], key: str, n: int = 1000) -> Iterator[Any]:
        """All rows of a list, page by page: `client.pages(client.list_items, "items")`."""
        after = ""
        while True:
            page = list_some(n=n, after=after) if after else list_some(n=n)
            yield from page[key]
            if not page["next"]:
                return
            after = page["next"]
