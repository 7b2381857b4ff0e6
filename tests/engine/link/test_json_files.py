"""JSON files that are damaged, hostile or of another kind end in words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.link.json_files import JsonError, parse_json, parse_object, read_json, read_object

SPOILT = {
    b'{"a": 1': "line 1, column 8: ",
    b"\xff\xfe\xfa\xfa\xfa": "not text in UTF-8",
    b"[" * 100_000: "nested too deeply",
    b'{"a": ' + b"1" * 20_000 + b"}": "a number of thousands of digits",
    b"": "line 1, column 1: Expecting value",
}


@pytest.mark.parametrize(("content", "words"), SPOILT.items(), ids=list(SPOILT.values()))
def test_what_is_no_json_is_told_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    for read in (lambda: read_json(path), lambda: parse_json(content), lambda: read_object(path)):
        with pytest.raises(JsonError, match=words):
            read()


def test_an_object_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[1]")
    assert read_json(path) == [1]
    with pytest.raises(JsonError, match="expected a JSON object, got list"):
        read_object(path)
    with pytest.raises(JsonError, match="expected a JSON object, got int"):
        parse_object("1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_of_other_programs_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"ä": "ö"}, ensure_ascii=False), encoding=encoding)
    assert read_object(path) == {"ä": "ö"}


def test_no_more_than_the_bound_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(JsonError, match="1048576 MB, and 1 are the most"):
        read_json(path, 1 << 20)


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    with pytest.raises(JsonError, match="not a file"):
        read_json(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "nothing.json")
    if hasattr(os, "mkfifo"):  # elsewhere there are no pipes by name, which would wait for ever
        os.mkfifo(tmp_path / "pipe.json")
        with pytest.raises(JsonError, match="not a file"):
            read_json(tmp_path / "pipe.json")
