"""Real logrotate, one directive after another, and a real nginx told by USR1, on a disk and in memory."""

import base64
import http.client
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import logrotate
import store
from daemon import Daemon, Site

LINES = 150
# Rotations while the daemon looks, while it is dead, and after.
WATCHED, MISSED = 3, 2


def run(binary, folder, check):
    if not logrotate.installed():
        print("  skipped: no logrotate (apt-get install logrotate)")
        return
    places = {"disk": folder}
    if Path("/dev/shm").is_dir():
        places["memory"] = Path(tempfile.mkdtemp(prefix="sekimori-live-", dir="/dev/shm"))
    try:
        for place, where in places.items():
            for mode in logrotate.MODES:
                one(binary, where / mode, mode, place, check)
            nginx(binary, where / "nginx", place, check)
    finally:
        if "memory" in places:
            shutil.rmtree(places["memory"])


def one(binary, folder, mode, place, check):
    """One directive: rotations in front of the daemon's eyes and behind its back, between writes."""
    if mode == "zstd" and not shutil.which("zstd"):
        print("  skipped: zstd (apt-get install zstd)")
        return
    accounts = [f"t{n:05}" for n in range(WATCHED + MISSED + 2)]
    folder.mkdir(parents=True)
    site = Site(folder, accounts, olddir=mode == "olddir")
    log = logrotate.Log(site.log().parent, mode, keep=9)
    written = {}

    def write(account):
        block = "".join(line(account, n) for n in range(LINES))
        half = len(block) // 2 + 7
        # The half of a line at a time: that is what a full buffer leaves.
        log.write(block[:half].encode(), 0)
        log.write(block[half:].encode(), LINES)
        written[account] = LINES

    with Daemon(binary, site) as daemon:
        write(accounts[0])
        store.until("the first look", lambda: counted(site) == LINES, 20)
        for account in accounts[1 : WATCHED + 1]:
            write(account)
            rotate(log)
        settle(site, written, f"{mode} on {place}, watched", check)
        daemon.kill()
        for account in accounts[WATCHED + 1 : WATCHED + MISSED + 1]:
            write(account)
            rotate(log)
        daemon.start()
        write(accounts[-1])
        settle(site, written, f"{mode} on {place}, {MISSED} rotations behind its back", check)


def rotate(log):
    """logrotate waits in postrotate until the writer has opened its log anew, which happens at its next write."""
    done = threading.Thread(target=log.rotate)
    done.start()
    while done.is_alive():
        log.write(b"", 0)
        time.sleep(0.02)
    done.join()
    if log.mode == "dateext":
        # Two rotations within a second would have one name.
        time.sleep(1)


def line(account, n):
    return f'10.1.2.3 - {account} [{stamp()}] "GET /records/{1000000000 + n} HTTP/1.1" 200 512 "-" "live"\n'


def stamp():
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())


def counted(site):
    return store.lines(site.store)[0]


def settle(site, written, what, check):
    total = sum(written.values())
    try:
        store.until(what, lambda: total <= counted(site), 20)
    except AssertionError:
        pass
    # What was counted twice would come a little later.
    time.sleep(0.5)
    found = dict(store.rows(site.store, BY_ACCOUNT))
    wrong = {a: (found.get(f"{a[1:]:>06}"), n) for a, n in written.items() if found.get(f"{a[1:]:>06}") != n}
    check(f"{what}: {counted(site)} of {total} lines{f', wrong: {wrong}' if wrong else ''}", not wrong and counted(site) == total)


BY_ACCOUNT = "SELECT who.name, sum(page.accesses) FROM page JOIN who ON who.id = page.who GROUP BY who.name"

NGINX = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log {log} combined;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "ok"; }} }}
}}
"""


def nginx(binary, folder, place, check):
    """A real nginx under load: logrotate renames its log, USR1 has it opened anew; until then it writes the old file."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        print("  skipped: no nginx (apt-get install nginx-light)")
        return
    folder.mkdir(parents=True)
    account = "t00001"
    site = Site(folder, [account])
    own, port = folder / "nginx", free_port()
    own.mkdir()
    # The workers are another user, and have to open the new file.
    for open_to_all in [folder.parent, folder, folder / "logs", site.log().parent]:
        open_to_all.chmod(0o777)
    (own / "nginx.conf").write_text(NGINX.format(folder=own, log=site.log(), port=port))
    config = own / "logrotate.conf"
    config.write_text(f"""{site.log()} {{
 rotate 9
 create 0666
 su root root
 delaycompress
 compress
 postrotate
  kill -USR1 $(cat {own}/nginx.pid)
 endscript
}}
""")
    config.chmod(0o644)
    server = subprocess.Popen([program, "-p", own, "-c", own / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        store.until("nginx answers", lambda: (own / "nginx.pid").exists() and (own / "nginx.pid").read_text(), 10)
        sent = Load(port, account)
        with Daemon(binary, site) as daemon:
            sent.start()
            store.until("the first look", lambda: 0 < counted(site), 20)
            for rotation in range(6):
                time.sleep(0.4)
                if rotation == 3:
                    daemon.kill()
                subprocess.run([logrotate.installed(), "-f", "-s", own / "state", config], check=True)
                if rotation == 4:
                    daemon.start()
            sent.end()
            settle(site, {account: sent.answered}, f"nginx on {place}, 6 rotations by USR1 under load", check)
    finally:
        server.terminate()
        server.wait(10)


class Load(threading.Thread):
    """Requests one after another, counted when they are answered."""

    def __init__(self, port, account):
        super().__init__(daemon=True)
        self.port, self.answered, self.ending = port, 0, threading.Event()
        self.headers = {"Authorization": "Basic " + base64.b64encode(f"{account}:x".encode()).decode()}

    def run(self):
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.ending.is_set():
            client.request("GET", f"/records/{1000000000 + self.answered % 500}", headers=self.headers)
            client.getresponse().read()
            self.answered += 1
            time.sleep(0.0005)

    def end(self):
        self.ending.set()
        self.join()


def free_port():
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
