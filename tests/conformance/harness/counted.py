"""A gateway in front of a venue that counts: what is forwarded can be told."""

from .server import Server
from .venue import CountingVenue


class Counted:
    """The gateway and the venue behind it; `configuration` says where `{port}` the venue is."""

    configuration = ""

    def __init__(self, folder):
        self.venue = CountingVenue()
        config = folder / "gateway.toml"
        config.write_text(self.configuration.format(port=self.venue.port))
        self.server = Server(folder / "state", config=config)

    def __enter__(self):
        self.venue.__enter__()
        try:
            self.server.start()
        except BaseException:
            self.venue.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.server.stop()
        self.venue.__exit__()
