"""How the extension and the engine talk: geometry, messages, client, pixel ring. Runs inside Blender too."""
