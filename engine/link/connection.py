"""What the client's network thread does: connect, shake hands, then carry messages both ways until the end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.frames import CloseCode

from engine.link import codec
from engine.link.authorization import HEADER, authorization
from engine.link.errors import FrameOutdated, LinkError
from engine.link.message_queue import LinkBusy, MessageQueue
from engine.link.messages import ENGINE_MESSAGES, Hello, Message, Problem, Welcome
from engine.link.ring import RingReader
from engine.link.silence import SILENCE_SECONDS, Listening, WatchedClientConnection
from engine.link.tls import describe_failure
from engine.link.values import printable
from engine.link.versions import find_mismatch_in_answer

_FRAGMENT_BYTES = 1 << 17
_NEXT_ATTEMPT, _MOST_ATTEMPTS = 0.4, 24  # seconds without an answer before one more is begun
_TOKEN_HINT = "Use the token that the engine was started with."
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds, about, before knocking again


class ConnectionEnded(Exception):
    """The connection is over; the message says why. ``by_engine``: the engine itself wanted it so."""

    def __init__(self, words: str, *, by_engine: bool = False) -> None:
        super().__init__(words)
        self.by_engine = by_engine


class _HungUp(ConnectionEnded):
    """Who listens there hung up without a word: there may be a crowd at the engine's door."""


class _WrongToken(ConnectionEnded):
    """The engine has another token."""


