"""The engine: its process, the connection to it, and what Blender knows of it.

Headless code drives everything with ``registry.pump`` and ``registry.pump_until``. What the engine is used for is the
business of other folders: nothing here imports ``training``.
"""
