#!/usr/bin/env python3
"""An hour of everything at once: counted must be what was written, and no alert may be mailed twice.

    SEKIMORI=target/release/sekimori tests/live/soak.py [--minutes 60] [--rate 20000] [--every 20] [--seed 1]
        [--modes create,copytruncate,...] [--logs FOLDER] [--keep 30]

Real logrotate rotates one log a directive every `--every` seconds while a writer writes `--rate` lines a second into
them; the daemon is killed (-9) at random and started again, now and then only after a rotation has passed; the disk of
its store, a small tmpfs, is filled for some seconds at a time. Exports raise alerts all along. At the end every
account's lines are compared with what was written, and the mails with the alerts.

Rotation keeps `--keep` old logs: what it deletes before a daemon that shares its machine with others could read it is
lost, and told as that. Needs root (it mounts the small disk) and Debian's package `logrotate`. The logs stand in `--logs` (a new folder
below it; the system's temporary folder), so that both ext4 and tmpfs can be asked for.
"""

import argparse
import datetime
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import logrotate
import store
from daemon import JST, QUIET_EXPORTS, Daemon, Site

BINARY = Path(__file__).resolve().parents[2] / "target" / "release" / "sekimori"
BLOCK = 100
# What was read and not archived is read again first, on a machine that has much else to do.
START_WITHIN = 180
# The store, and beside it the archive of everything that was read.
STORE_MIB = 4096
# How often it is said how far it is.
TOLD_EVERY = 300


def main():
    options = parse()
    binary = Path(os.environ.get("SEKIMORI", BINARY)).resolve()
    if os.geteuid() or not logrotate.installed():
        sys.exit("soak: needs root and logrotate (apt-get install logrotate)")
    folder = Path(tempfile.mkdtemp(prefix="sekimori-soak-", dir=options.logs))
    print(f"soak: {options.minutes} min, {options.rate} lines/s, {folder}, seed {options.seed}", flush=True)
    soak = Soak(binary, folder, options)
    try:
        broken = soak.run()
        if broken:
            for file in soak.disk.glob("sekimori.db*"):
                shutil.copy2(file, folder)
    finally:
        soak.unmount()
    if broken:
        sys.exit(f"soak: {broken} broken; see {folder}")
    shutil.rmtree(folder)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--every", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--modes", default=",".join(logrotate.MODES))
    parser.add_argument("--logs")
    parser.add_argument("--keep", type=int, default=30)
    return parser.parse_args()


