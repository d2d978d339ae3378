"""A QuickFIX engine in a process of its own: two in one process crash its binding.

    quickfix_engine.py initiator|acceptor FOLDER BEGIN_STRING SENDER TARGET PORT [CREDENTIAL]

Reads commands from standard input, one JSON object per line, and writes what happens to standard output:

    {"send": [[35, "D"], [11, "x"], …]}     an application message; tags in this order. A list for a value is a group: its members' fields
    {"stop": true}                          Logout, then the end

    {"event": "logon"}, {"event": "logout"}, {"event": "app", "fields": [[35, "8"], …]}, {"event": "admin", "fields": […]}

The acceptor answers each NewOrderSingle with an ExecutionReport (150=0) and each mass cancel by itself.
"""

import json
import sys
import threading
import time

import quickfix as fix
from fix_proofs import proof

SOH = "\x01"
OUTPUT = threading.Lock()


def tell(event, **more):
    with OUTPUT:
        print(json.dumps({"event": event, **more}), flush=True)


def fields_of(message):
    pairs = (pair.partition("=") for pair in message.toString().split(SOH) if pair)
    return [[int(tag), value] for tag, _, value in pairs]


class Engine(fix.Application):
    def __init__(self, role, credential):
        super().__init__()
        self.role, self.session = role, None
        self.credential = credential and json.load(open(credential))
        self.orders = 0

    def onCreate(self, session):
        self.session = session

    def onLogon(self, session):
        tell("logon")

    def onLogout(self, session):
        tell("logout")

    def toAdmin(self, message, session):
        if self.role == "initiator" and self.header(message, 35) == "A":
            self.sign(message)
        tell("sent-admin", fields=fields_of(message))

    def toApp(self, message, session):
        tell("sent-app", fields=fields_of(message))

    def fromAdmin(self, message, session):
        tell("admin", fields=fields_of(message))

    def fromApp(self, message, session):
        tell("app", fields=fields_of(message))
        if self.role == "acceptor" and self.header(message, 35) == "D":
            self.report(message, session)
        elif self.role == "acceptor" and self.header(message, 35) == "q":
            self.mass_cancel(message, session)

    @staticmethod
    def header(message, tag):
        field = fix.StringField(tag)
        message.getHeader().getField(field)
        return field.getString()

    def sign(self, message):
        """As the venue of the credential wants it; the file may name further fields of the Logon, and by how much the clock is wrong."""
        if "clock" in self.credential:
            at = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(self.now())) + ".000"
            message.getHeader().setField(fix.StringField(52, at))
        proved = proof(self.credential, lambda tag: self.header(message, tag), self.now())
        for tag, value in [*proved, *self.credential.get("logon", [])]:
            message.setField(fix.StringField(tag, value))

    def now(self):
        return time.time() + self.credential.get("clock", 0)

    def report(self, message, session):
        self.orders += 1
        name = fix.StringField(11)
        message.getField(name)
        report = fix.Message()
        report.getHeader().setField(fix.StringField(35, "8"))
        body = [(37, f"V{self.orders}"), (11, name.getString()), (17, f"E{self.orders}"), (150, "0"), (39, "0")]
        body += [(55, "BTCUSDT"), (54, "1"), (151, "1"), (14, "0"), (6, "0")]
        for tag, value in body:
            report.setField(fix.StringField(tag, value))
        fix.Session.sendToTarget(report, session)

    def mass_cancel(self, message, session):
        """All orders go: a report of each, then how many they were."""
        name, scope = fix.StringField(11), fix.StringField(20003)
        message.getField(name)
        if message.isSetField(20003) and message.getField(scope).getString() == "account-before":
            self.answer("r", [(11, name.getString()), (37, "M0"), (530, "7"), (531, "0"), (532, "0"), (58, "no such scope")], session)
            return
        for order in range(1, self.orders + 1):
            self.answer("8", [(37, f"V{order}"), (17, f"C{order}"), (150, "4"), (39, "4"), (55, "BTCUSDT"), (54, "1"), (151, "0"), (14, "0"), (6, "0")], session)
        self.answer("r", [(11, name.getString()), (37, "M1"), (530, "7"), (531, "7"), (533, str(self.orders))], session)

    @staticmethod
    def add_group(message, count, members):
        for fields in members:
            group = fix.Group(count, fields[0][0])
            for tag, value in fields:
                group.setField(fix.StringField(tag, str(value)))
            message.addGroup(group)

    @staticmethod
    def answer(kind, body, session):
        report = fix.Message()
        report.getHeader().setField(fix.StringField(35, kind))
        for tag, value in body:
            report.setField(fix.StringField(tag, value))
        fix.Session.sendToTarget(report, session)

    def send(self, fields):
        message = fix.Message()
        for tag, value in fields:
            where = message.getHeader() if tag in (35, 50, 57, 115, 128) else message
            if isinstance(value, list):
                self.add_group(message, tag, value)
            else:
                where.setField(fix.StringField(tag, str(value)))
        fix.Session.sendToTarget(message, self.session)


def settings(role, folder, begin_string, sender, target, port, more):
    connection = (
        f"SocketConnectHost=127.0.0.1\nSocketConnectPort={port}\nReconnectInterval=1\n"
        if role == "initiator"
        else f"SocketAcceptHost=127.0.0.1\nSocketAcceptPort={port}\nSocketReuseAddress=Y\n"
    )
    # Data dictionaries are the application's business; the session layer is what is tested.
    return (
        f"[DEFAULT]\nConnectionType={role}\nFileStorePath={folder}/store\nFileLogPath={folder}/log\nStartTime=00:00:00\nEndTime=00:00:00\n"
        f"UseDataDictionary=N\nHeartBtInt=30\nResetOnLogon=N\nResetOnDisconnect=N\nPersistMessages=Y\nValidateUserDefinedFields=N\n{connection}"
        + ("DefaultApplVerID=FIX.5.0SP2\n" if begin_string == "FIXT.1.1" else "")
        + f"[SESSION]\nBeginString={begin_string}\nSenderCompID={sender}\nTargetCompID={target}\n"
        + "".join(f"{name}={value}\n" for name, value in more.items())
    )


def main():
    role, folder, begin_string, sender, target, port, *credential = sys.argv[1:]
    path = f"{folder}/engine.cfg"
    engine = Engine(role, credential[0] if credential else None)
    more = (engine.credential or {}).get("settings", {})
    with open(path, "w") as config:
        config.write(settings(role, folder, begin_string, sender, target, port, more))
    read = fix.SessionSettings(path)
    make = fix.SocketInitiator if role == "initiator" else fix.SocketAcceptor
    running = make(engine, fix.FileStoreFactory(read), read)
    running.start()
    tell("started")
    for line in sys.stdin:
        command = json.loads(line)
        if "send" in command:
            engine.send(command["send"])
        if command.get("stop"):
            break
    running.stop()
    tell("stopped")


if __name__ == "__main__":
    main()
