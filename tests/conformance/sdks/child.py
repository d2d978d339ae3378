"""Runs one SDK: `python -m sdks.child NAME`, the place as JSON on the first line of standard input, then one operation a line.

Each SDK has a process of its own: their clocks, threads and certificates do not meet, and one of them lives in another environment.
An answer is one line on standard output: `{"ok": value}` or `{"error": {"class", "code", "text"}}`.
"""

import importlib
import json
import os
import sys

from sdks import clock
from sdks.place import Place, Returned


def refused(client, error):
    """The exception as its caller sees it."""
    if isinstance(error, Returned):
        return {"class": "(returned)", "code": str(error.code), "text": str(error)}
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return {"class": f"{module}{kind.__qualname__}", "code": str(client.code(error)), "text": str(error)[:400]}


def main():
    # What an SDK prints must not stand between our lines.
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    told = json.loads(sys.stdin.readline())
    if told["clock"]:
        clock.wrong_by(told["clock"])
    module = importlib.import_module(f"sdks.{sys.argv[1]}")
    client = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            if client is None:
                client = module.Client(Place(told["host"], told["record"]))
            answer = {"ok": getattr(client, asked["operation"])(*asked["arguments"])}
        except Exception as error:  # whatever the SDK raises is the answer
            answer = {"error": refused(client or module.Client, error)}
            if os.environ.get("SDK_TRACE"):
                import traceback

                traceback.print_exc()
        print(json.dumps(answer), file=lines)
    lines.flush()
    # Threads of an SDK that still reconnect do not keep the process.
    os._exit(0)


if __name__ == "__main__":
    main()
