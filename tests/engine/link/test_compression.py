"""What is compressed comes back, by whichever of the two ways, and nothing else does."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from engine.link.compression import (
    Compression,
    CompressionError,
    best_compression,
    compress,
    compress_array,
    compression_between,
    decompress,
    decompress_array,
)

BOTH = pytest.mark.parametrize("compression", ["zlib", "zstd"])


@pytest.fixture
def without_zstandard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Python that lacks the package, as that of a distribution's Blender may."""
    best_compression.cache_clear()
    monkeypatch.setitem(sys.modules, "zstandard", None)
    yield
    best_compression.cache_clear()


def smooth(dtype: str) -> np.ndarray:
    values = np.sin(np.linspace(0, 30, 90 * 120 * 4)).reshape(90, 120, 4)
    return (values * 100 + 128).astype(dtype)


@BOTH
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_an_array_comes_back_smaller_in_between_and_writable(compression: Compression, dtype: str) -> None:
    array = smooth(dtype)
    packed = compress_array(array, compression)
    again = decompress_array(packed, dtype, array.shape)
    np.testing.assert_array_equal(again, array)
    assert again.flags.writeable and again.dtype == array.dtype
    assert len(packed) < len(compress(array.tobytes(), compression)) or dtype == "uint8"  # planes are worth it


@BOTH
def test_bytes_come_back_in_the_promised_size_alone(compression: Compression) -> None:
    data = bytes(1000) + b"end"
    packed = compress(data, compression, of_runs=True)
    assert decompress(packed, len(data)) == data
    for size in (0, len(data) - 1, len(data) + 1):
        with pytest.raises(CompressionError, match="another size"):
            decompress(packed, size)
    for broken in (b"", packed[:-1], packed[: len(packed) // 2], packed + b"x", packed + packed):
        with pytest.raises(CompressionError):
            decompress(broken, len(data))


def test_without_zstandard_both_sides_take_zlib(without_zstandard: None) -> None:
    assert best_compression() == "zlib"
    assert compression_between("zstd") == compression_between("zlib") == "zlib"


def test_with_zstandard_the_other_side_decides() -> None:
    assert best_compression() == "zstd"
    assert (compression_between("zstd"), compression_between("zlib")) == ("zstd", "zlib")


def test_what_this_side_cannot_unpack_names_the_package(without_zstandard: None) -> None:
    best_compression.cache_clear()
    with pytest.raises(CompressionError, match="no package zstandard"):
        decompress(b"\x28\xb5\x2f\xfd" + bytes(20), 5)
