"""From the write of a line to the commit of its alert, and to the relay's acceptance of the mails."""

import math
import random
import time

import store
from daemon import OFFICER, OWNER, QUIET_EXPORTS, Daemon, Site, Writer
from relay import Relay

ALERTS = 200
# The next account's quiet exports are written so many alerts ahead.
AHEAD = 10
COMMIT_P99_MAX = 0.050
ACCEPTED_P95_MAX = 1.0


def run(binary, folder, check):
    accounts = [f"t{i:05}" for i in range(ALERTS)]
    clerks = [f"c{i:05}" for i in range(50, 100)]
    with Relay(folder / "mta") as relay:
        site = Site(folder / "site", accounts + [f"b9{c[1:]}" for c in clerks], relay.port)
        writer = Writer(site.log())
        with Daemon(binary, site) as daemon:
            watcher = store.Watcher(site.store)
            watcher.start()
            written = write_all(writer, accounts, clerks)
            store.until("all mails accepted", lambda: all_settled(site), 30)
            watcher.end()
            cpu, (_, peak) = daemon.cpu_seconds(), daemon.memory()
        relay.settle()
        report(site, relay, written, watcher, check)
        print(f"  daemon: {cpu:.2f} s of processor time, {peak:.1f} MiB at its peak, {writer.lines} lines")


def write_all(writer, accounts, clerks):
    """One alert every 50 to 100 ms, other lines between; gives when each alert's line was written."""
    chance = random.Random(22)
    for account in accounts[:AHEAD]:
        writer.export(account, QUIET_EXPORTS)
    time.sleep(1)
    written = {}
    for i, account in enumerate(accounts):
        slot = time.monotonic() + chance.uniform(0.050, 0.100)
        for ahead in accounts[i + AHEAD : i + AHEAD + 1]:
            writer.export(ahead, QUIET_EXPORTS)
        for _ in range(chance.randrange(4)):
            time.sleep(chance.uniform(0, 0.010))
            writer.view(chance.choice(clerks), chance.randrange(100_000))
        time.sleep(chance.uniform(0, 0.010))
        # Taken before the write: what the write itself costs counts as well.
        written[account] = time.time()
        writer.export(account)
        time.sleep(max(0.0, slot - time.monotonic()))
    return written


def all_settled(site):
    mails = store.mails(site.store)
    return len(mails) == 2 * ALERTS and all(state == "sent" for _, _, _, state, _, _ in mails)


def report(site, relay, written, watcher, check):
    detected = dict(store.rows(site.store, "SELECT account, detected_at / 1e6 FROM alert"))
    check("each of the 200 accounts has its alert", set(detected) == set(written) == set(watcher.seen))
    check("each has one only", set(store.alerts(site.store).values()) == {1})
    begun = [detected[a] - t for a, t in written.items()]
    commit = [watcher.seen[a] - t for a, t in written.items()]
    accepted, mailbox, arrivals = {}, {}, relay.arrivals()
    for account, message_id, recipient, _, _, at in store.mails(site.store):
        accepted[account] = max(accepted.get(account, 0), at - written[account])
        arrived = arrivals[message_id, recipient] - written[account]
        mailbox[account] = max(mailbox.get(account, 0), arrived)
    figures("write -> batch begun (alert.detected_at)", begun)
    figures("write -> commit (seen by another reader)", commit)
    figures("write -> both mails accepted (250 to the text)", list(accepted.values()))
    figures("write -> both mails in the mailbox (Postfix's stamp)", list(mailbox.values()))
    print(f"  longest time between two looks of the watching reader: {watcher.longest_gap * 1e3:.1f} ms")
    taken = relay.taken()
    check("each mail was taken once for each recipient", set(taken.values()) == {1} and len(taken) == 2 * ALERTS)
    check("both recipients got theirs", {r for _, r in taken} == {OFFICER, OWNER})
    check.figure("write -> commit p99 < 50 ms", percentile(commit, 99) < COMMIT_P99_MAX)
    check.figure("write -> acceptance p95 < 1 s", percentile(list(accepted.values()), 95) < ACCEPTED_P95_MAX)


def percentile(values, p):
    """Nearest rank."""
    return sorted(values)[math.ceil(len(values) * p / 100) - 1]


def figures(what, values):
    parts = [f"p{p} {percentile(values, p) * 1e3:.1f}" for p in (50, 95, 99)]
    print(f"  {what}: {', '.join(parts)}, max {max(values) * 1e3:.1f} ms ({len(values)} alerts)")
