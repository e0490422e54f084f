"""Start the steps of a stack as early as their order allows, tend the processes that run, stop them in order.

One thread does it all, by looking at each in turn. Which processes there are is left to `stack`, the life of one to
`process`.
"""

import time
from collections.abc import Mapping, Sequence

from embedded.errors import StackError
from embedded.layout import Layout
from embedded.process import Reaper, StackProcess
from embedded.screen import Screen
from embedded.steps import ProcessSpec, Setup, StackStep

STOP_WITHIN_S = 15.0
RESTARTS = 5
BACK_OFF_S = 0.5  # before the first new start; doubled before each further one
STABLE_AFTER_S = 60.0  # a process that ran for so long starts its restarts anew
_POLL_S = 0.05


class _Restarts:
    """How often a process was started again of late, and when it will be once more."""

    def __init__(self) -> None:
        self.count = 0
        self.due_at: float | None = None
        self.started_at = time.monotonic()

    def plan(self, now: float) -> bool:
        """Plan the next start after a back-off; False when the process died too often."""
        self.count = 1 if now - self.started_at >= STABLE_AFTER_S else self.count + 1
        self.due_at = now + BACK_OFF_S * 2 ** (self.count - 1)
        return self.count <= RESTARTS

    def begin(self, now: float) -> None:
        """Note that the planned start happens now."""
        self.due_at, self.started_at = None, now


class Supervisor:
    """The processes of one stack. `start`, then `tend` again and again, then `stop`; all from one thread."""

    def __init__(
        self, steps: Sequence[StackStep], stop_order: Sequence[Sequence[str]], layout: Layout, screen: Screen
    ) -> None:
        self._steps = steps
        self._stop_order = stop_order
        self._screen = screen
        self._reaper = Reaper()
        self._restarts: dict[str, _Restarts] = {}
        self._processes = {
            step.name: StackProcess(step, layout.log(step.name), self._reaper)
            for step in steps
            if isinstance(step, ProcessSpec)
        }

    @property
    def processes(self) -> Mapping[str, StackProcess]:
        """The processes by name."""
        return self._processes

    def start(self) -> None:
        """Start everything and wait until it serves. Raises StackError when a step fails; the rest is left running."""
        done: set[str] = set()
        began: dict[str, float] = {}
        while len(done) < len(self._steps):
            for step in self._steps:
                if step.name not in began and done.issuperset(step.after):
                    began[step.name] = time.monotonic()
                    self._begin(step)
                if step.name in began and step.name not in done and self._is_done(step, began[step.name]):
                    done.add(step.name)
                    self._screen.step_done(step.title, time.monotonic() - began[step.name])
            self._refuse_dead(began)
            time.sleep(_POLL_S)

    def tend(self) -> None:
        """Look after the processes once: start one that died again if it may be. Raises StackError when it may not."""
        now = time.monotonic()
        for name, restarts in self._restarts.items():
            process = self._processes[name]
            if process.pid is not None:
                continue
            if restarts.due_at is None:
                self._plan_restart(process, restarts, now)
            elif now >= restarts.due_at:
                restarts.begin(now)
                process.start()

    def stop(self, within_s: float = STOP_WITHIN_S) -> None:
        """Stop the processes group by group, by force where one takes too long; repeating it is harmless."""
        deadline = time.monotonic() + within_s
        for group in self._stop_order:
            stopping = [self._processes[name] for name in group if name in self._processes]
            for process in stopping:
                process.terminate()
            for process in stopping:
                patience = min(process.spec.stop_within_s, deadline - time.monotonic())
                if not process.wait(max(0.0, patience)):
                    self._screen.note(f"{process.spec.title} did not stop within {patience:.0f} s: ended by force")
                    process.kill()
        self._reaper.close()

    def kill(self) -> None:
        """End everything at once."""
        for process in self._processes.values():
            process.kill()
        self._reaper.close()

    def _begin(self, step: StackStep) -> None:
        self._screen.step_starts(step.title)
        if isinstance(step, ProcessSpec):
            self._processes[step.name].start()
            self._restarts[step.name] = _Restarts()
        else:
            self._run(step)

    def _run(self, setup: Setup) -> None:
        try:
            setup.run()
        except StackError:
            self._screen.step_failed(setup.title)
            raise

    def _is_done(self, step: StackStep, began_at: float) -> bool:
        if isinstance(step, Setup) or step.ready():
            return True
        if time.monotonic() - began_at > step.start_within_s:
            self._screen.step_failed(step.title)
            raise self._processes[step.name].failure(f"was not ready within {step.start_within_s:.0f} s")
        return False

    def _refuse_dead(self, began: Mapping[str, float]) -> None:
        for name, process in self._processes.items():
            if name in began and process.pid is None:
                self._screen.step_failed(process.spec.title)
                raise process.failure(f"ended while the stack started ({process.ending})")

    def _plan_restart(self, process: StackProcess, restarts: _Restarts, now: float) -> None:
        process.wait(0.0)
        if not process.spec.restarts:
            raise process.failure(f"ended ({process.ending})")
        if not restarts.plan(now):
            raise process.failure(f"ended {RESTARTS + 1} times in a row ({process.ending})")
        self._screen.note(
            f"{process.spec.title} ended ({process.ending}) and is started again; its log is {process.previous_log}"
        )
