"""Real logrotate over logs that a writer keeps writing: one log a directive, each with its own way of being told."""

import shutil
import subprocess
import threading
import time
from pathlib import Path

# Directive -> lines of logrotate's configuration, whether the writer must be told to open anew, and whether it must
# pause meanwhile (what is written between the copy and the cut of copytruncate is gone for everybody).
MODES = {
    "create": ("create 0640", True, False),
    "nocreate": ("nocreate", True, False),
    "copytruncate": ("copytruncate", False, True),
    "dateext": ("create 0640\n dateext\n dateformat -%Y%m%d-%s", True, False),
    "olddir": ("create 0640\n olddir {olddir}\n createolddir 0750", True, False),
    "compress": ("create 0640\n compress", True, False),
    "delaycompress": ("create 0640\n compress\n delaycompress", True, False),
    "zstd": ("create 0640\n compress\n compresscmd /usr/bin/zstd\n compressext .zst\n compressoptions -q", True, False),
    "size": ("create 0640\n size 1k", True, False),
    "shared": ("create 0640\n sharedscripts", True, False),
}


def installed():
    return shutil.which("logrotate") or (Path("/usr/sbin/logrotate").exists() and "/usr/sbin/logrotate")


class Log:
    """One log, its writer's handle, and logrotate's configuration for it."""

    def __init__(self, folder, mode, keep=6):
        self.folder, self.mode = Path(folder), mode
        self.path = self.folder / f"{mode}.log"
        self.lock = threading.Lock()
        self.file = open(self.path, "ab", buffering=0)
        self.written = 0
        directive, self.told, self.pauses = MODES[mode]
        flag = self.folder.parent / f"{mode}.flag"
        self.flag = flag
        # The writer opens anew when it sees the flag; postrotate waits for it, as nginx' own script does with a second.
        script = ""
        if self.told:
            script = f"""
 postrotate
  touch {flag}
  n=0; while [ -e {flag} ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n+1)); done
 endscript"""
        self.config = self.folder.parent / f"{mode}.conf"
        text = directive.format(olddir=self.folder / "old")
        names = f"{self.path}" if mode != "shared" else f"{self.path} {self.folder}/second.log"
        self.config.write_text(f"{names} {{\n rotate {keep}\n missingok\n ifempty\n su root root\n {text}{script}\n}}\n")
        self.config.chmod(0o644)
        self.state = self.folder.parent / f"{mode}.state"
        if mode == "shared":
            (self.folder / "second.log").touch()

    def write(self, block, lines):
        """Writes whole lines, into the file that is the log's as far as its writer knows."""
        with self.lock:
            if self.flag.exists():
                self.file.close()
                self.file = open(self.path, "ab", buffering=0)
                self.flag.unlink()
            self.file.write(block)
            self.written += lines

    def rotate(self):
        """One run of logrotate. Its writer goes on meanwhile, unless the directive itself loses what it writes."""
        force = [] if self.mode == "size" else ["-f"]
        command = [installed(), *force, "-s", str(self.state), str(self.config)]
        if self.pauses:
            with self.lock:
                done = subprocess.run(command, capture_output=True, text=True)
        else:
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"logrotate ({self.mode}): {done.stderr.strip()}")

    def members(self):
        return sorted(p.name for p in self.folder.rglob(f"{self.mode}.log*"))


class Rotator(threading.Thread):
    """Rotates all logs every so many seconds."""

    def __init__(self, logs, every):
        super().__init__(daemon=True)
        self.logs, self.every = logs, every
        self.rotations, self.failed = 0, None
        self.ending = threading.Event()

    def run(self):
        try:
            while not self.ending.wait(self.every):
                for log in self.logs:
                    log.rotate()
                    self.rotations += 1
        except AssertionError as error:
            self.failed = error

    def end(self):
        self.ending.set()
        self.join()
        if self.failed:
            raise self.failed
