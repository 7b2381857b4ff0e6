"""Turntables and camera animations, rendered by the engine and brought back as an image-sequence plane."""
