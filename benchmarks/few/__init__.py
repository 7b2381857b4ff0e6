"""What few views show of a scene: the data, and the methods that are compared."""
