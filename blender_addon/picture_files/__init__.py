"""Pictures as they lie on disk, through Blender's own OpenImageIO, so in any thread: Blender itself reads files in its
main thread only, where its window waits, and can't put +inf or bare numpy pixels into one."""
