"""Where engines listen by default."""

DEFAULT_PORT = 7868
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # hosts that are this machine, as people write them
