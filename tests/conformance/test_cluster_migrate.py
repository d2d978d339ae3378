"""`migrate` that is killed in the middle leaves nothing behind, and does all of it when it is run again."""

import json
import subprocess

import pytest

from harness.postgres import Postgres
from harness.server import BINARY, Server, environment, run
from harness.waiting import until

#: As soon as there is a table of keys, each row that is written to it takes its time.
SLOW = """
CREATE FUNCTION takes_its_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$;
CREATE FUNCTION slows_down() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  IF to_regclass('public.credentials') IS NOT NULL AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'slow') THEN
    CREATE TRIGGER slow BEFORE INSERT ON credentials FOR EACH ROW EXECUTE FUNCTION takes_its_time();
  END IF;
END $$;
CREATE EVENT TRIGGER slower ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION slows_down();
"""
FAST = "DROP EVENT TRIGGER slower; DROP TRIGGER slow ON credentials; DROP FUNCTION slows_down; DROP FUNCTION takes_its_time"


@pytest.fixture(scope="module")
def postgres():
    running = Postgres()
    yield running
    running.close()


def test_what_a_killed_migration_began_is_not_there_and_the_next_one_does_it_all(postgres, tmp_path):
    database, state = postgres.database("killed"), tmp_path / "state"
    with Server(state):
        pass
    postgres.sql("killed", SLOW)
    command = [str(BINARY), "migrate", "--from", str(state), "--to", database]
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()) as migrating:
        until(lambda: postgres.sql("killed", asleep) == "1")
        migrating.kill()
    # It stood in the middle of a row: what it had written is taken back when the server notices.
    until(lambda: postgres.sql("killed", "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'credentials'::regclass") == "0")
    postgres.sql("killed", FAST)
    counted = lambda: [int(postgres.sql("killed", f"SELECT count(*) FROM {table}")) for table in ("accounts", "credentials")]
    assert counted() == [0, 0]
    differs = run("migrate", "--from", state, "--to", database, "--check")
    assert differs.returncode == 3 and "not the same" in differs.stderr, differs
    again = run("migrate", "--from", state, "--to", database, "--json")
    assert again.returncode == 0, again.stderr
    assert all(table["differing"] == 0 for table in json.loads(again.stdout)) and min(counted()) > 0
    assert run("migrate", "--from", state, "--to", database, "--check").returncode == 0
