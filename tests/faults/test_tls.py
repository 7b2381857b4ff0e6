"""TLS from end to end: a run, a picture and a film through it, and whoever does not belong there told in words."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.link.client import EngineClient, EngineProblem, LinkLost
from engine.link.messages import (
    AddView,
    BakeSpec,
    FetchFile,
    FileChunk,
    Frame,
    JobUpdate,
    OpenRun,
    RequestFrame,
    SnapshotSaved,
    StartJob,
    Status,
    Train,
)
from engine.link.tls import client_context
from tests.engine.service.conftest import TINY
from tests.faults.conftest import TOKEN, Served, wait_until
from tests.faults.floods import UPGRADE, WRONG_TOKEN, count_let_in
from tests.faults.tally import Tally
from tests.scenes import sphere_field, sphere_views

Serve = Callable[..., Served]
pytestmark = pytest.mark.slow
PATIENCE = 60.0


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("no openssl here to make a certificate with")
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-out", str(paths[0]), "-keyout", str(paths[1]), "-days", "2", "-subj", "/CN=engine"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return paths


@pytest.fixture
def engine(serve: Serve, certificate: tuple[Path, Path]) -> Served:
    return serve("", "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]))


@pytest.mark.parametrize("same_host", [True, False])
def test_all_goes_through_it(engine: Served, certificate: tuple[Path, Path], same_host: bool) -> None:
    client = engine.client(tls=client_context(certificate[0]), same_host=same_host)
    client.send(OpenRun(run=f"run {same_host}", primitive=sphere_field(), overrides=TINY))
    for view in sphere_views(2, 64):
        client.send(AddView(name=view.name, split="train", camera=view.camera, color=view.color, depth=view.depth))
    client.send(Train(running=True, steps=5))
    assert client.wait_for(SnapshotSaved, PATIENCE).step == 5
    camera = view.camera.resized(400, 300)
    client.send(RequestFrame(request=1, camera=camera))
    frame = client.wait_for(Frame, PATIENCE)
    assert frame.color.shape == (300, 400, 4) and np.isfinite(frame.color).all()
    client.send(StartJob(job="b", specification=BakeSpec(cameras=(camera,) * 2, output="bakes/b")))
    update = client.wait_for(JobUpdate, PATIENCE, lambda update: update.state == "done")
    content = Path(update.files[0]).read_bytes()
    client.send(FetchFile(path="bakes/b/frame_0001.png"))
    chunk = client.wait_for(FileChunk, PATIENCE)
    assert chunk.data is not None and chunk.data.tobytes() == content
    assert client.wait_for(Status, 5).state == "finished"


def test_who_is_not_trusted_learns_nothing(engine: Served, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    def connect(tls: ssl.SSLContext | None, token: str = TOKEN) -> None:
        client = EngineClient("127.0.0.1", engine.port, token, "test", tls=tls)
        try:
            client.connect(20)
        finally:
            client.close()

    with pytest.raises(LinkLost, match="can't be trusted: self-signed certificate"):
        connect(client_context())
    with pytest.raises(LinkLost, match="one that wants TLS"):
        connect(None)
    with pytest.raises(EngineProblem, match="wrong token"):
        connect(client_context(certificate[0]), "guess")
    connect(client_context(certificate[0]))


def test_a_name_that_the_certificate_is_not_for_is_refused(engine: Served, certificate: tuple[Path, Path]) -> None:
    client = EngineClient("localhost", engine.port, TOKEN, "test", tls=client_context(certificate[0]))
    with pytest.raises(LinkLost, match="can't be trusted: Hostname mismatch"):
        client.connect(20)


def test_taking_over_goes_through_it(engine: Served, certificate: tuple[Path, Path]) -> None:
    tls = client_context(certificate[0])
    first = engine.client(tls=tls)
    with pytest.raises(EngineProblem, match="busy"):
        engine.client(tls=tls)
    second = engine.client(tls=tls, take_over=True)
    with pytest.raises(EngineProblem, match="has taken over"):
        first.wait_for(Frame, 10)
    assert second.wait_for(Status, 5)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
@pytest.mark.parametrize("says", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n"])
def test_connections_without_a_handshake_are_few_and_leave_room_for_the_right_client(
    serve: Serve, certificate: tuple[Path, Path], says: bytes
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"
    engine = serve(limit, "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]))
    descriptors = Path(f"/proc/{engine.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with contextlib.ExitStack() as held:
        for _ in range(400):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", engine.port), 5.0))
            connection.sendall(says)
        assert wait_until(lambda: len(list(descriptors.iterdir())) - before <= 256 // 3, 5), "those cut off are closed"
        client = engine.client(tls=client_context(certificate[0]))
        assert client.wait_for(Status, 5)
    assert "Too many open files" not in engine.words and "Traceback" not in engine.words


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs limits of POSIX")
@pytest.mark.parametrize("speech", [WRONG_TOKEN, UPGRADE + b"\r\n", b"nonsense"], ids=["wrong", "none", "nonsense"])
def test_a_flood_of_wrong_tokens_leaves_room_for_the_right_client(
    serve: Serve, certificate: tuple[Path, Path], tally: Tally, speech: bytes
) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"
    engine = serve(limit, "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]))
    let_in = count_let_in(engine, speech, 6, tally, client_context(certificate[0]))
    assert let_in == 6, engine.words[-2000:]
    assert "Too many open files" not in engine.words and "Traceback" not in engine.words
    assert len(engine.words) < 20_000
