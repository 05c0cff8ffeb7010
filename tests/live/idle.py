"""What quiet files cost, and a trickle of lines in one of them."""

import time

from daemon import Daemon, Site, Writer

SETTLE_SECS = 12
QUIET_SECS = 30
TRICKLE_SECS = 20
LINES_PER_SEC = 200
SOURCES = 10


def run(binary, folder, check):
    measure(binary, folder / "hundred", 100, check, limits=(0.1, 32, 1.0))
    measure(binary, folder / "thousand", 1000, check, limits=(0.5, 60, None))


def measure(binary, folder, files, check, limits):
    quiet_max, memory_max, trickle_max = limits
    site = Site(folder, [f"t{i:05}" for i in range(100)], sources=SOURCES)
    for i in range(files):
        writer = Writer(site.log(i % SOURCES, f"app{i // SOURCES:03}.log"))
        for n in range(20):
            writer.view(f"t{n:05}", i)
        writer.file.close()
    with Daemon(binary, site) as daemon:
        # Reading what was there, and the first sweeps, are no idle time.
        time.sleep(SETTLE_SECS)
        quiet = percent(daemon, lambda: time.sleep(QUIET_SECS))
        now, peak = daemon.memory()
        print(f"  {files} quiet files, {QUIET_SECS} s: {quiet:.3f} % of a core, {now:.1f} MiB, peak {peak:.1f} MiB")
        check.figure(f"{files} quiet files cost under {quiet_max} % of a core", quiet < quiet_max)
        check.figure(f"{files} quiet files cost under {memory_max} MiB", peak < memory_max)
        if trickle_max is None:
            return
        busy = percent(daemon, lambda: trickle(site))
        now, peak = daemon.memory()
        print(f"  {LINES_PER_SEC} lines/s in one of them, {TRICKLE_SECS} s: {busy:.2f} %, peak {peak:.1f} MiB")
        check.figure(f"{LINES_PER_SEC} lines/s cost under {trickle_max} % of a core", busy < trickle_max)
        check.figure(f"then, too, under {memory_max} MiB", peak < memory_max)


def percent(daemon, during):
    """Processor time of the daemon while `during` runs, in percent of one core."""
    cpu, wall = daemon.cpu_seconds(), time.monotonic()
    during()
    return 100 * (daemon.cpu_seconds() - cpu) / (time.monotonic() - wall)


def trickle(site):
    """One line every 5 ms, each in a write of its own, as web servers do."""
    writer = Writer(site.log(0, "app000.log"))
    begun = time.monotonic()
    for n in range(LINES_PER_SEC * TRICKLE_SECS):
        writer.view(f"t{n % 100:05}", n)
        time.sleep(max(0.0, begun + (n + 1) / LINES_PER_SEC - time.monotonic()))
