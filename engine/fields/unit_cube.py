"""Where the field lives: one isotropic scale and a shift take the world's bounds into the unit cube.

Distances in the cube are world distances times ``scale``; directions are unchanged. A scene that goes on around its
subject takes a unit cube that is larger than the bounds.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import torch

from engine.link.geometry import Bounds, Camera
from taichi_kernels.bundles import RayLimits


@dataclasses.dataclass(frozen=True)
class UnitCube:
    """The map between world and unit cube for ``bounds``: their middle goes to 0.5, and ``growth`` times their longest
    edge becomes 1."""

    bounds: Bounds
    growth: int = 1

    @property
    def scale(self) -> float:
        """Unit-cube lengths per world length."""
        return 1.0 / (float(self.bounds.size.max()) * self.growth)

    def box(self) -> npt.NDArray[np.float32]:
        """What may hold anything: [2, 3] float32, minimum then maximum. The bounds, or with growth the whole cube."""
        if self.growth > 1:
            return np.array([[0.0] * 3, [1.0] * 3], np.float32)
        half = self.bounds.size * self.scale / 2
        box: npt.NDArray[np.float32] = np.stack([0.5 - half, 0.5 + half]).astype(np.float32)
        return box

    def ray_limits(
        self, device: str | torch.device, near_distance: float = 0.0, depth_margin: float = 0.0
    ) -> RayLimits:
        """Limits of rays in this cube; ``near_distance`` and ``depth_margin`` in its lengths."""
        return RayLimits(torch.from_numpy(self.box()).to(device), self.scale, near_distance, depth_margin)

    def to_cube(self, camera: Camera) -> npt.NDArray[np.float64]:
        """Camera-to-cube pose [3, 4] float64 with unit axes."""
        pose = _pose(camera)
        pose[:, 3] = (pose[:, 3] - self.bounds.center) * self.scale + 0.5
        return pose

    def camera_row(self, camera: Camera, device: str | torch.device) -> torch.Tensor:
        """[1, 21] float32 for taichi_kernels.rays: pose into the cube, then intrinsics."""
        return _row(self.to_cube(camera), camera, device)

    def inverse_camera_row(self, camera: Camera, device: str | torch.device) -> torch.Tensor:
        """[1, 21] float32 for taichi_kernels.occupancy.carve_view: cube-to-camera rows, then intrinsics."""
        pose = np.vstack([self.to_cube(camera), [0.0, 0.0, 0.0, 1.0]])
        return _row(np.linalg.inv(pose)[:3], camera, device)


def world_camera_row(camera: Camera, device: str | torch.device) -> torch.Tensor:
    """[1, 21] float32 for taichi_kernels.rays, with the pose in the world, where that is what rays live in."""
    return _row(_pose(camera), camera, device)


def _pose(camera: Camera) -> npt.NDArray[np.float64]:
    """Camera-to-world pose [3, 4] with unit axes: a scaled camera object is still a camera."""
    pose: npt.NDArray[np.float64] = camera.camera_to_world[:3].astype(np.float64)
    pose[:, :3] /= np.linalg.norm(pose[:, :3], axis=0)
    return pose


def _row(matrix: npt.NDArray[np.float64], camera: Camera, device: str | torch.device) -> torch.Tensor:
    intrinsics = [camera.fx, camera.fy, camera.cx, camera.cy, *camera.lens_terms, float(camera.is_fisheye)]
    row = np.concatenate([matrix.reshape(-1), intrinsics]).astype(np.float32)
    return torch.from_numpy(row[None]).to(device)
