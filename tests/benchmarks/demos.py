"""How long each demo takes: ``python -m tests.benchmarks.demos [--ends] [--limit 1.0] [SLUG ...]``.

Prints the median of three runs with the values a reader first sees, slowest first. With ``--ends`` each control is also
moved to each of its ends by itself, and the slowest setting is printed; that takes minutes. Exits with 1 where a demo
needs longer than the limit.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "2")

from models import catalogue
from models.concept import Concept, ConceptError, Control, Value

RUNS = 3


def seconds(concept: Concept, params: dict[str, Value]) -> float:
    """The time of one run, the figure written as JSON with it."""
    began = time.perf_counter()
    try:
        concept.run(params).figure.to_json()
    except ConceptError:
        return 0.0
    return time.perf_counter() - began


def ends(control: Control) -> tuple[Value, ...]:
    """The values between which a control moves."""
    if control.kind == "number":
        return tuple(control.check(v) for v in (control.low, control.high))
    return control.choices if control.choices else (False, True) if control.kind == "switch" else ()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slugs", nargs="*")
    parser.add_argument("--ends", action="store_true")
    parser.add_argument("--limit", type=float, default=1.0)
    given = parser.parse_args()
    chosen = [catalogue.get(slug) for slug in given.slugs] or list(catalogue.concepts().values())
    rows = []
    for concept in chosen:
        median = statistics.median(seconds(concept, {}) for _ in range(RUNS))
        worst, setting = median, ""
        for control in concept.controls if given.ends else ():
            for value in ends(control):
                taken = seconds(concept, {control.name: value})
                if taken > worst:
                    worst, setting = taken, f"{control.name}={value}"
        rows.append((median, worst, concept.slug, setting))
    rows.sort(reverse=True)
    for median, worst, slug, setting in rows:
        print(f"{slug:24} {median:6.3f} s" + (f"   {worst:6.3f} s {setting}" if given.ends else ""))
    medians = [median for median, *_ in rows]
    print(f"{len(rows)} demos: median {statistics.median(medians):.3f} s, slowest {medians[0]:.3f} s ({rows[0][2]}), "
          f"{sum(m > given.limit for m in medians)} over {given.limit:g} s")
    return int(medians[0] > given.limit)


if __name__ == "__main__":
    sys.exit(main())
