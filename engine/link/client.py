"""The client's end of the link, for the add-on inside Blender, the command line and tests.

All traffic runs in one daemon thread with an asyncio loop of its own; the caller's thread only touches two queues, so
``send`` and ``poll`` never wait. One EngineClient is one connection: after a loss, make a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import engine
from engine.link import codec
from engine.link.addresses import LOOPBACK
from engine.link.compression import best_compression
from engine.link.connection import Connection, ConnectionEnded
from engine.link.errors import LinkError
from engine.link.message_queue import LinkBusy, MessageQueue
from engine.link.messages import PROTOCOL, Hello, Message, Problem, Role, Welcome

__all__ = ["EngineClient", "EngineProblem", "LinkBusy", "LinkError", "LinkLost", "LinkTimeout"]

_QUEUE_BYTES = 256 << 20  # at most in each of the two
_CLOSE_SECONDS = 2.0

M = TypeVar("M", bound=Message)


class LinkLost(LinkError):
    """The connection could not be made, or is gone."""


class LinkTimeout(LinkError):
    """The awaited message did not come in time."""


class EngineProblem(LinkError):
    """The engine answered with a Problem, kept in ``problem``."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.message} ({problem.hint})" if problem.hint else problem.message)
        self.problem = problem


class EngineClient:
    """A connection to one engine.

    ``same_host`` None: pixels come through the ring file when ``host`` is loopback and the ring can be read, else
    inside the messages. ``tls``: encrypt, and trust whom it says. ``role`` "viewer": watch an engine that another
    client controls, see ``messages.Hello``. ``take_over``: of an engine that is busy with another client in control,
    take that one's place.
    """

    def __init__(
        self,
        host: str,
        port: int,
        token: str,
        name: str = "client",
        *,
        same_host: bool | None = None,
        tls: ssl.SSLContext | None = None,
        role: Role = "controller",
        take_over: bool = False,
    ) -> None:
        self._address = f"{host}:{port}"
        self._outgoing = MessageQueue(_QUEUE_BYTES)
        self._incoming = MessageQueue(_QUEUE_BYTES)
        self._changed = threading.Condition()  # something came in, or the state changed
        self._welcome: Welcome | None = None
        self._failure: str | None = None
        self._was_dismissed = False
        self._finished = False
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        hello = Hello(
            protocol=PROTOCOL,
            version=engine.__version__,
            client=name,
            same_host=host in LOOPBACK if same_host is None else same_host,
            role=role,
            take_over=take_over,
            compression=best_compression(),
        )
        self._connection = Connection((host, port), token, hello, self._outgoing, self._deliver, self._greet, tls)

    # --- any thread ---------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to connect, without waiting: ``is_open`` and ``failure`` tell how it went."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="hashlight-link", daemon=True)
            self._thread.start()

    def connect(self, timeout: float = 10.0) -> Welcome:
        """Connect and shake hands. Raises EngineProblem when the engine refuses, LinkLost when it can't be reached,
        LinkTimeout."""
        self.open()
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._welcome is None and not self._finished:
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    break
        if self._welcome is not None:
            return self._welcome
        if isinstance(problem := self._incoming.pop(lambda message: isinstance(message, Problem)), Problem):
            self.close()
            raise EngineProblem(problem)
        finished = self._finished
        self.close()
        if finished:
            raise LinkLost(self._failure or "the connection was closed")
        raise LinkTimeout(f"the engine at {self._address} did not answer within {timeout:g} s")

    @property
    def welcome(self) -> Welcome | None:
        """The engine's answer to the handshake, once it is there."""
        return self._welcome

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and the connection stands."""
        return self._welcome is not None and not self._finished

    @property
    def failure(self) -> str | None:
        """Why the connection failed or was lost, None while all is well or after ``close``."""
        return self._failure

    @property
    def was_dismissed(self) -> bool:
        """Whether the engine itself ended the connection: it would not be otherwise with another."""
        return self._was_dismissed

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return self._outgoing.pending_bytes

    def send(self, message: Message) -> None:
        """Queue ``message``; its arrays must not change afterwards. Never waits. Raises LinkBusy past the byte bound,
        LinkLost without a connection, LinkError when the message is malformed."""
        codec.check(message)
        if not self.is_open:
            raise LinkLost(self._failure or "not connected to the engine")
        self._outgoing.put(message)
        self._call_in_loop(self._connection.wake_sender.set)

    def poll(self) -> list[Message]:
        """Everything that came since the last call, oldest first. Never waits."""
        messages = self._incoming.drain()
        if messages:
            self._call_in_loop(self._connection.wake_receiver.set)
        return messages

    def take(self, match: Callable[[Message], bool]) -> Message | None:
        """The oldest message that has come and for which ``match`` holds, out of turn; None when there is none."""
        message = self._incoming.pop(match)
        if message is not None:
            self._call_in_loop(self._connection.wake_receiver.set)
        return message

    def wait_for(self, kind: type[M], timeout: float, match: Callable[[M], bool] | None = None) -> M:
        """Wait for a message of type ``kind`` for which ``match`` holds; others stay for ``poll``. Raises EngineProblem
        on any Problem, LinkLost, LinkTimeout. Not for Blender's main thread."""

        def is_awaited(message: Message) -> bool:
            if isinstance(message, Problem) and kind is not Problem:
                return True
            return isinstance(message, kind) and (match is None or match(message))

        deadline = time.monotonic() + timeout
        while True:
            with self._changed:
                finished = self._finished
                message = self._incoming.pop(is_awaited)
                remaining = deadline - time.monotonic()
                if message is None and not finished and remaining > 0:
                    self._changed.wait(remaining)
                    continue
            if message is not None:
                self._call_in_loop(self._connection.wake_receiver.set)
                if isinstance(message, kind):
                    return message
                assert isinstance(message, Problem)
                raise EngineProblem(message)
            if finished:
                raise LinkLost(self._failure or "the connection was closed")
            raise LinkTimeout(f"no {kind.__name__} came from the engine within {timeout:g} s")

    def close(self, timeout: float = _CLOSE_SECONDS) -> None:
        """Hang up; what is still queued is lost. Returns within about ``timeout`` seconds."""
        self._closing = True
        self._call_in_loop(self._cancel)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        self._finish(None)

    # --- network thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        words: str | None = None
        try:
            asyncio.run(self._converse())
        except ConnectionEnded as ended:
            words = str(ended)
            self._was_dismissed = ended.by_engine
        except asyncio.CancelledError:
            pass
        except Exception as error:  # a silent death would leave the caller waiting
            words = f"the link failed: {type(error).__name__}: {error}"
        self._finish(words)

    async def _converse(self) -> None:
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        if not self._closing:
            await self._connection.run()

    def _deliver(self, message: Message) -> None:
        self._incoming.put(message)
        with self._changed:
            self._changed.notify_all()

    def _greet(self, welcome: Welcome) -> None:
        with self._changed:
            self._welcome = welcome
            self._changed.notify_all()

    def _finish(self, words: str | None) -> None:
        with self._changed:
            if not self._finished:
                self._finished = True
                self._failure = None if self._closing else words
            self._changed.notify_all()

    def _call_in_loop(self, function: Callable[[], object]) -> None:
        # The loop may be gone already, or not there yet.
        with contextlib.suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
