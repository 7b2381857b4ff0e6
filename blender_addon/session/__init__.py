"""The engine's process, and what Blender knows of it.

Headless code drives everything with ``registry.pump`` and ``registry.pump_until``.
"""
