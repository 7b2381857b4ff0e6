"""Looking at the scene: rigs, cameras, bounds, rendering views, the dataset on disk."""
