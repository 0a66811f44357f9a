"""Why the store refuses. What the operating system refuses is an `OSError`, as Python raises it."""


class StoreError(Exception):
    """Any refusal by the store."""


class InvalidId(StoreError):  # noqa: N818 - these read as sentences where they are raised
    """The id cannot be written as UTF-8: it holds a lone surrogate. Nothing was touched."""


class InvalidDocument(StoreError):  # noqa: N818
    """The document or the items do not fit the format, or could not be read back. Nothing was touched."""


class NotFound(StoreError):  # noqa: N818
    """There is no session to attach to. Nothing was touched."""


class Conflict(StoreError):  # noqa: N818
    """The revision is stale, or the lock could not be had in time. Nothing was touched."""


class Corrupt(StoreError):  # noqa: N818
    """What is on disk under the session's name is not what a save wrote."""


class UnsupportedVersion(StoreError):  # noqa: N818
    """The file is of a newer major version of the format. It is left as it is."""
