"""``blender -b FILE.blend --command hashlight ...``: everything that the panels do, without a window."""
