"""What an edit costs: ``python -m tests.benchmarks.edit_cost``.

Builds an index of 100 notes (eight passages each, of corpus/asked/facets.jsonl), changes one sentence of one note, builds again, and
once more unchanged. Prints seconds, passages embedded, and the ratio.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from indexer.build import BuildSummary, build
from indexer.encoder import EmbeddedEncoder
from indexer.training import written


def notes(folder: Path) -> list[Path]:
    """A hundred notes that the primer does not know."""
    rows = written.rows("facets")
    paths = []
    for number in range(100):
        path = folder / f"{number:03}.md"
        part = rows[number * 8 : number * 8 + 8]
        path.write_text("".join(f"## {row['heading']}\n\n{row['passage']} ({number})\n\n" for row in part), "utf-8")
        paths.append(path)
    return paths


def main() -> None:
    encoder = EmbeddedEncoder()
    with tempfile.TemporaryDirectory() as place:
        folder, index = Path(place) / "notes", Path(place) / "index"
        folder.mkdir()
        paths = notes(folder)

        def timed(name: str) -> float:
            began = time.perf_counter()
            done: BuildSummary = build(folder, index, encoder=encoder)
            seconds = time.perf_counter() - began
            print(f"{name:<12}{seconds:8.2f} s  {done.embedded:5} of {done.chunks} passages embedded")
            return seconds

        encoder.encode_tokens(["모델을 먼저 불러온다"], kind="passage")
        whole = timed("full build")
        paths[50].write_text(paths[50].read_text("utf-8").replace("(50)", "(쉰)", 1), "utf-8")
        edit = timed("one edit")
        same = timed("unchanged")
        print(f"edit {edit / whole:.1%} of the full build, unchanged {same / whole:.1%}")


if __name__ == "__main__":
    main()
