"""A record of a key that this version cannot read, of a newer one or made by hand, is nobody's login; and it keeps nobody from being revoked."""

import sqlite3

import pytest

from harness.binance import Key
from harness.limited import made_key
from harness.operators import credential_id, revoke
from harness.waiting import until

UNUSABLE = {
    "a scope of a newer version": "scopes = 'order:read newer:scope!'",
    "a state that there is not": "state = 'paused'",
    "a secret that was moved": "sealed_secret = (SELECT sealed_secret FROM credentials WHERE key_id != :key AND sealed_secret IS NOT NULL)",
    "a key of no algorithm": "algorithm = 'none'",
}


@pytest.mark.parametrize("change", UNUSABLE)
def test_a_record_that_cannot_be_read_is_no_login_and_others_are_revoked(server, change):
    broken, revoked, kept = [made_key(server, "--scopes", "order:read,account:read") for _ in range(3)]

    def status(key):
        return Key(key).ask(server, "GET", "/api/v3/account").status

    for key in (broken, revoked, kept):
        until(lambda key=key: status(key) == 200)
    revoked_id = credential_id(server, revoked)
    database = sqlite3.connect(server.state / "countersign.db", timeout=30)
    with database:
        made = database.execute(f"UPDATE credentials SET {UNUSABLE[change]} WHERE key_id = :key", {"key": broken["api_key"]})
        assert made.rowcount == 1
    until(lambda: status(broken) != 200, why="by what cannot be read somebody logs in")
    revoke(server, revoked_id)
    assert status(revoked) != 200
    assert status(kept) == 200
    database.close()


def test_an_account_that_cannot_be_read_keeps_nobody_from_being_revoked(server):
    revoked = made_key(server, "--scopes", "order:read,account:read")
    until(lambda: Key(revoked).ask(server, "GET", "/api/v3/account").status == 200)
    account = "INSERT INTO accounts (id, label, created, cancel_on_disconnect) VALUES ('no account', '', 0, 1)"
    database = sqlite3.connect(server.state / "countersign.db", timeout=30)
    with database:
        database.execute(account)
    try:
        revoke(server, credential_id(server, revoked))
        assert Key(revoked).ask(server, "GET", "/api/v3/account").status != 200
    finally:
        with database:
            database.execute("DELETE FROM accounts WHERE id = 'no account'")
        database.close()
