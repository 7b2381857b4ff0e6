"""The scene's view transform as a table, for all that shows or writes pictures outside Blender's colour management."""
