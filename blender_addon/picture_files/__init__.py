"""Pictures as they lie on disk: read and written without Blender, so in any thread."""
