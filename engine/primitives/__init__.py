"""What can be learnt: a folder with configuration, presets and step for each kind."""
