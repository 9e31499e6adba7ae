"""
Requests to end training early: a signal, the file OUT/stop, or the death of the parent process.

Training then finishes the current step and saves. The file exists because a signal is not enough: after a signal
torchrun gives its ranks 30 seconds, and a step with a checkpoint can take longer.
"""

import os
import signal

from .job import Job

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class StopRequest:
    def __init__(self, job: Job):
        self._file, self._parent, self._signalled = job.stop_request, os.getppid(), False
        for number in SIGNALS:
            signal.signal(number, self._note)

    def is_asked(self) -> bool:
        """On this rank; the ranks have to agree before one acts on it."""
        return self._signalled or os.getppid() != self._parent or self._file.exists()

    def was_obeyed(self) -> None:
        """For rank 0: the next start is not to stop for the same request."""
        self._file.unlink(missing_ok=True)

    def _note(self, *_: object) -> None:
        self._signalled = True
