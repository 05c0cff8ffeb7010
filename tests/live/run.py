#!/usr/bin/env python3
"""The daemon, live: latency, outages of the mail relay, kill -9, rotation, real servers' logs, and what it costs while nothing happens.

    SEKIMORI=target/release/sekimori tests/live/run.py [latency] [outage] [killed] [idle] [rotation] [software]

Needs Python 3 and Debian's package `postfix`, and root, as Postfix's master does. Everything happens in one temporary
folder and on loopback. Prints the figures; exit status 1: a limit was broken or a mail lost. The folder is then
kept, and named.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import idle
import killed
import latency
import outage
import rotation
import software

PARTS = {"latency": latency, "outage": outage, "killed": killed, "idle": idle, "rotation": rotation, "software": software}
BINARY = Path(__file__).resolve().parents[2] / "target" / "release" / "sekimori"


def main(names):
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        sys.exit(f"{__doc__}\nunknown: {' '.join(unknown)}")
    binary = Path(os.environ.get("SEKIMORI", BINARY)).resolve()
    if not binary.exists():
        sys.exit(f"{binary} is not there; cargo build --release")
    folder = Path(tempfile.mkdtemp(prefix="sekimori-live-"))
    # Postfix's own user must get through to its folder.
    folder.chmod(0o755)
    go_first()
    broken = 0
    for name in names or PARTS:
        print(f"{name}: {PARTS[name].__doc__.strip()}", flush=True)
        first = part(name, binary, folder / name)
        broken += first.broken
        if first.missed and not first.broken:
            print("  missed; others may have needed the machine: measured once more", flush=True)
            second = part(name, binary, folder / f"{name}-again")
            broken += second.broken + second.missed
    if broken:
        sys.exit(f"{broken} broken; see {folder}")
    shutil.rmtree(folder)


def go_first():
    """Whatever else runs on this machine should not decide about latencies; processor time is counted all the same."""
    try:
        os.nice(-15)
        # Where the kernel groups processes by session, the group's priority counts.
        Path("/proc/self/autogroup").write_text("-15")
    except OSError as error:
        print(f"at the usual priority: {error}")


class Check:
    """Prints and counts what holds and what does not."""

    def __init__(self):
        self.broken = self.missed = 0

    def __call__(self, what, holds):
        """What must hold every time."""
        self.broken += not holds
        print(f"  {'ok' if holds else 'BROKEN'}: {what}", flush=True)

    def figure(self, what, holds):
        """A figure within its limit; other programs on the machine may spoil it once."""
        self.missed += not holds
        print(f"  {'ok' if holds else 'MISSED'}: {what}", flush=True)


def part(name, binary, folder):
    begun = time.monotonic()
    folder.mkdir()
    check = Check()
    try:
        PARTS[name].run(binary, folder, check)
    except AssertionError as error:
        check(str(error), False)
    print(f"  {time.monotonic() - begun:.0f} s, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    return check


if __name__ == "__main__":
    main(sys.argv[1:])
