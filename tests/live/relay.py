"""The private Postfix of tests/mta/run.sh, and what its log says it took."""

import re
import subprocess
import time
from collections import Counter
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "mta" / "run.sh"


class Relay:
    """One Postfix on a loopback port, with its own folder. Use as a context."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def __enter__(self):
        self.port = int(self._run("start"))
        return self

    def __exit__(self, *_):
        self._run("end")

    def start(self):
        """Goes on under the same port, with the same queue and answers."""
        self._run("start")

    def stop(self):
        """Refuses connections from now on."""
        self._run("stop")

    def answer(self, code, address=None):
        """Answers `code` (or "usual") to RCPT TO of everybody or of `address`; in force on return."""
        self._run("answer", str(code), *([address] if address else []))

    def taken(self):
        """How often each (Message-ID, recipient) was taken, by Postfix's own log."""
        message_id, taken = {}, Counter()
        for line in self.log().splitlines():
            if found := re.search(r"cleanup\[\d+\]: (\w+): message-id=(<[^>]*>)", line):
                message_id[found[1]] = found[2]
            elif found := re.search(r": (\w+): to=<([^>]*)>,.* status=sent", line):
                taken[message_id[found[1]], found[2]] += 1
        return taken

    def arrivals(self):
        """When each (Message-ID, recipient) was laid into the mailbox, in seconds: the stamp in the file's name."""
        arrivals = {}
        for mail in self._mails():
            stamp = re.match(r"(\d+)\..*M(\d+)\.", mail.name)
            fields = {}
            for line in mail.read_text(errors="replace").splitlines():
                if not line:
                    break
                name, _, value = line.partition(":")
                fields.setdefault(name.lower(), value.strip())
            key = fields["message-id"], fields["delivered-to"]
            arrivals.setdefault(key, int(stamp[1]) + int(stamp[2]) / 1e6)
        return arrivals

    def settle(self, seconds=10):
        """Waits until Postfix has delivered everything it took."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            taken = len(re.findall(r"cleanup\[\d+\]: \w+: message-id=", self.log()))
            if taken == len(self._mails()):
                return
            time.sleep(0.05)
        raise AssertionError("Postfix does not deliver what it took; see its log")

    def log(self):
        return self._run("log")

    def _mails(self):
        return list((self.folder / "box" / "all" / "new").glob("*"))

    def _run(self, command, *arguments):
        done = subprocess.run(
            [SCRIPT, command, self.folder, *arguments], stdout=subprocess.PIPE, text=True, errors="replace", check=True
        )
        return done.stdout
