"""Holding on to an engine: its process, if it is ours, and the connection to it. No ``bpy``, and nothing waits."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from engine.link.client import EngineClient, EngineProblem, LinkError, LinkLost
from engine.link.launcher import EngineProcess, LaunchError
from engine.link.messages import Message, Problem, Welcome
from engine.link.ring import RING_PREFIX

from ..folder_lock import FolderLock
from .connecting import Connecting, EngineSource, LocalEngine
from .failure import Failure

Phase = Literal["stopped", "starting", "ready", "stopping", "lost"]

RECONNECT_PATIENCE = 30.0  # seconds for a lost connection to be made again
_RETRY_SECONDS = 1.0
STOP_PATIENCE = 10.0  # seconds for the engine to save its run and end
_LONGEST_GAP = 1.0  # seconds between two calls: while none came, nothing was read
EXIT_GRACE_SECONDS = 1.0  # after the connection broke: the engine's process may just be ending


class Attachment:
    """One engine, from its start to its end or loss; it may be started again."""

    def __init__(self, source: EngineSource, former: Attachment | None = None) -> None:
        """``former``: one that ends; the engine of this one starts when the other's is gone."""
        self.source = source
        self.phase: Phase = "stopped"
        self.welcome: Welcome | None = None
        self.silent_seconds = 0.0  # for how long an engine that is there has said nothing
        self._listened_at = time.monotonic()
        self._connecting: Connecting | None = None
        self._process: EngineProcess | None = None
        self._folder_lock: FolderLock | None = None
        self._client: EngineClient | None = None
        self._ending = former._ending if former is not None else None
        self._lost_at: float | None = None
        self._loss: Failure | None = None
        self._farewell: Problem | None = None  # what the engine said when it hung up
        self._take_over = False
        self._broke_at: float | None = None  # when the connection was lost that is to be made again
        self._has_broken = False
        self._next_attempt = 0.0

    def start(self, take_over: bool = False) -> None:
        """Start or find the engine: ``advance`` does it, once the former engine is gone. ``take_over``: one that is
        busy with another client hangs up on that one.

        Raises FolderError when our engine can't have the folder that it is to work in.
        """
        if isinstance(self.source, LocalEngine) and self._folder_lock is None:
            self._folder_lock = FolderLock(self.source.root)
        self.phase, self._take_over = "starting", take_over

    def stop(self, patience: float = STOP_PATIENCE) -> None:
        """Have our engine save its run and end, or leave one that is not ours; ``advance`` sees it through.

        ``patience``: seconds after which an engine that does not answer is ended all the same.
        """
        self._let_go(patience if self.phase == "ready" or self.is_reconnecting else 0.0)
        self.phase = "stopping"

    def close(self, timeout: float = STOP_PATIENCE) -> None:
        """``stop``, and wait for it, at most about ``timeout`` seconds."""
        self.stop()
        if self._ending is not None:
            self._ending.join(timeout)
        self.phase = "stopped"

    def advance(self) -> bool:
        """Do the next step of starting or stopping; returns whether the engine has just got ready."""
        if self._ending is not None and not self._ending.is_alive():
            self._ending = None
        if self.phase == "stopping" and self._ending is None:
            self.phase = "stopped"
        return self.phase == "starting" and self._ending is None and self._connect()

    def receive(self) -> list[Message]:
        """What the engine sent since the last call."""
        received = [] if self._client is None else self._client.poll()
        now = time.monotonic()
        waited = min(now - self._listened_at, _LONGEST_GAP)
        is_listening = self.phase == "ready" or self.is_reconnecting
        self.silent_seconds = self.silent_seconds + waited if is_listening and not received else 0.0
        self._listened_at = now
        for message in received:
            if isinstance(message, Problem) and message.fatal:
                self._farewell = message
        return received

    def take(self, match: Callable[[Message], bool]) -> Message | None:
        """The oldest message for which ``match`` holds, out of turn; None when there is none."""
        return None if self._client is None else self._client.take(match)

    def send(self, message: Message) -> None:
        """Give ``message`` to the link. Raises what ``EngineClient.send`` raises."""
        if self._client is None:
            raise LinkLost("not connected to the engine")
        self._client.send(message)

    def notice_break(self) -> bool:
        """Whether the connection was lost and is being made again, told once."""
        has_broken, self._has_broken = self._has_broken, False
        return has_broken

    @property
    def is_reconnecting(self) -> bool:
        """Whether a connection that was lost is being made again."""
        return self._broke_at is not None

    def notice_loss(self) -> Failure | None:
        """Why the engine could not be reached or was lost, told once; None while there is nothing to tell."""
        if self._client is not None and not self._client.is_open:
            self._find_out(self._client)
        loss, self._loss = self._loss, None
        return loss

    @property
    def is_alive(self) -> bool:
        """Whether the engine is there, or on its way."""
        return self.phase in ("starting", "ready")

    @property
    def is_open(self) -> bool:
        """Whether messages can go both ways."""
        return self._client is not None and self._client.is_open

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return 0 if self._client is None else self._client.pending_bytes

    @property
    def pid(self) -> int | None:
        """The process id of our engine, None when there is none."""
        return None if self._process is None else self._process.pid

    @property
    def is_gone(self) -> bool:
        """Whether no engine of ours is there any more, not even one that is saving its run."""
        is_ending = self._ending is not None and self._ending.is_alive()
        return self.phase in ("stopped", "lost") and not is_ending

    def _connect(self) -> bool:
        try:
            if self._connecting is None:
                if self.is_reconnecting and time.monotonic() < self._next_attempt:
                    return False
                self._connecting = Connecting(self.source, self._process, self._take_over)
                self._process = self._connecting.process
            connected = self._connecting.result()
        except EngineProblem as refusal:
            problem = refusal.problem
            if problem.code == "busy" and self._tries_again():  # it may not have noticed yet that we are gone
                return False
            self._fail(f"The engine refused: {problem.message}", problem.hint, problem.code)
            return False
        except LinkError as error:
            if not isinstance(error, LaunchError) and self._tries_again():
                return False
            hint = "Check that it runs there, the address and the port, and what is between: a firewall, a tunnel."
            self._fail(f"No engine to talk to: {error}", self._point_to_log() or hint)
            return False
        if connected is None:
            return False
        self._client, self.welcome = connected
        self._connecting = self._lost_at = self._broke_at = None
        self._take_over = False  # when this connection is lost, another client may be there with good reason
        self.phase = "ready"
        return True

    def _tries_again(self) -> bool:
        """Whether a lost connection is tried to be made once more, after a moment."""
        now = time.monotonic()
        if self._broke_at is None or now - self._broke_at > RECONNECT_PATIENCE:
            return False
        self._connecting, self._next_attempt = None, now + _RETRY_SECONDS
        return True

    def _find_out(self, client: EngineClient) -> None:
        """The connection is gone: why? A process that died is known to be dead only a moment later."""
        if client.was_dismissed and self._farewell is not None:
            self._fail(self._farewell.message, self._farewell.hint or "Start the engine again.", self._farewell.code)
            return
        now = time.monotonic()
        self._lost_at = self._lost_at or now
        words = f"The connection to the engine was lost: {client.failure or 'it was closed'}"
        if self._process is not None:
            try:
                self._process.poll()
            except LinkError as error:
                words = str(error)
            else:
                if now - self._lost_at < EXIT_GRACE_SECONDS:
                    return
                if not client.was_dismissed:
                    self._reconnect(client)
                    return
        elif not client.was_dismissed:
            self._reconnect(client)
            return
        hint = f"Start the engine again: training goes on from the last snapshot. {self._point_to_log()}"
        self._fail(words, hint.strip())

    def _reconnect(self, client: EngineClient) -> None:
        """The engine is there, or may be: its connection is made again."""
        threading.Thread(target=client.close, name="hashlight-hang-up", daemon=True).start()
        self._client = self._connecting = self._lost_at = None
        self._broke_at = time.monotonic()
        self._next_attempt = 0.0
        self._has_broken = True
        self.phase = "starting"

    def _point_to_log(self) -> str:
        return f"Its output is in {self.source.log}." if isinstance(self.source, LocalEngine) else ""

    def _fail(self, words: str, hint: str, code: str = "engine") -> None:
        self._let_go(timeout=0.0)
        self.phase = "lost"
        message = words.splitlines()[0].rstrip(":;")
        self._loss = Failure(message[:1].upper() + message[1:], hint, code)

    def _let_go(self, timeout: float) -> None:
        """Hang up and end our process, if there is one, in the background: it may take ``timeout`` seconds to save."""
        if self._connecting is not None:
            self._connecting.abandon()
        if self._client is not None or self._process is not None:
            self._ending = threading.Thread(
                target=_end,
                args=(self._client, self._process, timeout, self._ending, self._folder_lock, self._ring),
                name="hashlight-end-engine",
                daemon=True,
            )
            self._ending.start()
        elif self._folder_lock is not None:
            self._folder_lock.release()
        self._connecting = self._client = self._process = self._lost_at = self._folder_lock = None
        self._broke_at = self._farewell = None

    @property
    def _ring(self) -> str | None:
        """The folder that our engine leaves behind when it is killed."""
        is_ours = self._process is not None and self._client is not None and self.welcome is not None
        ring = self.welcome.ring if is_ours else None
        return ring if ring is not None and Path(ring).name.startswith(RING_PREFIX) else None


def _end(
    client: EngineClient | None,
    process: EngineProcess | None,
    timeout: float,
    former: threading.Thread | None,
    folder_lock: FolderLock | None,
    ring: str | None,
) -> None:
    if client is not None:
        client.close()
    if process is not None:
        process.stop(timeout)
    if ring is not None:
        shutil.rmtree(ring, ignore_errors=True)
    if folder_lock is not None:
        folder_lock.release()
    if former is not None:
        former.join()
