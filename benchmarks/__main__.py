"""Run the benchmarks and write benchmarks/results.json.

Each benchmark is a module here with GOAL, UNIT and `rounds()`, which yields (value, limit) pairs
measured one right after the other, so that a machine whose speed drifts treats both alike.
"""

import importlib
import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"


def main(only: str | None) -> int:
    """Measure `only`, or all; 1 when a goal is missed."""
    names = sorted(file.stem for file in HERE.glob("*.py") if not file.stem.startswith("_"))
    if only and only not in names:
        print(f"There is no benchmark {only}; there are: {', '.join(names)}.", file=sys.stderr)
        return 2
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in [only] if only else names:
        results[name] = result = measure(name)
        met = "met" if result["met"] else "missed"
        print(
            f"{name:20} {result['value']:>12,.0f} {result['unit']}, limit {result['limit']:,.0f}, "
            f"ratio {result['ratio']:.2f}, goal {result['goal']} {met}"
        )
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if all(results[name]["met"] for name in results) else 1


def measure(name: str) -> dict[str, object]:
    """The medians of value and limit, and of their ratio pair by pair."""
    benchmark = importlib.import_module(f"benchmarks.{name}")
    pairs = list(benchmark.rounds())
    ratios = [value / limit for value, limit in pairs]
    ratio = statistics.median(ratios)
    return {
        "value": statistics.median(value for value, _ in pairs),
        "limit": statistics.median(limit for _, limit in pairs),
        "ratio": round(ratio, 3),
        "goal": benchmark.GOAL,
        "met": ratio >= benchmark.GOAL,
        "unit": benchmark.UNIT,
        "spread": [round(min(ratios), 3), round(max(ratios), 3)],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else None))
