"""Files that wait for a place to come back, and for room in it.

Not by tenacity: the wait that begins anew with another trouble, what is told of it and the end of a
pause once the wait is cancelled would stay here, and only the loop go.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from orchestrator.store.files.contract import Files, FullError, UnreachableError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Shortest and longest seconds between tries; each pause is twice the one before."""

REMIND_SECONDS = 60.0
"""Seconds between two reminders of a full place, which is waited for without end."""

_LOOK_SECONDS = 0.1  # between questions whether the wait is cancelled

T = TypeVar("T")


class RetryingFiles:
    """Files of which an operation that finds the place full or unreachable tries again.

    Trying again is safe: `create` says of the same content the same twice, and the rest come out
    the same however often they are done.
    """

    def __init__(
        self,
        files: Files,
        *,
        warn: Callable[[str], None],
        is_cancelled: Callable[[], bool],
        longest_outage: float,
    ) -> None:
        """Wait without end for a full place, and for one that is away `longest_outage` seconds and
        the try then under way; when `is_cancelled`, for neither. `warn` hears when a wait begins
        and ends."""
        self._files = files
        self._warn = warn
        self._is_cancelled = is_cancelled
        self._longest_outage = longest_outage

    @property
    def url(self) -> str:
        return self._files.url

    def read(self, name: str) -> bytes | None:
        return self._retried(lambda: self._files.read(name))

    def write(self, name: str, data: bytes) -> None:
        self._retried(lambda: self._files.write(name, data))

    def create(self, name: str, data: bytes) -> bool:
        return self._retried(lambda: self._files.create(name, data))

    def names(self, folder: str) -> list[str]:
        return self._retried(lambda: self._files.names(folder))

    def sizes(self, folder: str) -> dict[str, int]:
        return self._retried(lambda: self._files.sizes(folder))

    def remove(self, name: str) -> None:
        self._retried(lambda: self._files.remove(name))

    def rename(self, name: str, other: str) -> None:
        self._retried(lambda: self._files.rename(name, other))

    def _retried(self, do: Callable[[], T]) -> T:
        wait: _Wait | None = None
        while True:
            try:
                answer = do()
            except (UnreachableError, FullError) as error:
                if wait is None or wait.kind is not type(error):
                    wait = _Wait(type(error))
                    self._warn(self._begun(error))
                elif isinstance(error, FullError) and wait.is_time_to_remind():
                    self._warn(f"{self.url} is still full; everything that writes there waits")
                is_too_long = (
                    isinstance(error, UnreachableError) and wait.seconds >= self._longest_outage
                )
                if is_too_long or not self._pause(wait.next_pause()):
                    raise
            else:
                if wait is not None:
                    found = "has room again" if wait.kind is FullError else "is back"
                    self._warn(f"{self.url} {found} after {wait.seconds:.0f} s; going on")
                return answer

    def _begun(self, error: OSError) -> str:
        if isinstance(error, FullError):
            return f"{error}; waiting for room, and going on by itself when there is some"
        return f"{error}; waiting up to {self._longest_outage:.0f} s for it"

    def _pause(self, seconds: float) -> bool:
        """Sleep for `seconds`; return False as soon as the wait is cancelled."""
        until = time.monotonic() + seconds
        while not self._is_cancelled():
            left = until - time.monotonic()
            if left <= 0:
                return True
            time.sleep(min(left, _LOOK_SECONDS))
        return False


class _Wait:
    """A wait for a place that is full or away."""

    def __init__(self, kind: type[OSError]) -> None:
        self.kind = kind
        self._began = self._reminded = time.monotonic()
        self._pause = FIRST_PAUSE

    @property
    def seconds(self) -> float:
        """Seconds that the wait has lasted so far."""
        return time.monotonic() - self._began

    def next_pause(self) -> float:
        """Return the next pause in seconds, twice the one before, up to the longest."""
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return pause

    def is_time_to_remind(self) -> bool:
        """Whether `REMIND_SECONDS` have passed since the last reminder."""
        if time.monotonic() - self._reminded < REMIND_SECONDS:
            return False
        self._reminded = time.monotonic()
        return True
