"""A relay that is gone, then says 451, then is back; and one that refuses one of two recipients for good."""

import time

import store
from daemon import OFFICER, OWNER, QUIET_EXPORTS, Daemon, Site, Writer
from relay import Relay

EACH = 12


def run(binary, folder, check):
    groups = {name: [f"t{n}{i:04}" for i in range(EACH)] for n, name in enumerate(PHASES, 1)}
    with Relay(folder / "mta") as relay:
        site = Site(folder / "site", [a for group in groups.values() for a in group], relay.port)
        writer = Writer(site.log())
        with Daemon(binary, site):
            def raise_alerts(name, seconds):
                for account in groups[name]:
                    writer.export(account, QUIET_EXPORTS + 1)
                    time.sleep(seconds / EACH)

            raise_alerts("before", 0.5)
            store.until("mails of the time before accepted", lambda: sent(site, groups["before"]) == 2 * EACH, 10)
            relay.stop()
            raise_alerts("stopped", 6)
            check("alerts are raised and kept while the relay is stopped", raised(site, groups["stopped"]))
            check("none of their mails is settled", sent(site, groups["stopped"]) == 0)
            relay.answer(451)
            relay.start()
            raise_alerts("451", 6)
            store.until("each mail put off with 451", lambda: put_off(site) >= 2 * EACH, 30)
            check("none of their mails is given up", settled(site, groups["451"]) == 0)
            relay.answer("usual")
            took = store.until("every mail accepted", lambda: store.waiting(site.store) == 0, 60)
            print(f"  relay back: everything that waited was accepted {took:.1f} s later")
            relay.answer(550, OWNER)
            raise_alerts("550", 2)
            took = store.until("the other recipient's mails", lambda: sent(site, groups["550"], OFFICER) == EACH, 10)
            print(f"  550 for one recipient: the other had all mails {took:.1f} s after the last alert")
            store.until("the refused mails given up", lambda: store.waiting(site.store) == 0, 10)
            check("all mails to the refused recipient are given up", dead(site, groups["550"], OWNER) == EACH)
            relay.answer("usual")
            raise_alerts("after", 0.5)
            store.until("mails of the time after accepted", lambda: sent(site, groups["after"]) == 2 * EACH, 10)
        relay.settle()
        verdict(site, relay, groups, check)


PHASES = ["before", "stopped", "451", "550", "after"]


def verdict(site, relay, groups, check):
    everybody = [a for group in groups.values() for a in group]
    check("one alert for each account", store.alerts(site.store) == dict.fromkeys(everybody, 1))
    taken, mails = relay.taken(), store.mails(site.store)
    refused = {(a, OWNER) for a in groups["550"]}
    wanted = {(a, r) for a in everybody for r in (OFFICER, OWNER)} - refused
    got = {(a, r) for a, message_id, r, _, _, _ in mails if (message_id, r) in taken}
    check(f"nothing is lost: {len(wanted)} mails wanted, {len(got)} taken", got == wanted)
    check("nothing is taken twice (Message-ID and recipient)", set(taken.values()) == {1})
    check("nothing else is taken", len(taken) == len(wanted))
    check("an account's alert has one Message-ID", len({m for _, m, _, _, _, _ in mails}) == len(everybody))
    tries = max(attempts for *_, attempts, _ in mails)
    print(f"  {len(mails)} mails, the most tries for one: {tries}")


def of(site, accounts, recipient=None):
    mine = set(accounts)
    mails = store.mails(site.store)
    return [m for m in mails if m[0] in mine and recipient in (None, m[2])]


def sent(site, accounts, recipient=None):
    return sum(m[3] == "sent" for m in of(site, accounts, recipient))


def dead(site, accounts, recipient):
    return sum(m[3] == "dead" for m in of(site, accounts, recipient))


def settled(site, accounts):
    return sum(m[3] != "waiting" for m in of(site, accounts))


def raised(site, accounts):
    store.until("alerts raised", lambda: set(accounts) <= set(store.alerts(site.store)), 5)
    return True


def put_off(site):
    """Mails the relay itself put off."""
    query = "SELECT count(*) FROM mail_recipient WHERE state = 'waiting' AND refused_since <> 0"
    return store.rows(site.store, query)[0][0]
