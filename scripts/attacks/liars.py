"""Receivers of pushes, mail servers and mailboxes that are none, and beside them honest ones. A liar is a function that
gets the connection; what it returns is a fault it saw."""

import itertools
import os
import pathlib
import random
import socket
import ssl
import subprocess
import tempfile
import time

from visitors import reset
from world import US, in_thread

HERE = US[0]
NO = b"HTTP/1.1 500 No\r\n"
YES = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server:
    """Listens, and does so to everyone who comes. `faults` has what must not have happened."""

    def __init__(self, behave):
        self.behave, self.faults = behave, []
        self.listener = socket.create_server((HERE, 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        in_thread(self.serve)

    def serve(self):
        while True:
            link, _ = self.listener.accept()
            in_thread(self.one, link)

    def one(self, link):
        with link:
            link.settimeout(60)
            try:
                if fault := self.behave(link):
                    self.faults.append(fault)
            except (OSError, ValueError):
                pass


# What is done to whoever waits for something, whatever it speaks.

def silent(link):
    link.settimeout(120)
    while link.recv(65536):
        pass


def drips(text):
    def behave(link):
        for byte in itertools.cycle(text):
            link.sendall(bytes([byte]))
            time.sleep(0.05)
    return behave


def endless(begin, piece):
    """The beginning, and then this without end, as quickly as it is taken."""
    piece *= max(1, 65536 // len(piece))

    def behave(link):
        link.sendall(begin)
        while True:
            link.sendall(piece)
    return behave


def says(text):
    def behave(link):
        link.sendall(text)
        silent(link)
    return behave


def hangs_up(link):
    link.shutdown(socket.SHUT_RDWR)


def resets(link):
    reset(link)


def babbles(link):
    link.sendall(random.randbytes(4096))
    silent(link)


def heard(behave):
    """First the request is read."""
    def after(link):
        link.recv(65536)
        return behave(link)
    return after


# HTTP.

HTTP = {
    "silent": silent,
    "dripping head": drips(b"HTTP/1.1 200 OK\r\nX: xxxxxxxxxxxxxxxxxxxxxxxx"),
    "dripping status": drips(b"H"),
    "redirect elsewhere": heard(says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")),
    "redirect to itself": heard(says(b"HTTP/1.1 307 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")),
    "endless head": heard(endless(b"HTTP/1.1 200 OK\r\nX: ", b"x")),
    "endless fields": heard(endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")),
    "4 GB body": heard(endless(NO + b"Content-Length: 4294967296\r\n\r\n", b"x")),
    "endless body": heard(endless(NO + b"\r\n", b"x")),
    "endless chunks": heard(endless(NO + b"Transfer-Encoding: chunked\r\n\r\n", b"4\r\nbody\r\n")),
    "a chunk of 2^64": heard(endless(NO + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"x")),
    "chunk rubbish": heard(says(NO + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nzz;\r\n\0\0")),
    "endless trailer": heard(endless(NO + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n")),
    "length too short": heard(says(NO + b"Content-Length: 1\r\n\r\nmore than one")),
    "length too long": heard(says(NO + b"Content-Length: 100\r\n\r\nless")),
    "negative length": heard(says(NO + b"Content-Length: -1\r\n\r\nx")),
    "two lengths": heard(says(NO + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\nx")),
    "length of 2^64": heard(says(NO + b"Content-Length: 18446744073709551616\r\n\r\nx")),
    "length and chunks": heard(says(NO + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
    "100 for ever": heard(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    "103 for ever, slowly": heard(drips(b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n")),
    "101": heard(endless(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", b"x")),
    "HTTP/0.9": heard(endless(b"", b"<html>")),
    "answers before it is asked": endless(b"", NO + b"Content-Length: 0\r\n\r\n"),
    "resets": resets,
    "hangs up": hangs_up,
    "babbles": babbles,
}


def honest_http(arrived):
    def behave(link):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = link.recv(65536)
            if not piece:
                return
            head += piece
        arrived.append(time.monotonic())
        link.sendall(YES)
    return behave


# TLS.

class Certificates:
    """What openssl makes: an authority, a good certificate, an expired one, one of another name, one of nobody's."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = path = pathlib.Path(self.folder.name)
        self.run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=ca")
        self.run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key -out self.crt -days 30 "
                 f"-subj /CN={HERE} -addext subjectAltName=IP:{HERE}")
        self.signed("good", HERE, "30")
        self.signed("expired", HERE, "-1")
        self.signed("other", "192.0.2.1", "30")
        for name, count in (("long", 60), ("giant", 1000)):
            (path / f"{name}.crt").write_text((path / "good.crt").read_text() + (path / "ca.crt").read_text() * count)
            (path / f"{name}.key").write_text((path / "good.key").read_text())

    def run(self, words):
        subprocess.run(["openssl"] + words.split(), cwd=self.path, check=True, stderr=subprocess.DEVNULL)

    def signed(self, name, host, days):
        (self.path / f"{name}.ext").write_text(f"subjectAltName=IP:{host}\n")
        self.run(f"req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj /CN={host}")
        self.run(f"x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} -extfile {name}.ext -out {name}.crt")

    def context(self, name, version=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version:
            context.minimum_version = context.maximum_version = version
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(self.path / f"{name}.crt", self.path / f"{name}.key")
        return context


def over_tls(context, behave):
    def secured(link):
        with context.wrap_socket(link, server_side=True) as line:
            return behave(line)
    return secured


def must_not_be_told(link):
    if link.recv(65536):
        link.sendall(YES)
        return "a request came over a line that nobody should trust"
    return None


def stalls(context, flights, part=1.0):
    """A handshake that stops after so many of the server's flights, the last of which is cut."""
    def behave(link):
        heard_, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        talk, flight = context.wrap_bio(heard_, said, server_side=True), 0
        while flight < flights:
            heard_.write(link.recv(65536))
            try:
                talk.do_handshake()
            except ssl.SSLWantReadError:
                pass
            if bytes_ := said.read():
                flight += 1
                link.sendall(bytes_ if flight < flights else bytes_[:int(len(bytes_) * part)])
        silent(link)
    return behave


def rubbish_after_handshake(line):
    line.recv(65536)
    bare = socket.socket(fileno=os.dup(line.fileno()))
    with bare:
        bare.sendall(b"\x17\x03\x03\x40\x00" + random.randbytes(16384))
        silent(bare)


def without_a_goodbye(line):
    """An answer of no length, and the end of the connection without close_notify."""
    line.recv(65536)
    line.sendall(b"HTTP/1.1 500 No\r\n\r\nas far as it goes")
    bare = socket.socket(fileno=os.dup(line.fileno()))
    with bare:
        bare.shutdown(socket.SHUT_RDWR)


def tls(made):
    good = made.context("good")
    version = ssl.TLSVersion
    return {
        "expired": over_tls(made.context("expired"), must_not_be_told),
        "wrong name": over_tls(made.context("other"), must_not_be_told),
        "self-signed": over_tls(made.context("self"), must_not_be_told),
        "TLS 1.1": over_tls(made.context("good", version.TLSv1_1), must_not_be_told),
        "60 certificates": over_tls(made.context("long"), heard(says(NO + b"Content-Length: 0\r\n\r\n"))),
        "1000 certificates": over_tls(made.context("giant"), heard(says(NO + b"Content-Length: 0\r\n\r\n"))),
        "silent before the hello": silent,
        "half a flight": stalls(good, 1, 0.5),
        "stalls after one": stalls(good, 1),
        "TLS 1.2 stalls after one": stalls(made.context("good", version.TLSv1_2), 1),
        "TLS 1.2, half the second": stalls(made.context("good", version.TLSv1_2), 2, 0.5),
        "drips its hello": heard(drips(b"\x16\x03\x03\x40\x00" + b"\x02\x00\x3f\xfc" + bytes(64))),
        "a hello of 16 MB": heard(endless(b"", b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + bytes(16380))),
        "empty records for ever": heard(endless(b"", b"\x16\x03\x03\x00\x00")),
        "warnings for ever": heard(endless(b"", b"\x15\x03\x03\x00\x02\x01\x5a")),
        "no TLS": heard(endless(b"", b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        "rubbish records": heard(endless(b"\x16\x03\x03\x40\x00", random.randbytes(65536))),
        "silent behind TLS": over_tls(good, silent),
        "endless behind TLS": over_tls(good, heard(endless(b"HTTP/1.1 200 OK\r\nX: ", b"x"))),
        "rubbish behind TLS": over_tls(good, rubbish_after_handshake),
        "no close_notify": over_tls(good, without_a_goodbye),
        "resets": heard(resets),
    }


# SMTP.

def smtp(lie=None, at="", starttls=False, taken=None):
    """A mail server that does its work up to the step, and lies there. Steps are verbs; "" is the greeting, "." the mail."""
    offers = b"250-liar\r\n250-STARTTLS\r\n250 SIZE 1000000\r\n" if starttls else b"250-liar\r\n250 8BITMIME\r\n"

    def behave(link):
        verb, words = "", b""
        while True:
            if lie and verb == at:
                return lie(link)
            if verb == "MAIL" and starttls:
                return "a mail came in the open"
            if verb == "." and taken is not None:
                taken.append(time.monotonic())
            link.sendall({"": b"220 liar ESMTP\r\n", "EHLO": offers, "DATA": b"354 go on\r\n"}.get(verb, b"250 ok\r\n"))
            if verb == "DATA":
                while not words.endswith(b"\r\n.\r\n"):
                    words += read(link)
                verb, words = ".", b""
                continue
            while b"\r\n" not in words:
                words += read(link)
            line, words = words.split(b"\r\n", 1)
            verb = line.split(b" ")[0].split(b":")[0].decode("latin-1").upper()
    return behave


def read(link):
    piece = link.recv(65536)
    if not piece:
        raise ValueError("it hung up")
    return piece


STEPS = ["", "EHLO", "MAIL", "RCPT", "DATA", "."]


def smtp_liars(made):
    liars = {}
    for at in STEPS:
        step = {"": "greeting", ".": "content"}.get(at, at)
        liars[f"silent at {step}"] = smtp(silent, at)
        liars[f"resets at {step}"] = smtp(resets, at)
        liars[f"endless reply at {step}"] = smtp(endless(b"", b"250-x\r\n"), at)
        liars[f"endless line at {step}"] = smtp(endless(b"250-", b"x"), at)
        liars[f"a gigabyte of replies at {step}"] = smtp(endless(b"", b"250 x\r\n"), at)
        liars[f"drips at {step}"] = smtp(drips(b"250-x\r\n"), at)
    liars["354 and no more"] = smtp(says(b"354 go on\r\n"), "DATA")
    liars["250 before the mail's end"] = smtp(says(b"354 go on\r\n250 taken\r\n"), "DATA")
    secure = {
        "no STARTTLS": smtp(says(b"250-liar\r\n250 SIZE 10\r\n"), "EHLO", True),
        "bytes behind STARTTLS": smtp(says(b"220 go on\r\n250-liar\r\n250 AUTH PLAIN\r\n"), "STARTTLS", True),
        "STARTTLS and silence": smtp(says(b"220 go on\r\n"), "STARTTLS", True),
        "STARTTLS and rubbish": smtp(endless(b"220 go on\r\n", random.randbytes(999)), "STARTTLS", True),
        "STARTTLS refused": smtp(says(b"454 not now\r\n"), "STARTTLS", True),
        "STARTTLS, expired": smtp(starts(made.context("expired")), "STARTTLS", True),
    }
    return liars, secure


def starts(context):
    def behave(link):
        link.sendall(b"220 go on\r\n")
        return over_tls(context, must_not_be_told)(link)
    return behave


# POP3.

def pop3(lie=None, at="", mails=0, answers=None):
    """A mailbox with so many mails that lies at the command; others are answered as told, or well."""
    answers = answers or {}
    mail = b"+OK\r\nFrom: a@b\r\nSubject: +12025550177\r\n\r\nfrom the mailbox\r\n.\r\n"
    usual = {"CAPA": b"-ERR\r\n", "UIDL": b"+OK\r\n" + b"".join(b"%d uid%d\r\n" % (n, n) for n in range(1, mails + 1)) + b".\r\n",
             "TOP": mail, "RETR": mail}

    def behave(link):
        verb, words = "", b""
        while True:
            if lie and verb == at:
                return lie(link)
            link.sendall(answers.get(verb) or usual.get(verb, b"+OK\r\n"))
            while b"\r\n" not in words:
                words += read(link)
            line, words = words.split(b"\r\n", 1)
            verb = line.split(b" ")[0].decode("latin-1").upper()
    return behave


def pop3_liars(made):
    many = b"".join(b"%d uid%d\r\n" % (n, n) for n in range(1, 1_000_001))
    two = b"+OK\r\n" + b"x" * 100 + b"\r\n"
    huge = b"+OK\r\nSubject: +12025550188\r\n\r\n" + b"more\r\n" * 300_000 + b".\r\n"
    stls = {"CAPA": b"+OK\r\nSTLS\r\n.\r\n"}
    liars = {
        "rubbish greeting": pop3(babbles, ""),
        "endless greeting": pop3(endless(b"+OK ", b"x"), ""),
        "dripping greeting": pop3(drips(b"+"), ""),
        "endless CAPA": pop3(endless(b"+OK\r\n", b"X\r\n"), "CAPA"),
        "a million in UIDL": pop3(says(b"+OK\r\n" + many + b".\r\n"), "UIDL"),
        "endless UIDL": pop3(endless(b"+OK\r\n", b"1 uid1\r\n"), "UIDL"),
        "endless line in UIDL": pop3(endless(b"+OK\r\n1 ", b"x"), "UIDL"),
        "negative numbers": pop3(answers={"UIDL": b"+OK\r\n-1 a\r\n0 b\r\n4294967296 c\r\n99999999999999999999 d\r\n.\r\n"}),
        "numbers that are not there": pop3(says(b"-ERR no such message\r\n"), "TOP", 0, {"UIDL": b"+OK\r\n7 a\r\n9 b\r\n.\r\n"}),
        "TOP without end": pop3(endless(two, b"x"), "TOP", 3),
        "TOP larger than asked for": pop3(None, "", 3, {"TOP": huge}),
        "2000 mails of 1.8 MB": pop3(None, "", 2000, {"TOP": huge}),
        "RETR without end": pop3(endless(two, b"x\r\n"), "RETR", 3, {"TOP": b"-ERR\r\n"}),
        "dripping TOP": pop3(drips(b"+OK\r\nx\r\n"), "TOP", 3),
        "a gigabyte of -ERR": pop3(endless(b"", b"-ERR no\r\n"), "USER"),
        "DELE refused for ever": pop3(None, "", 50, {"DELE": b"-ERR\r\n"}),
        "STLS and bytes behind": pop3(says(b"+OK\r\n+OK\r\n+OK\r\n"), "STLS", 1, stls),
        "STLS and rubbish": pop3(endless(b"+OK\r\n", random.randbytes(999)), "STLS", 1, stls),
        "STLS, expired": pop3(stls_then(made.context("expired")), "STLS", 1, stls),
    }
    for at in ("", "CAPA", "USER", "PASS", "UIDL", "TOP", "DELE", "QUIT"):
        liars[f"silent at {at or 'greeting'}"] = pop3(silent, at, 1)
        liars[f"resets at {at or 'greeting'}"] = pop3(resets, at, 1)
    return liars


def stls_then(context):
    def behave(link):
        link.sendall(b"+OK\r\n")
        return over_tls(context, must_not_be_told)(link)
    return behave
