"""Data flows one way: a room imports earlier rooms only, and some libraries have one door."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "poseact"
ROOMS = (
    "texts", "errors", "processes", "machine", "files", "skeleton", "types", "home", "device", "precision", "video",
    "detect", "pose", "track", "poses", "heatmap", "models", "zoo", "extract", "recognize", "train", "evaluate",
    "doctor", "report", "cli",
)  # fmt: skip


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms of poseact that a module imports anywhere, within functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("poseact.")}
    return found & set(ROOMS)


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if room(path) in ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_room_imports_earlier_rooms_only(path):
    own = ROOMS.index(room(path))
    later = {name for name in imported_rooms(path) if ROOMS.index(name) > own}
    assert not later


def test_every_package_is_a_room():
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert found <= set(ROOMS)


@pytest.mark.parametrize(("library", "doors"), [("ultralytics", 1), ("decord", 1)])
def test_replaceable_libraries_have_one_door(library, doors):
    using = [
        path
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == library for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == library and not node.level)
    ]
    assert len(set(using)) == doors


def test_the_package_itself_is_light():
    code = (
        "import sys, poseact, poseact.errors; print([n for n in ('torch', 'cv2', 'av', 'numpy') if n in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
