"""An upstream that sends back what it hears."""

import threading

import websockets.sync.server


class Echo:
    """A WebSocket server on loopback."""

    def __init__(self):
        self.server = websockets.sync.server.serve(lambda stream: [stream.send(message) for message in stream], "127.0.0.1", 0)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
