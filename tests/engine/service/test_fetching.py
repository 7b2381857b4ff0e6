"""Pieces of files, through a real engine's link: whole, bounded, and nothing that isn't the client's to have."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.link.client import EngineClient, EngineProblem, LinkError
from engine.link.messages import MAX_CHUNK_BYTES, FetchFile, FileChunk

Connect = Callable[..., EngineClient]

pytestmark = pytest.mark.slow


def root_of(client: EngineClient) -> Path:
    """The engine's root folder."""
    assert client.welcome is not None
    return Path(client.welcome.root)


def fetch(client: EngineClient, path: str, offset: int = 0, size: int = MAX_CHUNK_BYTES) -> FileChunk:
    client.send(FetchFile(path=path, offset=offset, size=size))
    return client.wait_for(FileChunk, 20.0, lambda chunk: (chunk.path, chunk.offset) == (path, offset))


@pytest.mark.parametrize("same_host", [True, False])
def test_a_file_arrives_piece_by_piece(connect: Connect, same_host: bool) -> None:
    client = connect(same_host=same_host)
    root = root_of(client)
    content = np.random.default_rng(0).integers(0, 256, 2 * MAX_CHUNK_BYTES + 1234, np.uint8)
    (root / "bakes").mkdir(exist_ok=True)
    (root / "bakes" / "film.mp4").write_bytes(content.tobytes())
    pieces, offset = [], 0
    while (chunk := fetch(client, "bakes/film.mp4", offset)).data is not None:
        assert chunk.total == content.size
        assert chunk.modified == (root / "bakes" / "film.mp4").stat().st_mtime_ns
        pieces.append(chunk.data)
        offset += chunk.data.size
    assert len(pieces) == 3
    np.testing.assert_array_equal(np.concatenate(pieces), content)


def test_an_empty_file_has_no_data(connect: Connect) -> None:
    client = connect()
    (root_of(client) / "empty.json").touch()
    chunk = fetch(client, "empty.json")
    assert (chunk.total, chunk.data) == (0, None)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../secret.json", "leads out"),
        ("/etc/passwd", "relative to the engine's root"),
        ("token.txt", "not a kind of file"),
        ("nowhere.png", "nowhere.png: No such file"),
        ("folder.png", "'folder.png' is not a regular file"),
    ],
)
def test_what_cannot_be_fetched_is_told(connect: Connect, path: str, words: str) -> None:
    client = connect()
    root = root_of(client)
    (root / "token.txt").write_text("secret")
    (root.parent / "secret.json").write_text("{}")
    (root / "folder.png").mkdir(exist_ok=True)
    with pytest.raises(EngineProblem, match=words) as refusal:
        fetch(client, path)
    assert refusal.value.problem.regarding == path
    assert "secret" not in refusal.value.problem.message or path == "../secret.json"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_that_leads_out_is_not_followed(connect: Connect) -> None:
    client = connect()
    root = root_of(client)
    (root.parent / "outside.json").write_text("{}")
    (root / "link.json").symlink_to(root.parent / "outside.json")
    with pytest.raises(EngineProblem, match="leads out"):
        fetch(client, "link.json")


@pytest.mark.parametrize(("offset", "size"), [(-1, 10), (0, 0), (0, MAX_CHUNK_BYTES + 1)])
def test_pieces_out_of_bounds_are_refused(connect: Connect, offset: int, size: int) -> None:
    client = connect()
    (root_of(client) / "a.png").write_bytes(b"x" * 100)
    with pytest.raises(LinkError, match=r"FetchFile\..* is outside"):
        fetch(client, "a.png", offset, size)
