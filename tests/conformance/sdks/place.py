"""What every SDK is told, and how a refusal that no exception carries is passed on."""

from dataclasses import dataclass

#: What every story buys, far too little to move the market.
AMOUNT = 0.01
#: A resting order stands this far below the market.
REST = 0.9
#: How long a stream may take to tell something.
WAIT_SECONDS = 20


@dataclass(frozen=True)
class Place:
    """Where the gateway is and who we are there."""

    host: str
    record: dict
    #: Sends the next signed request twice and hands out the second answer.
    twice: object = None

    @property
    def base(self):
        return f"https://{self.host}"

    @property
    def ws_base(self):
        return f"wss://{self.host}"

    @property
    def port(self):
        return int(self.host.rsplit(":", 1)[1])

    @property
    def key(self):
        return self.record["api_key"]

    @property
    def secret(self):
        return self.record.get("secret") or self.record.get("private_key_pem") or self.record.get("private_key")


class Returned(Exception):
    """The SDK raises nothing: it returned this code to its caller."""

    def __init__(self, code):
        super().__init__(str(code))
        self.code = code


def resting(last, step=1):
    """A price that rests, on a grid of `step`."""
    return float(int(last * REST / step) * step)
