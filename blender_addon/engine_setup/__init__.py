"""Setting up the engine: an environment of its own, made from the very wheel that the extension brings along."""