class Soak:
    def __init__(self, binary, folder, options):
        self.binary, self.options = binary, options
        self.chance = random.Random(options.seed)
        self.modes = options.modes.split(",")
        # Each block of lines is of one account, so that a line lost here and one twice there do not make up for it.
        self.accounts = [f"t{n:05}" for n in range(400)]
        self.exporters = [f"e{n + 10000}" for n in range(int(options.minutes * 30) + 10)]
        self.site = Site(folder / "site", self.accounts + self.exporters, olddir="olddir" in self.modes)
        self.disk = self.site.folder / "var"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={STORE_MIB}m,mode=700", "none", self.disk], check=True)
        self.logs = [logrotate.Log(self.site.log().parent, mode, options.keep) for mode in self.modes]
        self.expected = Counter()
        self.exported = 0
        self.kills = self.fulls = self.starts = 0
        self.longest_lag = 0
        self.cpu = 0.0
        self.peak = 0.0
        self.daemon = Daemon(binary, self.site)

    def unmount(self):
        subprocess.run(["umount", "-l", self.disk], check=False)

    def run(self):
        self.daemon.start(START_WITHIN)
        store.until("the first look", lambda: store.lines(self.site.store)[1] >= 0, 20)
        begun = time.monotonic()
        stop = threading.Event()
        writer = threading.Thread(target=self.write, args=[stop], daemon=True)
        rotator = logrotate.Rotator(self.logs, self.options.every)
        writer.start()
        rotator.start()
        told = begun
        while time.monotonic() - begun < self.options.minutes * 60:
            self.trouble()
            if rotator.failed:
                break
            if TOLD_EVERY <= time.monotonic() - told:
                told = time.monotonic()
                print(
                    f"  {told - begun:.0f} s: {self.written()} lines, most behind {self.longest_lag}, {rotator.rotations} rotations, "
                    f"{self.kills} kills, {self.fulls} times a full disk, peak {self.peak:.0f} MiB",
                    flush=True,
                )
        stop.set()
        writer.join()
        took = time.monotonic() - begun
        rotator.end()
        return self.verdict(took, rotator)

    def write(self, stop):
        """Blocks of lines, spread over the logs, at the wished rate as far as this machine can."""
        begun, blocks, turn = time.monotonic(), 0, 0
        next_export = begun
        while not stop.is_set():
            due = (time.monotonic() - begun) * self.options.rate / BLOCK
            if due <= blocks:
                time.sleep(0.005)
                continue
            stamp = datetime.datetime.now(JST).strftime("%d/%b/%Y:%H:%M:%S %z")
            account = self.accounts[blocks % len(self.accounts)]
            head = f'10.1.2.3 - {account} [{stamp}] "GET /records/'
            first = blocks * 7
            text = "".join(
                f'{head}{1000000000 + (first + n) % 900} HTTP/1.1" 200 512 "-" "live"\n' for n in range(BLOCK)
            )
            self.logs[turn % len(self.logs)].write(text.encode(), BLOCK)
            self.expected[account] += BLOCK
            blocks, turn = blocks + 1, turn + 1
            if next_export <= time.monotonic() and self.exported < len(self.exporters):
                next_export += 2
                account = self.exporters[self.exported]
                line = f'10.1.2.3 - {account} [{stamp}] "GET /records/export/list.csv HTTP/1.1" 200 512 "-" "live"\n'
                self.logs[turn % len(self.logs)].write((line * (QUIET_EXPORTS + 1)).encode(), QUIET_EXPORTS + 1)
                self.expected[account] += QUIET_EXPORTS + 1
                self.exported += 1
        self.rate = blocks * BLOCK / (time.monotonic() - begun)

    def trouble(self):
        """Some quiet time, then a kill, or a full disk, or both."""
        time.sleep(self.chance.uniform(3, 25))
        self.figures()
        kind = self.chance.random()
        if kind < 0.35:
            self.fill(self.chance.uniform(2, 8))
        if kind > 0.25:
            self.daemon.kill()
            self.kills += 1
            if self.chance.random() < 0.3:
                # A rotation, or two, pass while nobody looks.
                time.sleep(self.chance.uniform(1, 2) * self.options.every)
            self.daemon.start(START_WITHIN)

    def figures(self):
        try:
            self.cpu += self.daemon.cpu_seconds() - getattr(self.daemon, "counted_cpu", 0)
            self.daemon.counted_cpu = 0
            self.peak = max(self.peak, self.daemon.memory()[1])
            self.longest_lag = max(self.longest_lag, self.written() - store.lines(self.site.store)[0])
        except (FileNotFoundError, AssertionError, ValueError):
            pass

    def written(self):
        return sum(log.written for log in self.logs)

    def fill(self, seconds):
        """The store's disk is full for so long."""
        ballast = self.disk / "ballast"
        with ballast.open("wb") as file:
            piece = 1 << 28
            while piece >= 1 << 12:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, piece)
                except OSError:
                    piece //= 2
        self.fulls += 1
        time.sleep(seconds)
        ballast.unlink()

    def verdict(self, took, rotator):
        written = self.written()

        def counted():
            return store.lines(self.site.store)[0]

        behind = written - counted()
        last, waited = None, time.monotonic()
        while counted() != written and time.monotonic() - waited < 120:
            now = counted()
            if now != last:
                last, waited = now, time.monotonic()
            time.sleep(0.5)
        caught = time.monotonic()
        store.until("all mails settled", lambda: store.waiting(self.site.store) == 0, 120)
        self.daemon.__exit__(None, None, None)
        tally, positions, book = store.lines(self.site.store)
        print(f"  {took:.0f} s: {written} lines ({self.rate:.0f}/s) into {len(self.logs)} logs ({','.join(self.modes)})")
        print(f"  {rotator.rotations} rotations, {self.kills} kills, {self.fulls} times a full disk")
        print(f"  behind at the end of writing: {behind} lines; most seen: {self.longest_lag}; peak {self.peak:.0f} MiB")
        print(f"  counted: {tally} by the tally, {book} by the book")
        broken = 0

        def check(what, holds):
            nonlocal broken
            broken += not holds
            print(f"  {'ok' if holds else 'BROKEN'}: {what}", flush=True)

        check(f"counted = written ({tally} = {written})", tally == written)
        found = Counter(dict(store.rows(self.site.store, BY_NAME)))
        wrong = {a: (found[a], n) for a, n in self.expected.items() if found[number(a)] != n}
        wrong = {a: (found[number(a)], n) for a, n in wrong.items()}
        check(f"each account's lines are counted ({len(wrong)} wrong: {dict(list(wrong.items())[:5])})", not wrong)
        alerts = store.alerts(self.site.store)
        check(f"one alert for each of {self.exported} exporters", alerts == dict.fromkeys(self.exporters[: self.exported], 1))
        ids = Counter(message_id(p) for p in (self.disk / "outbox").glob("*.eml"))
        about = {m[1] for m in store.mails(self.site.store)}
        check(f"no Message-ID twice among {sum(ids.values())} mails", max(ids.values(), default=0) <= 1)
        check(f"each of the {len(about)} mails about alerts is there", about <= set(ids))
        events = store.rows(self.site.store, "SELECT kind, count(*) FROM source_event GROUP BY kind")
        print(f"  events: {dict(events)}")
        for at, kind, lo, hi, detail in store.rows(self.site.store, OTHER_EVENTS):
            print(f"    {at} {kind} {lo} {hi} {detail}")
        told = {kind for kind, _ in events} - {"expired"}
        check(f"no rotation and no crash is told as tampering ({', '.join(sorted(told)) or 'nothing told'})", not told)
        return broken


OTHER_EVENTS = """SELECT datetime(at / 1000000, 'unixepoch'), kind, lo, hi, detail FROM source_event
    WHERE kind <> 'expired' ORDER BY at LIMIT 40"""

BY_NAME = """SELECT who.name, sum(page.accesses) FROM page JOIN who ON who.id = page.who GROUP BY who.name"""


def number(account):
    """職員番号 of an account, as the site's register has it."""
    return f"{account[1:]:>06}"


def message_id(path):
    for line in path.read_text(errors="replace").splitlines():
        if line.lower().startswith("message-id:"):
            return line.split(":", 1)[1].strip()
    return path.name


if __name__ == "__main__":
    main()
