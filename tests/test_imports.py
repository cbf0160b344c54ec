"""How the house is built: dependencies point one way, and importing a part is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {"models": {"models"}, "indexer": {"indexer", "models"}, "app": {"app", "indexer", "models"}}
OURS = {"app", "indexer", "models", "corpus", "tests"}


def imported(path: Path) -> Iterator[str]:
    """The top-level packages that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module
            yield node.module.split(".")[0]


@pytest.mark.parametrize("package", ALLOWED)
def test_dependencies_point_one_way(package: str) -> None:
    wrong = {f"{path.relative_to(ROOT)} imports {name}" for path in (ROOT / package).rglob("*.py")
             for name in imported(path) if name in OURS - ALLOWED[package]}
    assert wrong == set()


@pytest.mark.parametrize("package", sorted(OURS - {"corpus"}))
def test_every_folder_with_code_is_a_package(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    missing = {str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()}
    assert missing == set()


@pytest.mark.parametrize("module", ["indexer.index", "indexer.build", "indexer.encoder", "app.cli", "models.concept"])
def test_importing_does_not_load_what_is_slow(module: str) -> None:
    slow = ("torch", "sentence_transformers", "transformers", "gradio", "faiss", "sklearn")
    code = f"import sys, {module}; print([m for m in {slow!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_only_doors_print() -> None:
    """Libraries raise and log."""
    doors = {"app/cli", "indexer/training", "app/server.py"}
    printing = set()
    for package in ALLOWED:
        for path in (ROOT / package).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            if any(place.startswith(door) for door in doors):
                continue
            calls = (n.func for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call))
            if any(isinstance(f, ast.Name) and f.id == "print" for f in calls):
                printing.add(place)
    assert printing == set()
