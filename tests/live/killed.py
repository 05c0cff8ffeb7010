"""kill -9 of the daemon while it reads, commits and sends."""

import random
import time

import store
from daemon import OFFICER, OWNER, QUIET_EXPORTS, Daemon, Site, Writer
from relay import Relay

KILLS = 12
# Alerts raised by one write, so that the postman is busy for a while.
EACH = 25
# Mails the postman has in hand at a time: a kill between acceptance and note may send so many again.
LANES = 4


def run(binary, folder, check):
    accounts = [[f"t{n:02}{i:03}" for i in range(EACH)] for n in range(KILLS)]
    everybody = [a for group in accounts for a in group]
    chance = random.Random(9)
    with Relay(folder / "mta") as relay:
        site = Site(folder / "site", everybody, relay.port)
        writer = Writer(site.log())
        with Daemon(binary, site) as daemon:
            caught = 0
            for n, group in enumerate(accounts):
                export = writer.line(group[0], "/records/export/list.csv")
                writer.write("".join(export.replace(group[0], a) * (QUIET_EXPORTS + 1) for a in group))
                if n % 3 == 0:
                    # While it reads or commits.
                    time.sleep(chance.uniform(0, 0.060))
                else:
                    # While it sends: as soon as so many of this group's mails are out.
                    out = chance.randrange(EACH)
                    store.until("mails sent", lambda: sent(site, group) >= out, 20, every=0.001)
                daemon.kill()
                caught += store.waiting(site.store) > 0
                daemon.start()
            store.until("all alerts raised", lambda: len(store.alerts(site.store)) == len(everybody), 20)
            took = store.until("all mails accepted", lambda: store.waiting(site.store) == 0, 60)
        relay.settle()
        print(f"  {KILLS} kills, {caught} of them with mails under way; all accepted {took:.1f} s after the last start")
        check("half of the kills and more met mails under way", caught >= KILLS / 2)
        verdict(site, relay, writer, everybody, check)


def sent(site, group):
    mine = set(group)
    return sum(account in mine and state == "sent" for account, _, _, state, *_ in store.mails(site.store))


def verdict(site, relay, writer, everybody, check):
    check("one alert for each account", store.alerts(site.store) == dict.fromkeys(everybody, 1))
    tally, positions, book = store.lines(site.store)
    check(f"each of {writer.lines} lines is counted once", {tally, positions, book} == {writer.lines})
    mails = store.mails(site.store)
    by_account = {}
    for account, message_id, *_ in mails:
        by_account.setdefault(account, set()).add(message_id)
    check("one Message-ID for each alert", all(len(ids) == 1 for ids in by_account.values()))
    check("one alert for each Message-ID", len({m for _, m, *_ in mails}) == len(everybody))
    taken = relay.taken()
    wanted = {(m, r) for _, m, r, *_ in mails}
    both = {(a, r) for a, _, r, *_ in mails} == {(a, r) for a in everybody for r in (OFFICER, OWNER)}
    check("nothing is lost", both and set(taken) == wanted)
    again = sum(n - 1 for n in taken.values())
    check(f"sent again under the same Message-ID: {again}, at most {LANES} a kill", again <= LANES * KILLS)
