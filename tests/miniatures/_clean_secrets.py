"""A small right store of logs that keeps a secret off the disk."""

from typing import Any, cast

from miniatures._clean_logs import CleanLog
from miniatures._folder import Document, Items


class CleanSecrets(CleanLog):
    """Entries are kept without their member `api_key`."""

    secrets = ("/api_key",)

    def append(self, id: str, entries: Items) -> Items:
        """Append what is no secret."""
        return super().append(id, [self.public(entry) for entry in entries])

    def public(self, entry: Any) -> Any:
        """The entry without the secret; what is no object stays what it is."""
        if not isinstance(entry, dict):
            return entry
        return {name: value for name, value in cast("Document", entry).items() if name != "api_key"}
