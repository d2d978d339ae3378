"""A wire from a port of its own to a server's Unix socket; when it is cut, nothing arrives and nobody is told.

It is a process of its own: what goes over it waits for no test that reads a long log.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys

READ = 65536


class Wire:
    def __init__(self, server, late=0):
        """What the server says is so many seconds late."""
        with socket.create_server(("127.0.0.1", 0)) as door:
            self.port = door.getsockname()[1]
            command = [sys.executable, "-I", "-S", __file__, str(door.fileno()), str(server), str(late)]
            self.process = subprocess.Popen(command, pass_fds=[door.fileno()], stdin=subprocess.DEVNULL)
        self.is_cut = False

    def cut(self):
        """Stopped: what was sent waits in the kernel, as with a network that carries nothing."""
        if self.is_cut:
            return
        self.is_cut = True
        self.process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"a wire ended by itself: {status}"

    def mend(self):
        self.is_cut = False
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        self.process.kill()
        self.process.wait()


async def copy(source, sink, late=0):
    with contextlib.suppress(OSError):
        while data := await source.read(READ):
            await asyncio.sleep(late)
            sink.write(data)
            await sink.drain()
    sink.close()


async def carry(server, late, near_source, near_sink):
    try:
        far_source, far_sink = await asyncio.open_unix_connection(server)
    except OSError:
        near_sink.close()
        return
    # Who closes one end closes both.
    directions = [asyncio.create_task(copy(near_source, far_sink)), asyncio.create_task(copy(far_source, near_sink, late))]
    await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    for direction, sink in zip(directions, (far_sink, near_sink)):
        direction.cancel()
        sink.close()


async def main(door, server, late):
    carried = await asyncio.start_server(lambda source, sink: carry(server, late, source, sink), sock=socket.socket(fileno=door))
    await carried.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
