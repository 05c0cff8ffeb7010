#!/usr/bin/env python3
"""Takes away one safeguard at a time and sees that a test notices.

    tests/mutations/run.py [NAME ...]      all of `table.toml`, or those whose name contains one of NAME

Each mutation is one replacement in one file of a scratch copy of the sources, where the text to be replaced must stand
exactly once: whoever changes a safeguard changes its mutation. All of them are built at once, each behind a switch, so the
tests are built twice and not for each; SEKIMORI_TAKEN then says which one is taken away. The tests named by the
mutation are run, first those of the library that are quick, then all of it, then, if these are content, those of `tests/it`; with nothing taken away
they must all be content. Prints which test caught which mutation; exit status 1: one was not caught, or does not apply
any more. The target folder of the repository is used, so dependencies are not built anew.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
LONGEST = 600
# Tests that take long; the others are asked first.
SLOW = ["random_scripts", "one_changed_bit", "still_being_written", "any_way_of_"]
# Tests that read the sources: they see every mutation, taken or not.
READERS = ["--skip", "store::tests::plans"]
SWITCH = """
/// Which safeguard is taken away.
pub fn taken(which: usize) -> bool {
    static TAKEN: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let taken = TAKEN.get_or_init(|| std::env::var("SEKIMORI_TAKEN").ok().and_then(|n| n.parse().ok()).unwrap_or(0));
    *taken == which
}
"""


def main(names):
    table = tomllib.loads((Path(__file__).parent / "table.toml").read_text())["mutation"]
    wanted = [(n, m) for n, m in enumerate(table, 1) if not names or any(part in m["name"] for part in names)]
    scratch = Path(tempfile.mkdtemp(prefix="sekimori-mutations-")) / "sekimori"
    shutil.copytree(ROOT, scratch, ignore=shutil.ignore_patterns("target", ".git", "var"))
    try:
        stale = switches(scratch, table)
        if stale:
            sys.exit("\n".join(stale))
        tests = {target: build(scratch, target) for target in ("lib", "it") if any(target in m for _, m in wanted)}
        sound(scratch, tests, wanted)
        with ThreadPoolExecutor(int(os.environ.get("SEKIMORI_MUTATIONS_AT_ONCE", os.cpu_count() or 1))) as pool:
            missed = [name for name, missed in pool.map(lambda m: one(scratch, tests, *m), wanted) if missed]
    finally:
        shutil.rmtree(scratch.parent)
    print(f"{len(wanted)} safeguards taken away, {len(wanted) - len(missed)} noticed")
    sys.exit(1 if missed else 0)


def switches(scratch, table):
    """Puts every mutation behind its switch; gives what does not apply any more."""
    stale = []
    for number, mutation in enumerate(table, 1):
        path = scratch / mutation["file"]
        text = path.read_text()
        if text.count(mutation["old"]) != 1:
            stale.append(f"STALE: {mutation['name']}: its text stands {text.count(mutation['old'])} times in {mutation['file']}")
        new = mutation["new"].replace("TAKEN", f"crate::fault::taken({number})")
        path.write_text(text.replace(mutation["old"], new))
    fault = scratch / "src" / "fault.rs"
    text = fault.read_text()
    # Before the tests of that file, if it has any: items behind them are refused.
    at = text.find("#[cfg(test)]")
    at = len(text) if at < 0 else at
    fault.write_text(text[:at] + SWITCH + text[at:])
    return stale


def build(scratch, target):
    """The test program, and the environment cargo would run it in."""
    chosen = ["--lib"] if target == "lib" else ["--test", "it"]
    command = ["cargo", "test", "--locked", "--no-run", "--message-format=json", *chosen]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    done = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"it does not build:\n{done.stderr[-4000:]}")
    built = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    programs = [m["executable"] for m in built if m.get("executable") and m.get("profile", {}).get("test")]
    # Another build into the same folder must not take its place.
    own = scratch.parent / target
    shutil.copy2(programs[-1], own)
    return own


def sound(scratch, tests, wanted):
    for target, program in tests.items():
        filters = sorted({f for _, m in wanted for f in m.get(target, [])})
        caught = test(scratch, program, filters, 0)
        if caught:
            sys.exit(f"with nothing taken away {target} is not content: {caught}")


def one(scratch, tests, number, mutation):
    begun = time.monotonic()
    verdict = None
    for target in ("lib", "it"):
        if target == "lib" and target in mutation:
            quick = [word for name in SLOW for word in ("--skip", name)]
            verdict = test(scratch, tests[target], mutation[target] + quick, number)
        if target in mutation and verdict is None:
            verdict = test(scratch, tests[target], mutation[target], number)
    took = time.monotonic() - begun
    print(f"{mutation['name']:<56} {verdict or 'NOT CAUGHT'}  ({took:.0f} s)", flush=True)
    return mutation["name"], verdict is None


def test(scratch, program, filters, number):
    environment = {**os.environ, "SEKIMORI_TAKEN": str(number), "RUST_BACKTRACE": "0"}
    try:
        done = subprocess.run(
            [program, *filters, *READERS], cwd=scratch, env=environment, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return "caught: the tests find no end"
    if done.returncode == 0:
        return None
    failed = re.findall(r"^    ([\w:]+)$", done.stdout, re.M)
    if not failed:
        return f"caught: the tests died ({done.returncode})"
    more = f" and {len(set(failed)) - 1} more" if len(set(failed)) > 1 else ""
    return f"caught by {failed[0]}{more}"


if __name__ == "__main__":
    main(sys.argv[1:])
