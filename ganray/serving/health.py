"""Whether an engine still renders. A GPU that hangs, or has an error that stays, looks well to everything but a render.

Each batch that a request needed is a proof. Where there was none for a while, one batch is rendered to see: in a thread of its own, since
it may never return.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from ganray.engine import Engine
from ganray.requests import GenerateRequest
from ganray.serving.refusals import Unhealthy

EVERY_S = 15.0  # without a render, before one is tried; and between tries
TIMEOUT_S = 20.0  # of a try; the first batch of a GPU takes seconds
STICKY = "CUDA error"  # of PyTorch's message where the context is lost: every later call of this process fails, too
NOT_STICKY = "out of memory"


@dataclass
class _Trial:
    """One batch that is rendered to see whether it can be."""

    began: float = field(default_factory=time.monotonic)
    ended: Future[None] = field(default_factory=Future)


class Health:
    """Knows whether an engine renders; thread-safe."""

    def __init__(self, engine: Engine, every: float = EVERY_S, timeout: float = TIMEOUT_S, trials: bool = True) -> None:
        """Without `trials` it knows what requests have found: a CPU does not hang, and may take longer for a batch than a GPU ever does."""
        self._engine, self._every, self._timeout, self._trials = engine, every, timeout, trials
        self._well = self._last = (
            time.monotonic()
        )  # when a batch was rendered, and when the last trial began; at first the model was loaded
        self._trial: _Trial | None = None
        self._error = ""
        self.lost = ""

    def rendered(self) -> None:
        """Take note that a batch was rendered."""
        self._well, self._error = time.monotonic(), ""

    def failed(self, error: BaseException) -> None:
        """Take note of an error of a render: some stay until the process ends."""
        text = str(error)
        if isinstance(error, RuntimeError) and STICKY in text and NOT_STICKY not in text:
            self.lost = text.strip().splitlines()[0]

    def require(self) -> None:
        """Return at once. Raises Unhealthy for what is known; a trial that is due begins, and counts the next time."""
        self._begin_if_due()
        self._raise_known()

    def _raise_known(self) -> None:
        trial = self._trial
        late = trial is not None and not trial.ended.done() and self._well < trial.began <= time.monotonic() - self._timeout
        known = self.lost or (f"a batch did not return in {self._timeout:g} s" if late else self._error)
        if known:
            raise Unhealthy(f"the engine does not render: {known}", "Restart it; if that does not help, look at the GPU")

    async def check(self) -> None:
        """Wait for a trial where one is due or under way, no longer than its time-out. Raises Unhealthy."""
        self._begin_if_due()
        if (trial := self._trial) is not None and not trial.ended.done():
            rest = trial.began + self._timeout - time.monotonic()
            await asyncio.wait([asyncio.wrap_future(trial.ended)], timeout=max(0.0, rest) + 0.01)  # timers may be early
        self._raise_known()

    def _begin_if_due(self) -> None:
        busy = self._trial is not None and not self._trial.ended.done()
        if not self._trials or busy or self.lost or time.monotonic() - max(self._well, self._last) < self._every:
            return
        self._last, self._trial = time.monotonic(), _Trial()
        threading.Thread(target=self._try, args=(self._trial,), name="health", daemon=True).start()

    def _try(self, trial: _Trial) -> None:
        try:
            self._engine.render(*self._engine.draw([(GenerateRequest(id="health", seed=0), 0)]))
        except Exception as error:
            self.failed(error)
            self._error = f"{type(error).__name__}: {error}"
        else:
            self.rendered()
        trial.ended.set_result(None)
