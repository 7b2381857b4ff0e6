"""Scenes that the path tracer and Cycles render both."""
