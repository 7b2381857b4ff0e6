"""How packages that are missing beside Hashlight are installed, as findings and errors say it."""

from __future__ import annotations

import sys

# By the Python that runs, for another one's pip knows of no Hashlight: that is no name to look up in an index.
INSTALL = f"{sys.executable} -m pip install 'hashlight[engine]'"
