"""The WebSocket server, in the main thread: who may talk, what comes in, what goes out. The work is done in Worker."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
import logging
import signal
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

import engine
from engine.link import codec
from engine.link.conversation import PING_INTERVAL, PING_TIMEOUT
from engine.link.errors import LinkError
from engine.link.messages import (
    CLIENT_MESSAGES,
    PROTOCOL,
    FetchFile,
    Hello,
    Message,
    Problem,
    Shutdown,
    Welcome,
)
from engine.link.ring import RingWriter
from engine.service.client import Client
from engine.service.paths import PathError, read_chunk
from engine.service.worker import Worker

log = logging.getLogger("hashlight.server")

HELLO_SECONDS = 10.0
STATUS_SECONDS = 0.2
_MAX_HELLO_BYTES = 1 << 16
_MAX_WAITING_CHUNKS = 16 << 20
_FULL_POLL_SECONDS = 0.01
_CLOSE_SECONDS = 1.0


class ServerError(Exception):
    """The server can't start; in words."""


class Server:
    """Serves one controlling client at a time; training goes on without one."""

    def __init__(self, root: Path, device: str, token: str) -> None:
        self._root, self._token = root, token
        self._client: Client | None = None
        self._ring = RingWriter()
        self._worker = Worker(root, device, self._post_from_worker, self._note_ready, self._note_end)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Future[str | None] | None = None
        self._ended = asyncio.Event()

    async def run(
        self, host: str, port: int, on_listening: Callable[[int], None], tls: ssl.SSLContext | None = None
    ) -> None:
        """Listen on ``host``:``port`` (0: any free one), encrypted by ``tls``, until told to shut down.

        ``on_listening`` gets the port once clients are welcome. Raises ServerError: port in use, no such device, ..."""
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        try:
            server = await serve(
                self._handle,
                host,
                port,
                ssl=tls,
                origins=[None],  # no web page may try
                compression=None,
                max_size=_MAX_HELLO_BYTES,  # raised after the handshake
                max_queue=2,
                ping_interval=PING_INTERVAL,
                ping_timeout=PING_TIMEOUT,
                close_timeout=_CLOSE_SECONDS,
                logger=logging.getLogger("hashlight.websocket"),
            )
        except OSError as error:
            self._ring.close()
            raise ServerError(_describe_bind(host, port, error)) from error
        try:
            self._worker.start()
            if (trouble := await self._ready) is not None:
                raise ServerError(trouble)
            with self._shut_down_on_signals():
                on_listening(server.sockets[0].getsockname()[1])
                status = asyncio.ensure_future(self._send_status())
                await self._ended.wait()
                status.cancel()
                await self._drain()
        finally:
            server.close(code=1001, reason="it was shut down")
            await server.wait_closed()
            self._ring.close()

    def shut_down(self) -> None:
        """Save the run and end; from any thread."""
        self._worker.submit(Shutdown())

    # --- connections --------------------------------------------------------------------------------------------------

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            client = await self._admit(connection)
            if client is None:
                return
            sender = asyncio.ensure_future(client.send_queued())
            try:
                await self._receive_all(client)
            finally:
                self._client = None
                self._worker.forget_frame_request()
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
                log.info("%s has gone", client.name)
        except ConnectionClosed:
            pass

    async def _admit(self, connection: ServerConnection) -> Client | None:
        """The handshake: the new client in control, or None after telling it why not."""
        try:
            data = await asyncio.wait_for(connection.recv(), HELLO_SECONDS)
            hello = codec.decode(data, (Hello,))  # type: ignore[arg-type]  # decode refuses text
        except (LinkError, TimeoutError) as error:
            words = str(error) if isinstance(error, LinkError) else f"no Hello within {HELLO_SECONDS:g} s"
            await self._refuse(connection, "bad message", f"the first message must be a Hello: {words}")
            return None
        assert isinstance(hello, Hello)
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            hint = "Use the token that the engine was started with."
            await self._refuse(connection, "token", "wrong token", hint)
        elif hello.protocol != PROTOCOL:
            older = "engine" if hello.protocol > PROTOCOL else "client"
            words = (
                f"the engine {engine.__version__} speaks protocol {PROTOCOL}, the client {hello.version} speaks "
                f"{hello.protocol}: the {older} is too old"
            )
            hint = "Both must be of one version: set up the engine again, on the machine that it runs on."
            await self._refuse(connection, "version", words, hint)
        elif self._client is not None:
            words = f"the engine is busy with another client, {self._client.name!r}"
            await self._refuse(connection, "busy", words, "Disconnect that one first.")
        else:
            return await self._welcome(connection, hello)
        return None

    async def _welcome(self, connection: ServerConnection, hello: Hello) -> Client:
        client = self._client = Client(connection, hello, self._ring)
        connection.protocol.max_message_size = codec.MAX_MESSAGE_BYTES + codec.MAX_HEADER_BYTES
        log.info("%s %s is connected", hello.client, hello.version)
        client.post(
            Welcome(
                protocol=PROTOCOL,
                version=engine.__version__,
                device=self._worker.device,
                device_name=self._worker.device_name,
                root=str(self._root),
                ring=str(self._ring.folder) if hello.same_host else None,
            )
        )
        return client

    async def _refuse(self, connection: ServerConnection, code: str, words: str, hint: str = "") -> None:
        log.warning("refused a client: %s", words)
        await connection.send(codec.encode(Problem(code=code, message=words, hint=hint, fatal=True)))
        await connection.close(1008, code)

    async def _receive_all(self, client: Client) -> None:
        while True:
            data = await client.connection.recv()
            try:
                message = codec.decode(data, CLIENT_MESSAGES)  # type: ignore[arg-type]  # decode refuses text
                if isinstance(message, Hello):
                    raise LinkError("Hello: only the first message may be one")
            except LinkError as error:
                log.warning("%s: bad message: %s", client.name, error)
                client.post(Problem(code="bad message", message=str(error), hint="This is a fault of the client."))
                continue
            del data  # a view's bytes need not live beside its pixels
            if isinstance(message, FetchFile):
                await self._send_file(client, message)
                continue
            while self._worker.is_full:
                await asyncio.sleep(_FULL_POLL_SECONDS)
            self._worker.submit(message)

    async def _send_file(self, client: Client, request: FetchFile) -> None:
        """Answer without the device thread, which may be busy for long; no faster than the client takes it."""
        while client.outgoing.pending_bytes > _MAX_WAITING_CHUNKS:
            await asyncio.sleep(_FULL_POLL_SECONDS)
        try:
            client.post(await asyncio.to_thread(read_chunk, self._root, request))
        except (PathError, OSError) as error:
            words = str(error) if isinstance(error, PathError) else f"{request.path}: {error.strerror or error}"
            client.post(Problem(code="file", message=words, regarding=request.path))

    async def _send_status(self) -> None:
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            if self._client is not None:
                self._client.post(self._worker.status)

    async def _drain(self) -> None:
        """Let the client have the last messages."""
        for _ in range(int(_CLOSE_SECONDS / _FULL_POLL_SECONDS)):
            if self._client is None or not self._client.has_unsent:
                break
            await asyncio.sleep(_FULL_POLL_SECONDS)

    # --- from the device thread ---------------------------------------------------------------------------------------

    def _post_from_worker(self, message: Message) -> None:
        self._call_in_loop(lambda: self._client.post(message) if self._client is not None else None)

    def _note_ready(self, trouble: str | None) -> None:
        assert self._ready is not None
        self._call_in_loop(lambda: self._ready.set_result(trouble))  # type: ignore[union-attr]

    def _note_end(self) -> None:
        self._call_in_loop(self._ended.set)

    def _call_in_loop(self, function: Callable[[], object]) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(function)

    @contextlib.contextmanager
    def _shut_down_on_signals(self) -> Iterator[None]:
        """Ctrl-C and a polite kill save the run first."""
        former = {
            number: signal.signal(number, lambda *_: self.shut_down()) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def _describe_bind(host: str, port: int, error: OSError) -> str:
    if error.errno in (errno.EADDRINUSE, 10048):
        return (
            f"port {port} on {host} is in use: another engine may be running; choose another --port (0: any free one)"
        )
    if error.errno in (errno.EACCES, 10013):
        return f"port {port} on {host} may not be used: choose one above 1023"
    return f"can't listen on {host}:{port}: {error.strerror or error}"
