"""The run that is trained: from the scene's settings and captured views to what a .blend remembers of it."""
