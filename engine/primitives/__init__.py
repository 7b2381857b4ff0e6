"""What can be learnt: a configuration, presets and a way to build it for each kind."""
