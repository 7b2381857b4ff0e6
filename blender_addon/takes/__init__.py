"""Takes: several captures of one scene, each with its run and bakes."""
