#!/usr/bin/env python3
"""Resamples the recorded runs and counts verdicts: SIO_LOAD=path/to/sio-load ./study.py

Writes RESULTS.md. Every draw has a fixed seed, so that the figures repeat.
"""

import collections
import json
import os
import pathlib
import random
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
RUNS = HERE / "runs"
SIO_LOAD = os.environ.get("SIO_LOAD", "sio-load")
TRIES = 200
VERDICTS = {0: "no regression", 90: "regression", 91: "inconclusive", 92: "generator-bound"}


def compare(base, new, *flags):
    """The exit code of a comparison, and the deciding figures that got worse."""
    command = [SIO_LOAD, "compare", str(base[0]), str(new[0]), "--format", "json", *flags]
    for folder in base[1:]:
        command += ["--base", str(folder)]
    for folder in new[1:]:
        command += ["--new", str(folder)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if finished.returncode not in VERDICTS:
        raise SystemExit(f"{command}: {finished.stderr}")
    comparison = json.loads(finished.stdout)
    worse = [
        f"{row['metric']} {row['aggregate']}"
        for row in comparison["metrics"]
        if row["deciding"] and row["verdict"] == "regression"
    ]
    return finished.returncode, worse


def runs(side, numbers):
    return [RUNS / side / f"{number:03}" for number in numbers]


def tally(name, draw, *flags):
    """Judges as many draws and counts their verdicts."""
    rng = random.Random(name)
    verdicts, worse = collections.Counter(), collections.Counter()
    for _ in range(TRIES):
        base, new = draw(rng)
        code, figures = compare(base, new, *flags)
        verdicts[VERDICTS[code]] += 1
        worse.update(figures)
    print(name, dict(verdicts), dict(worse), flush=True)
    return name, verdicts, worse


def main():
    rounds = sorted(int(path.name) for path in (RUNS / "base").iterdir())

    def itself(runs_a_side):
        def draw(rng):
            chosen = rng.sample(rounds, 2 * runs_a_side)
            return runs("base", chosen[:runs_a_side]), runs("base", chosen[runs_a_side:])

        return draw

    def slower(side, consecutive):
        """Five rounds as `ab` runs them: both sides of the same rounds."""

        def draw(rng):
            if consecutive:
                first = rng.randrange(len(rounds) - 4)
                chosen = rounds[first : first + 5]
            else:
                chosen = rng.sample(rounds, 5)
            return runs("base", chosen), runs(side, chosen)

        return draw

    tallies = [
        tally("a server with itself, 5 runs a side", itself(5)),
        tally("a server with itself, 3 runs a side", itself(3)),
        tally("a server with itself, 1 run a side", itself(1)),
        tally("10 % slower, 5 rounds in a row", slower("slow-10", True)),
        tally("10 % slower, any 5 rounds", slower("slow-10", False)),
        tally("5 % slower at --min-effect 2%, 5 rounds in a row", slower("slow-5", True), "--min-effect", "2%"),
        tally("5 % slower at --min-effect 2%, any 5 rounds", slower("slow-5", False), "--min-effect", "2%"),
    ]
    lines = [
        "# What the verdicts of `sio-load compare` are worth",
        "",
        f"{TRIES} comparisons each, drawn from {len(rounds)} recorded rounds (`record.sh`, `study.py`); default",
        "settings where nothing else is said. Shares of the comparisons:",
        "",
        "| compared | regression | inconclusive | no regression | generator-bound |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, verdicts, _ in tallies:
        shares = [
            f"{100 * verdicts[verdict] / TRIES:.1f} %"
            for verdict in ("regression", "inconclusive", "no regression", "generator-bound")
        ]
        lines.append(f"| {name} | {' | '.join(shares)} |")
    lines += ["", "Figures that were called worse:", ""]
    for name, _, worse in tallies:
        named = ", ".join(f"{figure} {count}" for figure, count in worse.most_common()) or "none"
        lines.append(f"- {name}: {named}")
    (HERE / "RESULTS.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
