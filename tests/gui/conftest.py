"""These tests run inside a Blender with its window open, by ``scripts/test_gui.py``, not by pytest."""

collect_ignore_glob = ["*.py"]
