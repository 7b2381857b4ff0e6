"""The WebSocket server, in the main thread: who is let in, what comes in, what goes out. The work is done in the device
process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

import engine
from engine.link import codec
from engine.link.errors import LinkError
from engine.link.messages import (
    CLIENT_MESSAGES,
    ENGINE_MESSAGES,
    PROTOCOL,
    Capturing,
    FetchFile,
    Frame,
    Hello,
    Message,
    Problem,
    RequestFrame,
    Shutdown,
    Welcome,
)
from engine.link.silence import SILENCE_SECONDS, WatchedServerConnection
from engine.link.values import one_line
from engine.service.client import Client, PackedFrame
from engine.service.device_process import DeviceProcess
from engine.service.file_reader import FileReader
from engine.service.handshake import Refusal, receive_hello, refuse
from engine.service.listening import Listener
from engine.service.lobby import Lobby
from engine.service.peers import Peers
from engine.service.watchdog import Watchdog

log = logging.getLogger("hashlight.server")

STATUS_SECONDS = 0.2
_GIVE_UP_SECONDS = 30.0  # of silence after which a client is hung up on, also when no other asks for its place
_MAX_DECODED_AT_ONCE = 1 << 18  # bytes
_MAX_VIEWER_BYTES = 1 << 20  # of a message: they ask for pictures alone
_MAX_WAITING_CHUNKS = 16 << 20
_FULL_POLL_SECONDS = 0.01
_FAREWELL_SECONDS = 1.0


class ServerError(Exception):
    """There is no device, it was lost, or it could not save the run."""


class Server:
    """Serves one client in control at a time, and some that watch; training goes on without any."""

    def __init__(
        self, root: Path, device: str, token: str, tls: ssl.SSLContext | None = None, entry: str | None = None
    ) -> None:
        """``tls``: what encrypts the link. ``entry``: what the device process runs instead of the engine."""
        self._root, self._token, self._tls = root, token, tls
        self._listener: Listener | None = None
        self._files = FileReader(root)
        self._device = DeviceProcess(root, device, self._take_from_device, self._note_ready, self._note_end, entry)
        self._peers = Peers(self._device.forget_client)
        self._watchdog = Watchdog(self._device)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready: asyncio.Future[str | None] | None = None
        self._ended = asyncio.Event()

    async def run(self, host: str, port: int, on_listening: Callable[[int], None]) -> None:
        """Listen on ``host``:``port`` (0: any free one) until told to shut down.

        ``on_listening`` gets the port once clients are welcome. Raises ListenError; ServerError: no device, the run
        could not be saved at the end, ..."""
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._listener = Listener(self._handle, self._token, self._tls)
        port = await self._listener.open(host, port)
        try:
            self._device.start()
            if (trouble := await self._ready) is not None:
                if self._watchdog.is_ending:
                    return  # a signal to the whole group has ended the device, too: no run was open yet
                raise ServerError(trouble)
            on_listening(port)
            ticking = asyncio.ensure_future(self._tick())
            await self._ended.wait()
            ticking.cancel()
            if (problem := self._watchdog.describe_end()) is not None:
                self._peers.post(problem)
            await self._drain()
            if problem is not None:
                raise ServerError(problem.message)
        finally:
            await self._listener.close()
            self._device.close()

    def shut_down(self) -> None:
        """Save the run and end; from any thread."""
        self._watchdog.expect_end()
        self._device.shut_down()

    def end_at_once(self) -> None:
        """End without saving the run, which counts as a failure to; from any thread."""
        self._watchdog.end_at_once()

    # --- connections --------------------------------------------------------------------------------------------------

    @property
    def _lobby(self) -> Lobby:
        assert self._listener is not None
        return self._listener.lobby

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, WatchedServerConnection)
        try:
            client = await self._admit(connection)
            if client is not None:
                await self._converse(client)
        except ConnectionClosed:
            pass
        except Exception:
            log.exception("a connection failed")
            await connection.close(1011, "the engine failed; its log has the details")

    async def _admit(self, connection: WatchedServerConnection) -> Client | None:
        """The new client, or None after telling it why not."""
        try:
            hello = await receive_hello(connection)
            assert self._ready is not None
            await asyncio.shield(self._ready)  # nothing can be told of a device that is not there yet
            self._peers.make_room(hello)
        except Refusal as refusal:
            self._lobby.note_refusal(str(refusal))
            await refuse(connection, refusal)
            return None
        return self._welcome(connection, hello)

    def _welcome(self, connection: WatchedServerConnection, hello: Hello) -> Client:
        client = Client(connection, hello, self._device.ring)
        self._peers.add(client)
        most_bytes = _MAX_VIEWER_BYTES if client.is_viewer else codec.MAX_MESSAGE_BYTES + codec.MAX_HEADER_BYTES
        connection.protocol.max_message_size = most_bytes
        log.info("%s %s is connected as %s", client.name, one_line(hello.version, 100), hello.role)
        client.post(
            Welcome(
                protocol=PROTOCOL,
                version=engine.__version__,
                device=self._device.device,
                device_name=self._device.device_name,
                root=str(self._root),
                ring=str(self._device.ring) if hello.same_host else None,
                compression=client.compression,
            )
        )
        if client.is_viewer:
            self._device.show_run(client.number)
        return client

    async def _converse(self, client: Client) -> None:
        """Carry messages both ways until the client has gone. Whatever fails on the way ends the connection."""
        tasks = [
            asyncio.ensure_future(work)
            for work in (client.send_queued(), self._receive_all(client), self._watch(client))
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if failures := [error for task in done if (error := _failure_of(task)) is not None]:
                log.error("the link to %s failed: hanging up", client.name, exc_info=failures[0])
                await client.connection.close(1011, "the engine's end of the link failed; its log has the details")
        finally:
            self._peers.remove(client)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            log.info("%s has gone", client.name)

    async def _watch(self, client: Client) -> None:
        """End when ``client`` has been silent for long. As soon as it counts as silent, it gives way to another."""
        await client.listening.wait_for_silence()
        log.warning("%s has not answered for %g s: another client may take its place", client.name, SILENCE_SECONDS)
        await client.listening.wait_for_silence(_GIVE_UP_SECONDS)
        log.warning("%s has not answered for %g s: hanging up", client.name, _GIVE_UP_SECONDS)
        client.connection.transport.abort()

    async def _receive_all(self, client: Client) -> None:
        while True:
            data = await client.listening.receive()
            try:
                if len(data) > _MAX_DECODED_AT_ONCE:  # a long bake has many cameras: others go on meanwhile
                    message = await asyncio.to_thread(codec.decode, data, CLIENT_MESSAGES)
                else:
                    message = codec.decode(data, CLIENT_MESSAGES)
                if isinstance(message, Hello):
                    raise LinkError("Hello: only the first message may be one")
            except LinkError as error:
                client.faults.warn(f"{client.name}: bad message: {error}")
                client.post(Problem(code="bad message", message=str(error), hint="This is a fault of the client."))
                continue
            await self._pass_on(client, message, data)
            del message, data  # while the next one comes

    async def _pass_on(self, client: Client, message: Message, data: bytes) -> None:
        if client.is_viewer and not isinstance(message, RequestFrame):
            words = f"{type(message).__name__}: a client that watches may ask for pictures alone"
            client.post(Problem(code="role", message=words, hint="Connect as the client in control."))
            return
        if isinstance(message, FetchFile):
            while client.outgoing.pending_bytes > _MAX_WAITING_CHUNKS:  # no faster than the client takes it
                await asyncio.sleep(_FULL_POLL_SECONDS)
            self._files.read(message, lambda answer: self._call_in_loop(lambda: client.post(answer)))
            return
        if isinstance(message, Capturing) and not client.same_host:
            return  # it renders on a processor of its own
        if isinstance(message, Shutdown):  # not kept waiting: a device that takes nothing more is to be ended, too
            self.shut_down()
            return
        while self._device.is_full:
            await asyncio.sleep(_FULL_POLL_SECONDS)
        channel = message.channel if isinstance(message, RequestFrame) else None
        self._device.submit(data, client.number, channel)

    async def _tick(self) -> None:
        has_failed = False
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            try:
                self._files.give_up_stuck()
                status = self._watchdog.look()
            except Exception:  # clients are to hear that the engine is there all the same
                if not has_failed:
                    log.exception("the device can't be watched")
                has_failed, status = True, self._device.status
            self._peers.post(status)

    async def _drain(self) -> None:
        """Let everybody have the last messages."""
        for _ in range(int(_FAREWELL_SECONDS / _FULL_POLL_SECONDS)):
            if not self._peers.have_unsent:
                break
            await asyncio.sleep(_FULL_POLL_SECONDS)

    # --- from the device process --------------------------------------------------------------------------------------

    def _take_from_device(self, name: str, data: bytes, client: int) -> None:
        if name == Frame.__name__:  # only its reader needs the pixels
            message: Message = PackedFrame(channel=codec.peek(data)[1]["channel"], data=data)
        else:
            message = codec.decode(data, ENGINE_MESSAGES)
        self._call_in_loop(lambda: self._peers.post(message, client))

    def _note_ready(self, trouble: str | None) -> None:
        ready = self._ready
        assert ready is not None

        def note() -> None:
            if not ready.done():
                ready.set_result(trouble)

        self._call_in_loop(note)

    def _note_end(self) -> None:
        self._call_in_loop(self._ended.set)

    def _call_in_loop(self, function: Callable[[], object]) -> None:
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(function)


def _failure_of(task: asyncio.Future[None]) -> BaseException | None:
    """What ended ``task``, unless that is only the end of the connection."""
    error = None if task.cancelled() else task.exception()
    if isinstance(error, BaseExceptionGroup):
        error = error.split(ConnectionClosed)[1]
    return None if isinstance(error, ConnectionClosed) else error
