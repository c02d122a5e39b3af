"""A modem that goes mad: between the agent and the simulated modem stands a pseudo terminal that passes on what both say,
or says something of its own as quickly as it is taken."""

import multiprocessing
import os
import pty
import random
import select
import termios
import time
import tty

FLOODS = {
    "an endless line": [b"A" * 4096],
    "NULs": [bytes(4096)],
    "random bytes": [random.randbytes(4096)],
    "empty lines": [b"\r\n" * 2048],
    "+CMTI": [b"\r\n+CMTI: \"SM\",%d\r\n" % n for n in range(1, 200)],
    "+CREG flaps": [b"\r\n+CREG: %d\r\n+CEREG: %d\r\n" % (n % 6, n % 6) for n in range(6)],
    "RING": [b"\r\nRING\r\n\r\n+CLIP: \"+1202555%04d\",145\r\n" % n for n in range(500)] + [b"\r\nNO CARRIER\r\n"],
    "prompts": [b"\r\n> "],
    "OK": [b"\r\nOK\r\n"],
    "errors": [b"\r\nERROR\r\n", b"\r\n+CMS ERROR: 500\r\n", b"\r\n+CME ERROR: 10\r\n"],
    "RDY": [b"\r\nRDY\r\n", b"\r\n+CFUN: 1\r\n", b"\r\n+CPIN: READY\r\n"],
    "PDU headers": [b"\r\n+CMT: ,150\r\n" + b"0791" * 40 + b"\r\n", b"+CDS: 25\r\n", b"+CMGL: 1,1,,99\r\n"],
    "USSD menus": [b"\r\n+CUSD: 1,\"" + b"menu\r\n" * 500],
    "AT (echo)": [b"AT+CMGL=4\r\r\nAT+CPMS?\r\n"],
    "nonsense of all sorts": [b"+CSQ: 99999999999999,\r\n+QENG: \"servingcell\"," + b",," * 900 + b"\r\n", b"+COPS: 0,0,\"" + b"\xff" * 900 + b"\"\r\n"],
}


class Between:
    """`mode` is the flood that is said instead of the modem's words; QUIET: both hear each other. The passing on is a
    process of its own, so that it does not keep the well-behaved client waiting."""

    QUIET = -1

    def __init__(self):
        self.fork = multiprocessing.get_context("fork")
        self.mode, self.poured = self.fork.Value("i", self.QUIET), self.fork.Value("q", 0)

    def __call__(self, behind, link):
        self.behind = os.open(behind, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.front, slave = pty.openpty()
        for port in (self.behind, slave):
            tty.setraw(port, termios.TCSANOW)
        os.set_blocking(self.front, False)
        os.symlink(os.ttyname(slave), link)
        self.process = self.fork.Process(target=self.pass_on, daemon=True)
        self.process.start()

    def pass_on(self):
        while True:
            if self.mode.value != self.QUIET:
                self.pour(list(FLOODS.values())[self.mode.value])
            for port in select.select([self.front, self.behind], [], [], 0.2)[0]:
                try:
                    piece = os.read(port, 65536)
                    write_all(self.behind if port == self.front else self.front, piece)
                except OSError:
                    time.sleep(0.01)

    def pour(self, pieces):
        piece = b"".join(pieces)
        piece *= max(1, 65536 // len(piece))
        left = b""
        while self.mode.value != self.QUIET:
            try:
                left = left or piece
                written = os.write(self.front, left)
                left = left[written:]
                self.poured.value += written
            except BlockingIOError:
                # Full. What the agent says meanwhile is heard by nobody.
                select.select([], [self.front], [], 0.05)
            try:
                os.read(self.front, 65536)
            except OSError:
                pass


def write_all(port, piece):
    while piece:
        try:
            piece = piece[os.write(port, piece):]
        except BlockingIOError:
            select.select([], [port], [], 0.2)
