"""The neural picture in the scene: an image plane in the frustum of the camera it was rendered from."""
