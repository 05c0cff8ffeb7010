"""The daemon under test, the configuration it is given, and the log another program writes for it."""

import datetime
import os
import signal
import subprocess
import threading
from pathlib import Path

JST = datetime.timezone(datetime.timedelta(hours=9))
OFFICER, OWNER = "security@city.example.jp", "owner@city.example.jp"
# An account's third export within the hour is an alert; the first two are none.
QUIET_EXPORTS = 2

DATASETS = """
[[dataset]]
id = "records"
title = "Records"
tier = "A"
owner = "Tax"
registered = 50000

[[dataset.match]]
sources = {sources}
resource = "/records/export/**"
class = "export"

[[dataset.match]]
sources = {sources}
resource = "/records/{{subject}}"
operations = ["GET"]
class = "view"
records = 1
"""

RULES = f"""
[[rule]]
id = "L1"
title = "Exports within an hour"
kind = "volume"
severity = "warning"
basis = ["22"]
when = {{ operation = ["export"] }}
count = "accesses"
per = ["person", "dataset"]
within = "60m"
limit = {{ A = {QUIET_EXPORTS} }}
"""

MAIN = """
agency = "Test City"
language = "en"
datasets = "datasets.toml"
rules = "rules.toml"

[store]
path = "var/sekimori.db"
subject_key = "var/subject.key"

[accounts]
register = "accounts.csv"
encoding = "utf-8"

[mail]
from = "sekimori@city.example.jp"
{mail}

[alerts]
to = ["{officer}"]

[alerts.owners]
"Tax" = ["{owner}"]
"""

RELAY = """
[mail.relay]
host = "127.0.0.1"
port = {port}
tls = "none"
timeout = "5s"
"""

SOURCE = """
[[source]]
name = "{name}"
paths = [{paths}]
format = "combined"
"""


class Site:
    """A folder with a configuration, logs and a store: where one daemon works."""

    def __init__(self, folder, accounts, relay_port=None, sources=1, olddir=False):
        """`sources` sources, each of all `logs/NAME/*.log`, and registered accounts `accounts`. With `olddir` also what
        logrotate moves into `logs/NAME/old`."""
        self.folder = Path(folder)
        self.store = self.folder / "var" / "sekimori.db"
        self.names = [f"web{i:02}" for i in range(sources)]
        for name in self.names:
            (self.folder / "logs" / name).mkdir(parents=True)
        (self.folder / "var").mkdir(mode=0o700)
        mail = RELAY.format(port=relay_port) if relay_port else 'folder = "var/outbox"'
        main = MAIN.format(mail=mail, officer=OFFICER, owner=OWNER)
        for name in self.names:
            main += SOURCE.format(name=name, paths=f'"logs/{name}/*.log"') + ('rotated_in = ["old"]\n' if olddir else "")
        (self.folder / "sekimori.toml").write_text(main)
        listed = "[" + ", ".join(f'"{name}"' for name in self.names) + "]"
        (self.folder / "datasets.toml").write_text(DATASETS.format(sources=listed))
        (self.folder / "rules.toml").write_text(RULES)
        head = "職員番号,利用者ID,氏名,区分,所属コード,所属名,権限開始日,権限終了日,状態,状態開始日,状態終了日\n"
        rows = (f"{account[1:]:>06},{account},,正規,0310,Tax,R5.4.1,,在職,,\n" for account in accounts)
        (self.folder / "accounts.csv").write_text(head + "".join(rows), encoding="utf-8")

    def log(self, source=0, file="access.log"):
        return self.folder / "logs" / self.names[source] / file


class Daemon:
    """`sekimori run` on a site. Use as a context; leaving it stops the daemon as systemd would."""

    def __init__(self, binary, site):
        self.binary, self.site = binary, site
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise AssertionError("the daemon does not end within 20 s of SIGTERM") from None
        if kind is None and self.process.returncode != 0:
            raise AssertionError(f"the daemon ended with {self.process.returncode}; it said:\n{self.said()}")

    def start(self, within=20):
        """Starts it (again) and waits until it says that it is running."""
        log = (self.site.folder / "daemon.log").open("ab")
        command = [self.binary, "run", "--config", self.site.folder / "sekimori.toml"]
        self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.PIPE)
        ready = threading.Event()

        def copy(pipe):
            for line in pipe:
                log.write(line)
                log.flush()
                if b"running" in line:
                    ready.set()
            log.close()

        threading.Thread(target=copy, args=[self.process.stderr], daemon=True).start()
        if not ready.wait(within):
            self.process.kill()
            raise AssertionError(f"the daemon does not start; it said:\n{self.said()}")

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def said(self):
        return (self.site.folder / "daemon.log").read_text(errors="replace")

    def cpu_seconds(self):
        """Processor time used so far by all threads.

        /proc/PID/stat counts in hundredths of a second; the scheduler's own figures of the living threads are
        exact but forget threads that ended. The greater one is nearer to the truth.
        """
        pid = self.process.pid
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        exact = 0
        for thread in Path(f"/proc/{pid}/task").iterdir():
            try:
                exact += int((thread / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass
        return max(ticks, exact / 1e9)

    def memory(self):
        """Resident memory now and at its peak, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


class Writer:
    """Another program that writes an access log: whole lines, one write each."""

    def __init__(self, path):
        self.file = open(path, "ab", buffering=0)
        self.lines = 0

    def write(self, text):
        self.file.write(text.encode())
        self.lines += text.count("\n")

    def line(self, account, resource):
        now = datetime.datetime.now(JST).strftime("%d/%b/%Y:%H:%M:%S %z")
        return f'10.1.2.3 - {account} [{now}] "GET {resource} HTTP/1.1" 200 512 "-" "live"\n'

    def view(self, account, number):
        """Looks at one citizen: background."""
        self.write(self.line(account, f"/records/{1000000000 + number}"))

    def export(self, account, times=1):
        self.write(self.line(account, "/records/export/list.csv") * times)
