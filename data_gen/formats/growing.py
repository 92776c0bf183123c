"""HDF5 files that grow on disk, larger than the memory; a full disk is an error there, and no crash.

HDF5 crashes where it cannot write what it holds back when it closes a file, or leaves the file cut. So Python writes
for it (h5py's file objects), keeps in memory what the disk did not take, and tells when the file is closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def growing_file(path: Path) -> Iterator[Growing]:
    """Open an HDF5 file that is there, for whoever takes a file object; raises OSError for what could not be written,
    at the end at the latest."""
    with open(path, "r+b", buffering=0) as file:
        growing = Growing(file)
        try:
            yield growing
        finally:
            growing.check()


class Growing:
    """A file object for HDF5, which is told that everything it writes is written."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None
        self._lost: list[tuple[int, bytes]] = []
        self._position = 0

    def check(self) -> None:
        """Raise the first error of the disk's, if there was one: nothing more need be written then."""
        if self.error:
            raise self.error

    def write(self, data: Any) -> int:
        """Write at the position, or keep what cannot be written, and all that comes later."""
        left = memoryview(data).cast("B")
        size, start = left.nbytes, self._position
        try:
            if self.error:  # what was lost must not hide what comes after it
                raise self.error
            self.file.seek(start)
            while left:
                left = left[self.file.write(left) :]
        except OSError as error:
            self.error = self.error or error
            self._lost.append((start + size - left.nbytes, bytes(left)))
        self._position += size
        return size

    def readinto(self, buffer: Any) -> int:
        """Read from the position, zeros where nothing has been written."""
        into = memoryview(buffer).cast("B")
        self.file.seek(self._position)
        got = self.file.read(into.nbytes)
        into[:] = got + bytes(into.nbytes - len(got))
        for start, data in self._lost:
            first, last = max(start, self._position), min(start + len(data), self._position + into.nbytes)
            if first < last:
                into[first - self._position : last - self._position] = data[first - start : last - start]
        self._position += into.nbytes
        return into.nbytes

    def read(self, size: int) -> bytes:
        """As `readinto`."""
        data = bytearray(size)
        self.readinto(data)
        return bytes(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of any file; lost data do not lengthen it."""
        origin = (0, self._position, self.file.seek(0, 2) if whence == 2 else 0)[whence]
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def truncate(self, size: int) -> int:
        """Cut or lengthen the file, where the disk has room."""
        try:
            return self.file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size

    def flush(self) -> None:
        """Nothing is held back."""
