"""Views and the dataset formats they come in."""
