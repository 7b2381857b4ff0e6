"""An engine that runs elsewhere: a real ``hashlight serve`` with a token file, and all that can be wrong with it."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

Import = Callable[[str], ModuleType]
Serve = Callable[..., int]
Drawn = Callable[[str], str]

TOKEN = "correct-horse-battery"  # of the fixture that serves


@pytest.fixture
def remote(addon: Import, small_scene: bpy.types.Scene, tmp_path: Path) -> Iterator[Any]:
    """The preferences, set to use a running engine; put back afterwards."""
    small_scene.hashlight.folder = str(tmp_path / "session")
    preferences = addon("preferences").get_preferences()
    preferences.use_running_engine, preferences.host, preferences.token = True, "127.0.0.1", TOKEN
    yield preferences
    addon("session.registry").close()
    for name in ("use_running_engine", "host", "port", "token", "token_file", "use_tls", "ca_file"):
        preferences.property_unset(name)
    bpy.context.preferences.system.use_online_access = False


def _connect(addon: Import, timeout: float = 30.0) -> Any:
    """Start the engine as a user does; the session, once it is ready or lost."""
    bpy.ops.hashlight.start_engine()
    registry = addon("session.registry")
    session = registry.current()
    assert registry.pump_until(lambda: session.phase in ("ready", "lost"), timeout), session.phase
    return session


def test_the_token_can_come_from_a_file(addon: Import, remote: Any, serve: Serve, tmp_path: Path) -> None:
    remote.port = serve()
    remote.token, remote.token_file = "", str(tmp_path / "token.txt")
    assert _connect(addon).phase == "ready"


@pytest.mark.parametrize(
    ("content", "words"), [(None, "can't be read: No such file"), ("", "is empty"), (b"\xff\xfe", "can't be read")]
)
def test_a_token_file_that_is_no_good_is_named(
    remote: Any, tmp_path: Path, content: str | bytes | None, words: str
) -> None:
    path = tmp_path / "no-token"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    remote.token, remote.token_file = "", str(path)
    with pytest.raises(RuntimeError, match=f"no-token {words}"):
        bpy.ops.hashlight.start_engine()


def test_a_missing_token_is_told(remote: Any) -> None:
    remote.token = ""
    with pytest.raises(RuntimeError, match="token is missing"):
        bpy.ops.hashlight.start_engine()


def test_the_token_is_not_saved_with_the_preferences(remote: Any) -> None:
    remote.token, remote.host = "a-secret-that-stays-here", "gpu-box.example"
    bpy.ops.wm.save_userpref()
    saved = Path(bpy.utils.user_resource("CONFIG"), "userpref.blend").read_bytes()
    assert b"gpu-box.example" in saved  # else it is not in plain text, and the next line says nothing
    assert b"a-secret-that-stays-here" not in saved
    assert remote.token == "a-secret-that-stays-here"


def test_another_machine_needs_online_access(remote: Any) -> None:
    remote.host = "render-box"
    with pytest.raises(RuntimeError, match="needs online access: allow it"):
        bpy.ops.hashlight.start_engine()


def test_a_wrong_token_is_told_in_the_panel(addon: Import, remote: Any, serve: Serve, drawn: Drawn) -> None:
    remote.port, remote.token = serve(), "wrong"
    session = _connect(addon)
    assert session.phase == "lost"
    assert session.failure.code == "token"
    words = drawn("HASHLIGHT_PT_problem")
    assert words.startswith("Engine Problem: Not connected Start The engine refused: wrong token ")
    assert "token that the engine was started with" in words


@pytest.mark.parametrize(("protocol", "older"), [(99, "client"), (0, "engine")])
def test_a_version_mismatch_is_told_in_the_panel(
    addon: Import, remote: Any, serve: Serve, drawn: Drawn, protocol: int, older: str
) -> None:
    remote.port = serve(patch=f"import engine.link.messages; engine.link.messages.PROTOCOL = {protocol}")
    session = _connect(addon)
    assert session.phase == "lost"
    words = drawn("HASHLIGHT_PT_problem")
    assert f"the {older} is too old" in words
    cures = {"client": "Update the client", "engine": "Set up the engine again"}
    assert cures[older] in words


def test_a_host_that_refuses_is_told_in_the_panel(addon: Import, remote: Any, drawn: Drawn) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        remote.port = unused.getsockname()[1]
    session = _connect(addon)
    assert session.phase == "lost"
    words = drawn("HASHLIGHT_PT_problem")
    assert f"no engine listens at 127.0.0.1:{remote.port}" in words
    assert "the address and the port" in words


def test_a_host_that_says_nothing_is_told_in_the_panel(
    addon: Import, remote: Any, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addon("session.connecting"), "CONNECT_TIMEOUT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote.port = silent.getsockname()[1]
        session = _connect(addon)
        assert session.phase == "lost"
        assert "did not answer within 1 s" in drawn("HASHLIGHT_PT_problem")


def test_a_name_that_nobody_knows_is_told_in_words(addon: Import, remote: Any) -> None:
    bpy.context.preferences.system.use_online_access = True
    remote.host = "no-such-machine.invalid"
    session = _connect(addon)
    assert session.phase == "lost"
    assert "the engine at no-such-machine.invalid" in session.failure.message


# --- TLS --------------------------------------------------------------------------------------------------------------


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


def test_tls_with_the_engines_own_certificate(
    addon: Import, remote: Any, serve: Serve, certificate: tuple[Path, Path]
) -> None:
    remote.port = serve("--tls-cert", certificate[0], "--tls-key", certificate[1])
    remote.use_tls, remote.ca_file = True, str(certificate[0])
    assert _connect(addon).phase == "ready"
    bpy.ops.hashlight.stop_engine()

    remote.ca_file = ""
    session = _connect(addon)
    assert session.phase == "lost"
    assert "can't be trusted: self-signed certificate" in session.failure.message.replace("self signed", "self-signed")

    remote.ca_file = str(certificate[1])
    session = _connect(addon)
    assert session.phase == "lost"
    assert "key.pem: can't be used as a CA file" in session.failure.message

    remote.use_tls = False
    session = _connect(addon)
    assert session.phase == "lost"
    assert "one that wants TLS" in session.failure.message


def test_tls_to_an_engine_without_it_is_told_in_words(addon: Import, remote: Any, serve: Serve) -> None:
    remote.port, remote.use_tls = serve(), True
    session = _connect(addon)
    assert session.phase == "lost"
    assert "serve TLS?" in session.failure.message
