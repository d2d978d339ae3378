"""A transport that sends one request twice, so that the SDK itself reads what the second copy is answered."""

import requests.adapters


class Twice(requests.adapters.HTTPAdapter):
    """For SDKs over requests: mounted on their session, which is a public setting of requests."""

    armed = False

    def send(self, request, *args, **kwargs):
        first = super().send(request, *args, **kwargs)
        if not Twice.armed or not places(request):
            return first
        Twice.armed = False
        first.content  # the connection is free again
        return super().send(request, *args, **kwargs)


def places(request):
    """Whether a request places an order: one client places by GET, and one asks the market, and a fee, by POST before it."""
    path, body = request.path_url, request.body or b""
    if request.method == "GET":
        return "private/buy" in path
    if path in ("/exchange", "/info"):
        return '"orders"' in (body if isinstance(body, str) else body.decode())
    return True


def mount(session):
    """Teaches one session of requests to send twice."""
    # One SDK mounts an adapter of its own at `https://` for each request; the longer prefix is the one that counts.
    session.mount("https://127.0.0.1", Twice())


def arm():
    """The next order goes out twice."""
    Twice.armed = True