class Connection:
    """One connection's life inside one asyncio loop.

    ``deliver`` takes each message that comes in and raises LinkBusy while there is no room; ``greet`` takes the
    Welcome. ``wake_sender`` is set after something was put into ``outgoing``, ``wake_receiver`` after room was made.
    """

    def __init__(
        self,
        address: tuple[str, int],
        token: str,
        hello: Hello,
        outgoing: MessageQueue,
        deliver: Callable[[Message], None],
        greet: Callable[[Welcome], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.wake_sender = asyncio.Event()
        self.wake_receiver = asyncio.Event()
        self._address, self._token, self._hello = address, token, hello
        self._outgoing, self._deliver, self._greet = outgoing, deliver, greet
        self._tls = tls
        self._ring: RingReader | None = None
        self._packing = codec.RAW
        self._listening: Listening | None = None

    async def run(self) -> None:
        """Talk until the end, which is always a ConnectionEnded (or the task's cancellation)."""
        while True:
            connection, welcome = await self._meet()
            async with connection:
                if welcome.ring is not None and not _is_readable(Path(welcome.ring)):
                    # Loopback leads to another machine, through a tunnel: shake hands again.
                    self._hello = dataclasses.replace(self._hello, same_host=False)
                    continue
                await self._carry(connection, welcome)

    async def _meet(self) -> tuple[WatchedClientConnection, Welcome]:
        """Connect and shake hands. Of many who have not shown the token yet the engine sends some away, whoever they
        are: so knock again."""
        for pause in _PAUSES:
            with contextlib.suppress(_HungUp):
                return await self._knock()
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)
        return await self._knock()

    async def _knock(self) -> tuple[WatchedClientConnection, Welcome]:
        try:
            connection = await self._connect()
        except _WrongToken as refused:
            self._deliver(Problem(code="token", message=str(refused), hint=_TOKEN_HINT, fatal=True))
            raise
        self._listening = Listening(connection)
        try:
            return connection, await self._shake_hands(connection)
        except BaseException:
            connection.transport.abort()
            raise

    async def _connect(self) -> WatchedClientConnection:
        """The first of several attempts to succeed: where too many come, the system drops what it can't take, and what
        was dropped comes again only after a second, then after two, then four."""
        attempts: set[asyncio.Task[WatchedClientConnection]] = set()
        try:
            for _ in range(_MOST_ATTEMPTS):
                attempts.add(asyncio.ensure_future(self._open_connection()))
                done, _ = await asyncio.wait(attempts, timeout=_NEXT_ATTEMPT, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    break
            else:
                done, _ = await asyncio.wait(attempts, return_when=asyncio.FIRST_COMPLETED)
            first = done.pop()
            attempts.discard(first)
            return first.result()
        finally:
            for attempt in attempts:
                attempt.cancel()
            for late in await asyncio.gather(*attempts, return_exceptions=True):
                if isinstance(late, WatchedClientConnection):
                    late.transport.abort()

    async def _open_connection(self) -> WatchedClientConnection:
        host, port = self._address
        place = f"{host}:{port}"
        scheme = "ws" if self._tls is None else "wss"
        try:
            connection = await connect(
                f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}",
                ssl=self._tls,
                compression=None,
                proxy=None,
                additional_headers={HEADER: authorization(self._token)},
                max_size=codec.MAX_MESSAGE_BYTES + codec.MAX_HEADER_BYTES,
                create_connection=WatchedClientConnection,
                ping_interval=None,  # the engine's status tells that it is there
                close_timeout=1.0,
            )
            assert isinstance(connection, WatchedClientConnection)
            return connection
        except TimeoutError:
            raise ConnectionEnded(f"the engine at {place} did not answer") from None
        except InvalidStatus as error:
            if error.response.status_code != HTTPStatus.UNAUTHORIZED:
                raise ConnectionEnded(f"what listens at {place} is not a Hashlight engine") from None
            raise _WrongToken("wrong token", by_engine=True) from None
        except ConnectionRefusedError:
            raise ConnectionEnded(f"no engine listens at {place}: the connection was refused") from None
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            words = "; does it serve TLS?" if self._tls is not None else ""
            raise _HungUp(f"what listens at {place} hung up{words}") from None
        except ssl.SSLError as error:
            raise ConnectionEnded(describe_failure(place, error)) from None
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise ConnectionEnded(f"the engine at {place} can't be reached: {reason}") from None
        except (InvalidHandshake, InvalidMessage, EOFError) as error:
            kind = _HungUp if isinstance(error.__cause__ or error, EOFError | ConnectionError) else ConnectionEnded
            raise kind(f"what listens at {place} is not a Hashlight engine, or one that wants TLS") from None

    async def _shake_hands(self, connection: WatchedClientConnection) -> Welcome:
        await self._send(connection, self._hello)
        data = await self._receive_data(connection)
        answer = find_mismatch_in_answer(data) or self._decode(data)
        if isinstance(answer, Problem):
            self._deliver(answer)
            raise ConnectionEnded(answer.message, by_engine=True)
        if not isinstance(answer, Welcome):
            raise ConnectionEnded(f"the engine answered the handshake with {type(answer).__name__}")
        return answer

    async def _carry(self, connection: WatchedClientConnection, welcome: Welcome) -> None:
        self._ring = None if welcome.ring is None else RingReader(Path(welcome.ring))
        self._packing = codec.RAW if self._hello.same_host else codec.Packing(welcome.compression)
        self._greet(welcome)
        sender = asyncio.ensure_future(self._send_queued(connection))
        receiver = asyncio.ensure_future(self._receive_all(connection))
        watcher = asyncio.ensure_future(self._notice_silence(connection))
        tasks = (watcher, receiver, sender)
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # The receiver knows more: the engine may have said why it hangs up.
            if sender in done:
                await asyncio.wait((receiver,), timeout=1.0)
            next(task for task in tasks if task.done()).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._ring is not None:
                self._ring.close()

    async def _send_queued(self, connection: WatchedClientConnection) -> None:
        while True:
            self.wake_sender.clear()
            while (message := self._outgoing.pop()) is not None:
                await self._send(connection, message)
            await self.wake_sender.wait()

    async def _send(self, connection: WatchedClientConnection, message: Message) -> None:
        try:
            parts = await asyncio.to_thread(codec.encode_parts, message, self._packing)
            size = sum(len(part) for part in parts)
            await connection.send(_split(parts) if size > _FRAGMENT_BYTES else b"".join(parts))
        except ConnectionClosed as closed:
            raise _describe_closing(closed) from None

    async def _receive_all(self, connection: WatchedClientConnection) -> None:
        while True:
            try:
                message = await self._receive(connection)
            except FrameOutdated:
                continue
            while True:
                self.wake_receiver.clear()
                try:
                    self._deliver(message)
                    break
                except LinkBusy:
                    await self.wake_receiver.wait()
            if isinstance(message, Problem) and message.fatal:
                raise ConnectionEnded(message.message, by_engine=True)

    async def _notice_silence(self, connection: WatchedClientConnection) -> None:
        assert self._listening is not None
        await self._listening.wait_for_silence()
        connection.transport.abort()  # the other side no longer answers a close frame
        raise ConnectionEnded(f"the engine has not answered for {SILENCE_SECONDS:g} s")

    async def _receive(self, connection: WatchedClientConnection) -> Message:
        return self._decode(await self._receive_data(connection))

    async def _receive_data(self, connection: WatchedClientConnection) -> bytes | str:
        assert self._listening is not None
        try:
            data: bytes | str = await self._listening.receive()
        except ConnectionClosed as closed:
            raise _describe_closing(closed) from None
        return data

    def _decode(self, data: bytes | str) -> Message:
        try:
            return codec.decode(data, ENGINE_MESSAGES, self._ring)
        except FrameOutdated:
            raise
        except LinkError as error:
            raise ConnectionEnded(f"the engine sent something that can't be read: {error}") from error


async def _split(parts: Sequence[codec.BytesLike]) -> AsyncIterator[codec.BytesLike]:
    """A large message in fragments. A client has to mask what it sends, and in pure Python that keeps all other threads
    waiting, Blender's window too: so a little at a time, and the others first."""
    for part in parts:
        for start in range(0, len(part), _FRAGMENT_BYTES):
            yield part[start : start + _FRAGMENT_BYTES]
            await asyncio.sleep(0)


def _is_readable(folder: Path) -> bool:
    try:
        return folder.is_dir() and next(folder.iterdir(), folder) is not None
    except OSError:
        return False


def _describe_closing(closed: ConnectionClosed) -> ConnectionEnded:
    if closed.rcvd is None:
        return _HungUp("the connection to the engine was lost: it has ended, crashed or can't be reached any more")
    reason = f": {printable(closed.rcvd.reason, 200)}" if closed.rcvd.reason else ""
    is_accident = closed.rcvd.code == CloseCode.INTERNAL_ERROR
    return ConnectionEnded(f"the engine closed the connection{reason}", by_engine=not is_accident)
