"""The scene as the path tracer takes it: triangles, materials, lights and the World."""
