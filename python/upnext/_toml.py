"""Python values as the text of a project file."""
from __future__ import annotations

import datetime
import json
import re
from typing import Any, List, Mapping, Tuple

from .errors import InvalidArgument

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def _key(name: Any) -> str:
    return str(name) if _BARE.match(str(name)) else json.dumps(str(name), ensure_ascii=False)


def _text(value: str) -> str:
    """A literal of several lines for SQL, which stays readable, else a basic string."""
    if "\n" in value and "'''" not in value and not value.endswith("'") and all(c >= " " or c in "\n\t" for c in value):
        return f"'''\n{value}'''"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any, place: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)  # also inf and nan are spelled as TOML has them
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v, f'{place}.{k}')}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v, place) for v in value) + "]"
    if hasattr(value, "item"):  # a number of numpy
        return _value(value.item(), place)
    if hasattr(value, "__fspath__"):
        return _text(str(value))
    raise InvalidArgument(f"{place}: expected text, a number, true or false, a list or a table, found {value!r}")


def _is_tables(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _write(lines: List[str], table: Mapping[str, Any], path: Tuple[str, ...]) -> None:
    below = {}
    for name, value in table.items():
        if value is None:
            continue
        if isinstance(value, Mapping) or _is_tables(value):
            below[name] = value
        else:
            lines.append(f"{_key(name)} = {_value(value, '.'.join((*path, str(name))))}")
    for name, value in below.items():
        place = (*path, str(name))
        title = ".".join(_key(part) for part in place)
        for one in [value] if isinstance(value, Mapping) else value:
            lines.extend(["", f"[{title}]" if isinstance(value, Mapping) else f"[[{title}]]"])
            _write(lines, one, place)


def toml_of(tables: Mapping[str, Any]) -> str:
    """The project file of these tables.

    >>> print(toml_of({"split": {"kind": "time"}, "ranking": {"objective": [{"name": "click"}]}}))
    [split]
    kind = "time"
    <BLANKLINE>
    [ranking]
    <BLANKLINE>
    [[ranking.objective]]
    name = "click"
    <BLANKLINE>
    """
    lines: List[str] = []
    _write(lines, tables, ())
    return "\n".join(lines).lstrip("\n") + "\n"
