"""TLS for links that leave the machine: contexts for both ends, and messages for what goes wrong."""

from __future__ import annotations

import ssl
from pathlib import Path


class TlsError(ValueError):
    """A certificate or key that can't be used; names the file."""


def client_context(ca_file: str | Path | None = None) -> ssl.SSLContext:
    """Trusts the certificate authorities in ``ca_file`` (PEM; a self-signed certificate is its own), or without one
    those of the system. The engine's host name is checked. Raises TlsError."""
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except OSError as error:  # ssl.SSLError is one
        raise TlsError(f"{ca_file}: can't be used as a CA file ({_describe(error)})") from error


def server_context(certificate: str | Path, key: str | Path) -> ssl.SSLContext:
    """Presents ``certificate`` (PEM, with its chain), whose private key is in ``key``. Raises TlsError."""
    for path in (certificate, key):
        if not Path(path).exists():
            raise TlsError(f"{path}: can't be used for TLS (no such file)")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key would have OpenSSL ask on the terminal: an empty password makes it fail instead.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise TlsError(f"{certificate} and {key}: can't be used for TLS ({_describe(error)})") from error
    return context


def describe_failure(place: str, error: ssl.SSLError) -> str:
    """Why no TLS connection to ``place`` could be made."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of the engine at {place} can't be trusted: {error.verify_message}"
    return f"no TLS connection to {place}: {_describe(error)}; does the engine there serve TLS?"


def _describe(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not in PEM format").replace("_", " ").lower()
    return error.strerror or str(error)
