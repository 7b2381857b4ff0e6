"""What the client's network thread does: connect, shake hands, then carry messages both ways until the end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

import engine
from engine.link import codec
from engine.link.errors import FrameOutdated, LinkError
from engine.link.message_queue import LinkBusy, MessageQueue
from engine.link.messages import ENGINE_MESSAGES, PROTOCOL, Hello, Message, Problem, Welcome
from engine.link.ring import RingReader
from engine.link.tls import describe_failure

PING_INTERVAL = 20.0
PING_TIMEOUT = 120.0  # a busy interpreter (Blender rendering, Taichi compiling) may answer late
_FRAGMENT_BYTES = 1 << 17


class ConversationEnded(Exception):
    """The conversation is over; the message says why, in words."""


class Conversation:
    """One connection's life inside one asyncio loop.

    ``deliver`` takes each message that comes in and raises LinkBusy while there is no room; ``greet`` takes the
    Welcome. ``wake_sender`` is set after something was put into ``outgoing``, ``wake_receiver`` after room was made.
    """

    def __init__(
        self,
        address: tuple[str, int],
        token: str,
        name: str,
        same_host: bool,
        outgoing: MessageQueue,
        deliver: Callable[[Message], None],
        greet: Callable[[Welcome], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.wake_sender = asyncio.Event()
        self.wake_receiver = asyncio.Event()
        self._address, self._token, self._name, self._same_host = address, token, name, same_host
        self._outgoing, self._deliver, self._greet = outgoing, deliver, greet
        self._tls = tls
        self._ring: RingReader | None = None

    async def run(self) -> None:
        """Talk until the end, which is always a ConversationEnded (or the task's cancellation)."""
        while True:
            connection = await self._connect()
            async with connection:
                welcome = await self._shake_hands(connection)
                if welcome.ring is not None and not _is_readable(Path(welcome.ring)):
                    self._same_host = False  # loopback leads to another machine, through a tunnel: shake hands again
                    continue
                await self._carry(connection, welcome)

    async def _connect(self) -> ClientConnection:
        host, port = self._address
        place = f"{host}:{port}"
        scheme = "ws" if self._tls is None else "wss"
        try:
            return await connect(
                f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}",
                ssl=self._tls,
                compression=None,
                proxy=None,
                max_size=codec.MAX_MESSAGE_BYTES + codec.MAX_HEADER_BYTES,
                ping_interval=PING_INTERVAL,
                ping_timeout=PING_TIMEOUT,
                close_timeout=1.0,
            )
        except TimeoutError:
            raise ConversationEnded(f"the engine at {place} did not answer") from None
        except ConnectionRefusedError:
            raise ConversationEnded(f"no engine listens at {place}: the connection was refused") from None
        except ssl.SSLError as error:
            raise ConversationEnded(describe_failure(place, error)) from None
        except ConnectionResetError:
            words = "; does it serve TLS?" if self._tls is not None else ""
            raise ConversationEnded(f"what listens at {place} hung up{words}") from None
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            raise ConversationEnded(f"the engine at {place} can't be reached: {reason}") from None
        except (InvalidHandshake, InvalidMessage, EOFError):
            raise ConversationEnded(
                f"what listens at {place} is not a Hashlight engine, or one that wants TLS"
            ) from None

    async def _shake_hands(self, connection: ClientConnection) -> Welcome:
        hello = Hello(
            protocol=PROTOCOL,
            version=engine.__version__,
            token=self._token,
            client=self._name,
            same_host=self._same_host,
        )
        await self._send(connection, hello)
        answer = await self._receive(connection)
        if isinstance(answer, Problem):
            self._deliver(answer)
            raise ConversationEnded(answer.message)
        if not isinstance(answer, Welcome):
            raise ConversationEnded(f"the engine answered the handshake with {type(answer).__name__}")
        if answer.protocol != PROTOCOL:
            raise ConversationEnded(
                f"the engine (version {answer.version}) speaks protocol {answer.protocol}, this side (version "
                f"{engine.__version__}) speaks {PROTOCOL}: set up the engine again"
            )
        return answer

    async def _carry(self, connection: ClientConnection, welcome: Welcome) -> None:
        self._ring = None if welcome.ring is None else RingReader(Path(welcome.ring))
        self._greet(welcome)
        sender = asyncio.ensure_future(self._send_queued(connection))
        receiver = asyncio.ensure_future(self._receive_all(connection))
        try:
            done, _ = await asyncio.wait((sender, receiver), return_when=asyncio.FIRST_COMPLETED)
            # The receiver knows more: the engine may have said why it hangs up.
            if sender in done:
                await asyncio.wait((receiver,), timeout=1.0)
            (receiver if receiver.done() else sender).result()
        finally:
            sender.cancel()
            receiver.cancel()
            await asyncio.gather(sender, receiver, return_exceptions=True)
            if self._ring is not None:
                self._ring.close()

    async def _send_queued(self, connection: ClientConnection) -> None:
        while True:
            self.wake_sender.clear()
            while (message := self._outgoing.pop()) is not None:
                await self._send(connection, message)
            await self.wake_sender.wait()

    async def _send(self, connection: ClientConnection, message: Message) -> None:
        packing: codec.Packing = "raw" if self._same_host else "zlib"
        try:
            parts = await asyncio.to_thread(codec.encode_parts, message, packing)
            size = sum(len(part) for part in parts)
            await connection.send(_split(parts) if size > _FRAGMENT_BYTES else b"".join(parts))
        except ConnectionClosed as closed:
            raise ConversationEnded(_describe_closing(closed)) from None

    async def _receive_all(self, connection: ClientConnection) -> None:
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
                raise ConversationEnded(message.message)

    async def _receive(self, connection: ClientConnection) -> Message:
        try:
            data = await connection.recv()
        except ConnectionClosed as closed:
            raise ConversationEnded(_describe_closing(closed)) from None
        try:
            return codec.decode(data, ENGINE_MESSAGES, self._ring)  # type: ignore[arg-type]  # decode refuses text
        except FrameOutdated:
            raise
        except LinkError as error:
            raise ConversationEnded(f"the engine sent something that can't be read: {error}") from error


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


def _describe_closing(closed: ConnectionClosed) -> str:
    if closed.rcvd is None:
        return "the connection to the engine was lost: it has ended, crashed or can't be reached any more"
    reason = f": {closed.rcvd.reason}" if closed.rcvd.reason else ""
    return f"the engine closed the connection{reason}"
