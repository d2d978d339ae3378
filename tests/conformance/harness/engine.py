"""Drives a QuickFIX engine in its own process."""

import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

SCRIPT = Path(__file__).with_name("quickfix_engine.py")
SECONDS = 90
DICTIONARIES = Path(sys.prefix) / "share/quickfix"


def dictionaries(version):
    """QuickFIX's settings for its own dictionaries, as by default: without one it reads no groups."""
    both = {"TransportDataDictionary": "FIXT11", "AppDataDictionary": "FIX50SP2"} if version == "FIXT.1.1" else {"DataDictionary": version.replace(".", "")}
    return {"UseDataDictionary": "Y", **{name: str(DICTIONARIES / f"{file}.xml") for name, file in both.items()}}


class Engine:
    """One engine. `events` is everything it told so far."""

    def __init__(self, role, folder, version, sender, target, port, credential=None):
        folder.mkdir(parents=True, exist_ok=True)
        arguments = [role, folder, version, sender, target, port] + ([credential] if credential else [])
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.events, self._lines = [], queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def wait(self, event, msg_type=None, **fields):
        """The next event of this kind; `t11="x"` asks for a field. Returns its fields as a dictionary."""
        deadline = time.monotonic() + SECONDS
        while True:
            told = self.next(deadline, f"{event} {msg_type or ''} {fields}")
            found = {str(tag): value for tag, value in told.get("fields", [])}
            same = all(found.get(name[1:]) == value for name, value in fields.items())
            if told["event"] == event and (msg_type is None or found.get("35") == msg_type) and same:
                return found

    def next(self, deadline=None, wanted="event"):
        """The next event, whichever it is."""
        deadline = deadline or time.monotonic() + SECONDS
        try:
            told = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"no {wanted}; told: {self.events[-12:]}") from None
        assert told is not None, f"the engine ended; told: {self.events[-12:]}"
        self.events.append(told)
        return told

    def told(self, event, msg_type):
        """The fields of all events of this kind so far."""
        found = [dict((str(tag), value) for tag, value in one.get("fields", [])) for one in self.events if one["event"] == event]
        return [fields for fields in found if fields.get("35") == msg_type]

    def send(self, fields):
        self._say({"send": fields})

    def _say(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def stop(self):
        if self.process.poll() is None:
            self._say({"stop": True})
            self.wait("stopped")
            self.process.wait(SECONDS)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
