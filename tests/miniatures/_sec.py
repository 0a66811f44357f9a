"""SEC: stores that others on the machine can read, steer, or be hurt by."""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from miniatures._clean import Clean
from miniatures._folder import token
from miniatures._table import breaks


@breaks("SEC-1", "file-mode")
class FilesByUmask(Clean):
    """Files are made with the modes that the umask leaves."""

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(f".{token()}.tmp")
        temporary.write_bytes(data)
        temporary.replace(self.path(name))


@breaks("SEC-1", "folder-mode")
class RootByUmask(Clean):
    """The root is made with the mode that the umask leaves."""

    def open(self, root: str, namespace: str) -> None:
        with suppress(FileExistsError):
            Path(root).mkdir()
        super().open(root, namespace)


@breaks("SEC-2", "link-followed")
class CheckFollowsLink(Clean):
    """`check` writes a file of a known name, through whatever has that name."""

    def check(self) -> None:
        with open(self.path(".health_check"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write("ok")
        self.path(".health_check").unlink()


@breaks("SEC-2", "link-followed")
class TemporaryFollowsLink(Clean):
    """The temporary file has a known name, and a link in its place is written through."""

    def write(self, name: str, data: bytes) -> None:
        temporary = self.path(f"{name}.tmp")
        with open(temporary, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(data)
        temporary.replace(self.path(name))


@breaks("SEC-2", "link-followed")
class WrittenInPlace(Clean):
    """A session is written over its old file, through a link."""

    def write(self, name: str, data: bytes) -> None:
        with open(self.path(name), "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(data)


@breaks("SEC-2", "link-read")
class ReadThroughLink(Clean):
    """A session is read through a link in the place of its file."""

    def bytes_of(self, name: str) -> bytes | None:
        return super().bytes_of(str(self.path(name).resolve()))


@breaks("SEC-3", "written-outside")
class SystemTemporary(Clean):
    """Temporary files are made in the temp folder of the system."""

    def write(self, name: str, data: bytes) -> None:
        handle, temporary = tempfile.mkstemp()
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        shutil.move(temporary, self.path(name))


@breaks("SEC-3", "written-outside", also="IDS-1")
class BackupBesideRoot(Clean):
    """Each save writes a copy beside the root."""

    def write(self, name: str, data: bytes) -> None:
        super().write(name, data)
        super().write(f"{self.root}.bak", data)


@breaks("SEC-4", "foreign-changed")
class ParentIsChanged(Clean):
    """The root's parent is made the owner's alone."""

    def open(self, root: str, namespace: str) -> None:
        super().open(root, namespace)
        self.root.parent.chmod(0o700)


@breaks("SEC-4", "foreign-changed")
class EverythingIsChanged(Clean):
    """Every file in the root gets the mode of the store's own."""

    def save(self, id: str, document: object, if_revision: str | None = None) -> str:
        revision = super().save(id, document, if_revision)
        for path in self.root.iterdir():
            if path.is_file() and not path.is_symlink():
                path.chmod(0o600)
        return revision


@breaks("SEC-3", "written-outside")
class TemporaryFolder(Clean):
    """A save leaves a copy in a folder of its own in the system's temp folder, which the first one makes."""

    def save(self, id: str, document: object, if_revision: str | None = None) -> str:
        folder = Path(tempfile.gettempdir(), "copies")
        folder.mkdir(exist_ok=True)
        (folder / "last").write_text(json.dumps(document))
        return super().save(id, document, if_revision)


@breaks("SEC-3", "written-outside")
class AuditElsewhere(Clean):
    """A save writes to a file far from the root and removes it before it answers."""

    def save(self, id: str, document: object, if_revision: str | None = None) -> str:
        with tempfile.NamedTemporaryFile(dir="/var/tmp") as audit:
            audit.write(b"saved")
        return super().save(id, document, if_revision)
