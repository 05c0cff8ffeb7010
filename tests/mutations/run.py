#!/usr/bin/env python3
"""Takes away one safeguard at a time and sees that a test notices.

    tests/mutations/run.py [NAME ...]      all of `table.toml`, or those whose name contains one of NAME

Each mutation is one replacement in one file of a scratch copy of the sources, where the text to be replaced must stand
exactly once: whoever changes a safeguard changes its mutation. The tests named by the mutation are run, first those of
the library, then, if these are content, those of `tests/it`. Prints which test caught which mutation; exit status 1: one
was not caught, or does not apply any more. The target folder of the repository is used, so dependencies are not built anew.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
LONGEST = 900


def main(names):
    table = tomllib.loads((Path(__file__).parent / "table.toml").read_text())["mutation"]
    wanted = [m for m in table if not names or any(n in m["name"] for n in names)]
    scratch = Path(tempfile.mkdtemp(prefix="sekimori-mutations-")) / "sekimori"
    shutil.copytree(ROOT, scratch, ignore=shutil.ignore_patterns("target", ".git", "var"))
    missed = []
    try:
        for mutation in wanted:
            begun = time.monotonic()
            verdict = one(scratch, mutation)
            if not verdict.startswith("caught"):
                missed.append(mutation["name"])
            print(f"{mutation['name']:<44} {verdict}  ({time.monotonic() - begun:.0f} s)", flush=True)
    finally:
        shutil.rmtree(scratch.parent)
    print(f"{len(wanted)} safeguards taken away, {len(wanted) - len(missed)} noticed")
    sys.exit(1 if missed else 0)


def one(scratch, mutation):
    path = scratch / mutation["file"]
    text = path.read_text()
    if text.count(mutation["old"]) != 1:
        return f"STALE: the text stands {text.count(mutation['old'])} times in {mutation['file']}"
    path.write_text(text.replace(mutation["old"], mutation["new"]))
    try:
        for target in ("lib", "it"):
            if target not in mutation:
                continue
            chosen = ["--lib"] if target == "lib" else ["--test", "it"]
            caught = test(scratch, chosen, mutation[target])
            if caught:
                return caught
        return "NOT CAUGHT"
    finally:
        path.write_text(text)


def test(scratch, chosen, filters):
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET), "RUST_BACKTRACE": "0"}
    command = ["cargo", "test", "--locked", "--quiet", *chosen, "--", *filters]
    try:
        done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return "caught: the tests find no end"
    if done.returncode == 0:
        return None
    failed = re.findall(r"^    ([\w:]+)$", done.stdout, re.M)
    if not failed:
        errors = [line for line in done.stderr.splitlines() if line.startswith("error")]
        return f"DOES NOT BUILD: {errors[:2]}"
    more = f" and {len(set(failed)) - 1} more" if len(set(failed)) > 1 else ""
    return f"caught by {failed[0]}{more}"


if __name__ == "__main__":
    main(sys.argv[1:])
