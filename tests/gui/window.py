"""What tests in a window need: the viewport, events, screenshots, the add-on's modules."""

from __future__ import annotations

import contextlib
import importlib
import subprocess
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import x_input

ADDON = "bl_ext.user_default.hashlight"
_BUTTON = 20  # pixels that a button is high
_TABS = 10  # half of the width of the tabs at the sidebar's right
_CTRL_C = (
    (x_input.KEY_PRESS, x_input.CONTROL),
    (x_input.KEY_PRESS, x_input.C),
    (x_input.KEY_RELEASE, x_input.C),
    (x_input.KEY_RELEASE, x_input.CONTROL),
)
Steps = Generator[float | Callable[[], object], None, None]


class Window:
    """Blender's window as tests see it. Pixels are counted from the top left, as in screenshots."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def addon(self, name: str) -> ModuleType:
        """One of the add-on's modules: ``addon("capture.rigs")``."""
        return importlib.import_module(f"{ADDON}.{name}")

    def start_anew(self) -> Steps:
        """The factory scene without its objects, the sidebar open."""
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_splash=False)
        bpy.context.preferences.view.show_splash = False
        for obj in list(bpy.data.objects):
            bpy.data.objects.remove(obj)
        yield 0.3  # a file that was just loaded has no window to change things in yet
        with self.viewport():
            self.space.show_region_ui = True
            self.space.show_gizmo = False
        self.show_renders(True)

    def show_renders(self, is_on: bool) -> None:
        """Whether Cycles shows renders while they go on, in rendered viewports too; every test begins with it.

        Captures do better without: Cycles' drawing from a thread of its own crashed Debian's Blender 4.3 on software
        OpenGL (Mesa's llvmpipe under GLX: GLXBadContext after a few renders, F12's too). Its 5.2 got through 26
        captured views and 8 of F12's renders with that drawing, in one try; no test is about it.
        """
        import _cycles
        import cycles

        _cycles.init(str(Path(cycles.__file__).parent), bpy.utils.user_resource("CONFIG"), not is_on)

    def end_engine(self) -> None:
        """End the engine, if one runs."""
        self.addon("session.registry").close()

    def unfold(self, *parts: str) -> None:
        """Have the panels of these modules of the add-on open; to be called before the tab is shown."""
        for part in parts:
            classes = self.addon(part).CLASSES
            for cls in reversed(classes):
                bpy.utils.unregister_class(cls)
            for cls in classes:
                if hasattr(cls, "bl_options"):
                    cls.bl_options = set(cls.bl_options) - {"DEFAULT_CLOSED"}
                bpy.utils.register_class(cls)

    @property
    def window(self) -> bpy.types.Window:
        return bpy.context.window_manager.windows[0]

    @property
    def area(self) -> bpy.types.Area:
        return next(area for area in self.window.screen.areas if area.type == "VIEW_3D")

    @property
    def space(self) -> bpy.types.SpaceView3D:
        return self.area.spaces.active

    @property
    def view(self) -> bpy.types.RegionView3D:
        return self.space.region_3d

    def region(self, kind: str = "WINDOW") -> bpy.types.Region:
        """One of the viewport's regions."""
        return next(region for region in self.area.regions if region.type == kind)

    @contextlib.contextmanager
    def viewport(self) -> Iterator[None]:
        """The context in which a user's mouse is over the viewport."""
        with bpy.context.temp_override(window=self.window, area=self.area, region=self.region()):
            yield

    def press(self, key_code: int) -> None:
        """Press and release a key with the pointer over the viewport."""
        self.point_at_viewport()
        x_input.send(x_input.KEY_PRESS, key_code)
        x_input.send(x_input.KEY_RELEASE, key_code)

    def point_at(self, x: int, y: int) -> None:
        """Move the pointer to a pixel of the screen."""
        x_input.send(x_input.MOTION, x=x, y=y)

    def point_at_viewport(self) -> None:
        """Move the pointer to the middle of the viewport's main region."""
        region = self.region()
        self.point_at(region.x + region.width // 2, self.window.height - region.y - region.height // 2)

    def find_buttons(self, *operators: str) -> Steps:
        """Where the buttons of these operators, such as "hashlight.train", are; fails unless they are whole within the
        sidebar as it stands. Ctrl+C over a button, also a grey one, has Blender copy what the button does."""
        sidebar, manager = self.region("UI"), bpy.context.window_manager
        top = self.window.height - sidebar.y - sidebar.height
        places = [
            (sidebar.x + quarter * sidebar.width // 4 - _TABS, y)
            for y in range(top + _BUTTON, top + sidebar.height - _BUTTON, _BUTTON - 4)
            for quarter in (1, 3)
        ]
        found: dict[str, tuple[int, int]] = {}
        for place in places:
            manager.clipboard = ""
            self.point_at(*place)
            yield 0.05
            for kind, key in _CTRL_C:
                x_input.send(kind, key)
            yield 0.05
            if manager.clipboard.startswith("bpy.ops."):
                found.setdefault(manager.clipboard.removeprefix("bpy.ops.").partition("(")[0], place)
            if found.keys() >= set(operators):
                break
        self.point_at_viewport()
        missing = set(operators) - found.keys()
        assert not missing, f"{', '.join(missing)}: not in sight, but {', '.join(found)}"
        return found

    def click(self, x: int, y: int) -> Steps:
        """Press and release the left button at a pixel of the screen."""
        self.point_at(x, y)
        yield 0.15
        for kind in (x_input.BUTTON_PRESS, x_input.BUTTON_RELEASE):
            x_input.send(kind, x_input.LEFT_BUTTON)
            yield 0.15

    def open_tab(self, name: str = "Hashlight") -> Steps:
        """Click the sidebar's tabs until the one called ``name`` is in front."""
        sidebar = self.region("UI")
        right, top = sidebar.x + sidebar.width - 12, self.window.height - sidebar.y - sidebar.height
        for y in range(top + 15, top + sidebar.height, 30):
            if self.region("UI").active_panel_category == name:
                break
            yield from self.click(right, y)
        assert self.region("UI").active_panel_category == name, f"there is no tab {name}"
        yield 0.5

    def screenshot(self, name: str) -> np.ndarray:
        """The screen as it is drawn now, [H, W, 3] float32 in 0..1 as displayed; kept as ``name``.png."""
        path = self.out / f"{name}.png"
        quick = ["-define", "png:compression-level=1"]  # half the time, and tests take hundreds
        subprocess.run(["import", "-window", "root", "-depth", "8", *quick, f"PNG24:{path}"], check=True, timeout=60)
        image = bpy.data.images.load(str(path))
        try:
            image.colorspace_settings.name = "Non-Color"
            pixels = np.empty(image.size[0] * image.size[1] * 4, np.float32)
            image.pixels.foreach_get(pixels)
            return pixels.reshape(image.size[1], image.size[0], 4)[::-1, :, :3]
        finally:
            bpy.data.images.remove(image)

    def viewport_pixels(self, name: str) -> np.ndarray:
        """The part of a screenshot that shows the viewport's main region, [H, W, 3]."""
        region = self.region()
        top = self.window.height - region.y - region.height
        return self.screenshot(name)[top : top + region.height, region.x : region.x + region.width]
