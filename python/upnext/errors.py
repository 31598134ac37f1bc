"""The exceptions of upnext. Their messages say what was expected, what was found, where, and what to do.

Every one is an `Error`; some are also of the built-in class that a reader expects, so that `except ValueError` catches
a wrong filter, and `except LookupError` an unknown item.
"""
from __future__ import annotations

from typing import Dict, Type

__all__ = ["Error", "Cancelled", "InvalidArgument", "NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted",
           "FailedPrecondition", "Aborted", "Internal", "Unavailable", "DataLoss"]


class Error(Exception):
    """What every exception of upnext is.

    `message` is the text, `code` the name of what went wrong, such as `"not_found"`.
    """

    code = "unknown"

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class Cancelled(Error):
    """The call was asked to stop, and stopped."""

    code = "cancelled"


class InvalidArgument(Error, ValueError):
    """The input is wrong in any state: a key that does not exist, a filter that cannot be read, a row of a wrong type."""

    code = "invalid_argument"


class NotFound(Error, LookupError):
    """What was named does not exist: a file, an item, a user of the test part."""

    code = "not_found"


class AlreadyExists(Error):
    """What was named exists already."""

    code = "already_exists"


class PermissionDenied(Error):
    """The operating system refused."""

    code = "permission_denied"


class ResourceExhausted(Error):
    """No disk, no memory, or a limit that was given is reached."""

    code = "resource_exhausted"


class FailedPrecondition(Error):
    """Valid at another time: training before an import, or any call in a forked process."""

    code = "failed_precondition"


class Aborted(Error):
    """Another process did something at the same time that excludes this."""

    code = "aborted"


class Internal(Error):
    """A fault of upnext or of a library that it uses. Please report it."""

    code = "internal"


class Unavailable(Error):
    """Not now; try again later."""

    code = "unavailable"


class DataLoss(Error):
    """Stored bytes are not those that were written."""

    code = "data_loss"


# The numbers of `src/api/upnext.h`.
BY_NUMBER: Dict[int, Type[Error]] = {
    1: Cancelled, 3: InvalidArgument, 5: NotFound, 6: AlreadyExists, 7: PermissionDenied, 8: ResourceExhausted,
    9: FailedPrecondition, 10: Aborted, 13: Internal, 14: Unavailable, 15: DataLoss,
}
