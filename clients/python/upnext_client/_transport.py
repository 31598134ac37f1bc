"""Requests over kept connections, with repetition where that is safe. Standard library only."""
from __future__ import annotations

import gzip
import http.client
import json
import random
import ssl
import threading
import time
import urllib.parse
from email.message import Message
from typing import Any, Mapping, Optional, Sequence, Tuple

_WORTH_GZIP = 4096  # bytes of a body
_REPEATED = ("GET", "PUT", "DELETE")  # as often as wanted with the same effect


class UpnextError(Exception):
    """An answer that is a problem, or that there was none. `status` is 0 without an answer."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(f"{status} {title}: {detail}" if status else detail)
        self.status, self.title, self.detail = status, title, detail


class Transport:
    """One server. Any number of threads; each has a connection of its own.

    url: http://HOST[:PORT] or https://...
    key: of `upnext keys add`
    timeout_s: of connecting, and of each wait for bytes
    repeats: how often a request is sent again after 429, 503 or a lost connection
    """

    def __init__(self, url: str, key: Optional[str] = None, *, timeout_s: float = 10.0, repeats: int = 2,
                 tls: Optional[ssl.SSLContext] = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"url: expected http://HOST[:PORT] or https://HOST[:PORT], found {url!r}")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._key, self._timeout_s, self._repeats = key, timeout_s, repeats
        self._tls = tls or (ssl.create_default_context() if self._secure else None)
        self._local = threading.local()

    def close(self) -> None:
        """Closes the connection of this thread."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    @staticmethod
    def _segment(text: str) -> str:
        return urllib.parse.quote(text, safe="")

    @staticmethod
    def _query(values: Mapping[str, Any]) -> str:
        pairs = []
        for name, value in values.items():
            if value is None:
                continue
            if isinstance(value, Mapping):  # parameter.NAME
                entries = [(name + key, one) for key, one in value.items()]
            else:
                entries = [(name, value)]
            for key, one in entries:
                many = isinstance(one, Sequence) and not isinstance(one, str)
                for text in one if many else [one]:
                    pairs.append((key, str(text).lower() if isinstance(text, bool) else str(text)))
        return "?" + urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote) if pairs else ""

    def _connection(self) -> http.client.HTTPConnection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            if self._secure:
                connection = http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s,
                                                         context=self._tls)
            else:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
            self._local.connection = connection
        return connection

    def _send(self, method: str, target: str, body: Optional[bytes],
              headers: Mapping[str, str]) -> Tuple[int, Message, bytes]:
        connection = self._connection()
        try:
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if answer.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        return answer.status, answer.headers, content

    def _call(self, method: str, path: str, query: Mapping[str, Any], body: Any, *, text: bool = False,
              safe: bool = False) -> Any:
        """`safe`: whether the request has the same effect when it is sent twice."""
        target = self._base + path + self._query(query)
        headers = {"Accept-Encoding": "gzip"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        content = None
        if body is not None:
            content = json.dumps(body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
            if len(content) >= _WORTH_GZIP:
                content = gzip.compress(content, 1)
                headers["Content-Encoding"] = "gzip"
        for attempt in range(self._repeats + 1):
            last = attempt == self._repeats
            try:
                status, found, answer = self._send(method, target, content, headers)
            except (OSError, http.client.HTTPException) as error:
                if last or not (safe or method in _REPEATED):
                    raise UpnextError(0, "", f"no answer from {self._host}: {error}") from error
                time.sleep(0.05 * 2**attempt * (1 + random.random()))
                continue
            # The server refuses before it does anything, so these may always be repeated.
            if status in (429, 503) and not last:
                wait = found.get("Retry-After", "")
                time.sleep(min(float(wait) if wait.isdigit() else 0.1 * 2**attempt, self._timeout_s))
                continue
            break
        if status >= 400:
            raise self._problem(status, answer)
        return answer.decode() if text else json.loads(answer)

    @staticmethod
    def _problem(status: int, answer: bytes) -> UpnextError:
        try:
            problem = json.loads(answer)
            return UpnextError(status, problem["title"], problem["detail"])
        except (ValueError, KeyError, TypeError):
            return UpnextError(status, http.client.responses.get(status, ""), answer[:200].decode(errors="replace"))
