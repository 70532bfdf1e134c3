"""Where the trials of a start run: this process, a Ray that is started here, or a Ray cluster.

Ray, Tune and PyTorch take seconds to import, which a finished sweep and a mistake need not wait
for: they are imported when first called for.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from orchestrator.driver.signals import outlasting
from orchestrator.execution.backend import BackEnd, RealTime
from orchestrator.spec.policy import Resources
from trainer.training.signals import Requests


class Site:
    """A place for trials, left at the end of the block.

    What signals ask for while Ray is connected to is noted, though Ray handles them.
    """

    def __init__(
        self, *, address: str | None, is_local: bool, resources: Resources, requests: Requests
    ) -> None:
        """Choose the place; nothing is connected to yet.

        Args:
            address: that of a Ray cluster; None: this machine.
            is_local: this process, without Ray.
            resources: what one trial occupies there.
        """
        self._address = address
        self._is_local = is_local
        self._resources = resources
        self._requests = requests
        self._connection = ExitStack()

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._connection.__exit__(kind, error, traceback)

    def join(self) -> None:
        """Connect to the cluster at the address, if there is one; done before anything is written.

        Raises:
            NoClusterError: it does not take this driver, or none of its machines a trial.
        """
        if self._address is not None:
            self._connect()

    def start(self) -> None:
        """Start Ray on this machine, unless trials run in this process or elsewhere.

        Raises:
            NoClusterError: it does not start.
        """
        if self._address is None and not self._is_local:
            self._connect()

    def clock(self) -> float:
        """Return the seconds since some moment, by the clock of the back end, which need not be
        imported for it."""
        return RealTime().clock()

    def back_end(self) -> BackEnd:
        """Return the back end that runs trials here."""
        if self._is_local:
            from orchestrator.execution.in_process import InProcess  # noqa: PLC0415

            return InProcess()
        from orchestrator.execution.tuning import RayTune  # noqa: PLC0415

        return RayTune()

    def leave(self) -> None:
        """Let go of the place: no more trials run."""
        self._connection.close()

    def _connect(self) -> None:
        with outlasting(self._requests):
            self._connection.enter_context(_connected(self._address, self._resources))


def _connected(address: str | None, needed: Resources) -> AbstractContextManager[None]:
    from orchestrator.execution.cluster import connected  # noqa: PLC0415

    return connected(address, needed)
