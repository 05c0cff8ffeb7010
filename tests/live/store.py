"""What stands in the store, read beside the running daemon."""

import sqlite3
import threading
import time


def connect(path):
    """A read-only connection; reading never holds up the daemon's commits (write-ahead log)."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10, isolation_level=None, check_same_thread=False)


def rows(path, query, *values):
    conn = connect(path)
    try:
        return conn.execute(query, values).fetchall()
    finally:
        conn.close()


def alerts(path):
    """Number of alerts of each account."""
    return dict(rows(path, "SELECT account, count(*) FROM alert GROUP BY account"))


def mails(path):
    """(account, Message-ID, recipient, state, attempts, settled_at in seconds) of each mail and recipient."""
    return rows(
        path,
        """SELECT a.account, '<' || trim(m.message_id, '<>') || '>', r.address, r.state, r.attempts,
                  r.settled_at / 1e6
           FROM mail AS m JOIN alert AS a ON a.id = m.alert JOIN mail_recipient AS r ON r.mail = m.id""",
    )


def waiting(path):
    return rows(path, "SELECT count(*) FROM mail_recipient WHERE state = 'waiting'")[0][0]


def lines(path):
    """Lines counted: by the tally, by the positions, and accesses by the book."""
    tally = rows(path, "SELECT coalesce(sum(lines), 0) FROM tally")[0][0]
    positions = rows(path, "SELECT coalesce(sum(lines), 0) FROM segment")[0][0]
    book = rows(path, "SELECT coalesce(sum(accesses), 0) FROM page WHERE who <> 0")[0][0]
    return tally, positions, book


def until(what, condition, seconds, every=0.05):
    """Waits until `condition` holds; gives how long that took."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)
    return time.monotonic() - begun


class Watcher(threading.Thread):
    """Notes when each alert is first seen by another reader: its commit, at most about a millisecond later.

    `detected_at` in the store is the time at which the batch was begun, before its commit. So the store is asked
    over and over whether another connection committed (PRAGMA data_version), and then for new alerts.
    """

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.seen = {}
        self.longest_gap = 0.0
        self.ending = False

    def run(self):
        conn = connect(self.path)
        last, version, before = 0, None, time.time()
        while not self.ending:
            now_version = conn.execute("PRAGMA data_version").fetchone()[0]
            if now_version != version:
                version = now_version
                found = conn.execute("SELECT id, account FROM alert WHERE id > ?", [last]).fetchall()
                now = time.time()
                for last, account in found:
                    self.seen[account] = now
            now = time.time()
            self.longest_gap = max(self.longest_gap, now - before)
            before = now
            time.sleep(0.0003)
        conn.close()

    def end(self):
        self.ending = True
        self.join()
