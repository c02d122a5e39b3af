"""Attacks on a running agent, and what a well-behaved client sees of them. See scripts/attack."""

import itertools
import json
import os
import pathlib
import random
import resource
import select
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

AGENT, SIM, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
TOKEN = "a-token-for-attacks"
MANY = 1000
LOGIN = b"attack\0secret\0\0\x34\0\0\0"


def pdu(command, body=b"", sequence=1, length=None):
    return struct.pack(">IIII", length or 16 + len(body), command, 0, sequence) + body


class Listener:
    """Where to connect, and from which addresses."""

    def __init__(self, name, address, half, polite):
        self.name, self.address, self.half, self.polite = name, address, half, polite
        self.turn = itertools.count()

    def connect(self, spread=True):
        if isinstance(self.address, str):
            link = socket.socket(socket.AF_UNIX)
        else:
            link = socket.socket()
            turn = next(self.turn) % 250 if spread else 0
            link.bind((f"127.9.{turn % 50}.{2 + turn // 50}", 0))
        link.settimeout(2)
        link.connect(self.address)
        return link


def opened(listener, count, spread=True):
    """As many connections as the agent takes."""
    links = []
    for _ in range(count):
        try:
            links.append(listener.connect(spread))
        except OSError:
            time.sleep(0.001)
    return links


def say(link, data):
    """True while the other side listens."""
    try:
        link.setblocking(False)
        return link.send(data) > 0
    except BlockingIOError:
        return True
    except OSError:
        return False


def held(listener, until, say_something, spread=True, count=MANY):
    """Keeps `count` connections open and has each say something again and again; those that are closed are opened anew."""
    links = opened(listener, count, spread)
    while time.monotonic() < until:
        alive = []
        for link in links:
            if say_something(link):
                alive.append(link)
            else:
                link.close()
        time.sleep(0.05)
        gone = {link.fileno() for link in select_closed(alive)}
        links = [link for link in alive if link.fileno() not in gone]
        for link in alive:
            if link.fileno() in gone:
                link.close()
        links += opened(listener, min(count - len(links), 200), spread)
    for link in links:
        link.close()


def select_closed(links):
    poll = select.poll()
    known = {link.fileno(): link for link in links}
    for number in known:
        poll.register(number, select.POLLIN | select.POLLHUP)
    closed = []
    for number, _ in poll.poll(0):
        try:
            known[number].setblocking(False)
            if not known[number].recv(65536):
                closed.append(known[number])
        except BlockingIOError:
            pass
        except OSError:
            closed.append(known[number])
    return closed


def idle(listener, until):
    held(listener, until, lambda link: True)


def idle_from_one_address(listener, until):
    held(listener, until, lambda link: True, spread=False)


def slow(listener, until):
    sent = {}

    def one_byte(link):
        at = sent.get(link.fileno(), 0)
        sent[link.fileno()] = at + 1
        return say(link, listener.half[at % len(listener.half):][:1])

    held(listener, until, one_byte)


def resets(listener, until):
    while time.monotonic() < until:
        for link in opened(listener, 50):
            say(link, listener.half)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.close()


def rubbish(listener, until):
    while time.monotonic() < until:
        for link in opened(listener, 50):
            say(link, random.randbytes(random.randrange(1, 3000)))
            link.close()


def pour(listener, until, head, piece, most):
    """A few connections write as much as the other side takes."""
    def one():
        while time.monotonic() < until:
            written = 0
            try:
                with listener.connect() as link:
                    link.sendall(head)
                    while written < most and time.monotonic() < until:
                        link.sendall(piece)
                        written += len(piece)
            except OSError:
                time.sleep(0.01)
    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def long_header(listener, until):
    pour(listener, until, b"GET / HTTP/1.1\r\nX: ", b"x" * 65536, 64 << 20)


def long_body(listener, until):
    head = f"POST /api/v1/messages HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 3221225472\r\n\r\n"
    pour(listener, until, head.encode(), b" " * 65536, 3 << 30)


def long_pdu(listener, until):
    pour(listener, until, pdu(9, LOGIN) + pdu(4, length=0x7FFFFFFF), b"\0" * 65536, 64 << 20)


def never_reads(listener, until):
    question = f"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode() * 20
    if listener.name == "SMPP":
        question = pdu(0x15) * 200
        links = opened(listener, 50)
        for link in links:
            say(link, pdu(9, LOGIN))
    else:
        links = opened(listener, 100)
    while time.monotonic() < until:
        for link in links:
            say(link, question)
        time.sleep(0.01)
    for link in links:
        link.close()


def wrong_logins(listener, until):
    wrong = b"GET /api/v1/status HTTP/1.1\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n"
    if listener.name == "Post/Get":
        wrong = b"GET /cgi-bin/sms_list?username=u&password=x HTTP/1.1\r\nConnection: close\r\n\r\n"
    if listener.name == "SMPP":
        wrong = pdu(9, b"attack\0wrong\0\0\x34\0\0\0")
    while time.monotonic() < until:
        links = opened(listener, 50)
        for link in links:
            say(link, wrong)
        time.sleep(0.05)
        for link in links:
            link.close()


class Rig:
    """One agent on one simulated modem."""

    def __init__(self, sections="", token=True):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        ports = []
        for _ in range(3):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                ports.append(probe.getsockname()[1])
        self.api, self.post_get, self.smpp = (("127.0.0.1", port) for port in ports)
        (self.path / "config").write_text(f"""
config agent 'agent'
	option state_dir '{self.path}/state'
	option log_level 'error'
config modem 'modem'
	option tty '{self.path}/tty'
config api 'api'
	list listen '127.0.0.1:{ports[0]}'
	option token '{TOKEN}'
config post_get 'post_get'
	option enabled '1'
	list listen '127.0.0.1:{ports[1]}'
	option username 'user1'
	option password 'pass1'
config smpp 'smpp'
	option enabled '1'
	list listen '127.0.0.1'
	option port '{ports[2]}'
	option username 'attack'
	option password 'secret'
{sections}""")
        self.sim = subprocess.Popen([SIM, "sim", "--link", f"{self.path}/tty", "--control", f"{self.path}/control"])
        until(lambda: (self.path / "control").exists())
        self.log = open(self.path / "log", "wb")
        self.agent = subprocess.Popen([AGENT, "run", "--config", f"{self.path}/config", "--socket", f"{self.path}/socket"],
                                      stdout=self.log, stderr=self.log)
        until(lambda: self.ask() is not None)

    def ask(self):
        """The well-behaved client of the API: status, seconds."""
        return asked(self.api, f"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n")

    def deliver(self, text):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(f"{self.path}/control")
            link.sendall(b"deliver " + json.dumps({"from": "+12025550155", "text": text}).encode() + b"\n")
            return json.loads(link.makefile().readline())

    def memory_kb(self, field="VmHWM"):
        for line in pathlib.Path(f"/proc/{self.agent.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1])
        return 0

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.agent.pid}/clear_refs").write_text("5")

    def alive(self):
        return self.agent.poll() is None

    def end(self):
        for process in (self.agent, self.sim):
            process.kill()
            process.wait()
        self.folder.cleanup()


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def asked(address, question, expected=b" 200 "):
    """Seconds until the answer, on a fresh connection from an address of one's own; None when there was none."""
    begin = time.monotonic()
    try:
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as link:
            link.settimeout(10)
            if not isinstance(address, str):
                link.bind(("127.0.0.7", 0))
            link.connect(address)
            link.sendall(question if isinstance(question, bytes) else question.encode())
            answer = link.recv(65536)
            return time.monotonic() - begin if expected in answer else None
    except OSError:
        return None


def listeners(rig):
    get = f"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    old = "GET /cgi-bin/sms_total?username=user1&password=pass1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    half = b"GET /api/v1/status HTTP/1.1\r\nX-Slow: " + b"x" * 4000
    bound = pdu(9, LOGIN)
    return [
        (Listener("API", rig.api, half, lambda: asked(rig.api, get)),
         [idle, idle_from_one_address, slow, long_header, long_body, resets, rubbish, never_reads, wrong_logins]),
        (Listener("Post/Get", rig.post_get, half, lambda: asked(rig.post_get, old)),
         [idle, slow, long_header, long_body, resets, rubbish, wrong_logins]),
        (Listener("SMPP", rig.smpp, pdu(9, LOGIN)[:-1], lambda: asked(rig.smpp, bound, struct.pack(">II", 0x80000009, 0))),
         [idle, idle_from_one_address, slow, long_pdu, resets, rubbish, never_reads, wrong_logins]),
        (Listener("Unix socket", f"{rig.path}/socket", half, lambda: asked(f"{rig.path}/socket", get)),
         [idle, slow, long_header, long_body, resets, rubbish, never_reads]),
    ]


def row(what, attack, answers, peak, alive):
    good = [answer * 1000 for answer in answers if answer is not None]
    middle = f"{statistics.median(good):8.1f} {max(good):8.1f}" if good else f"{'-':>8} {'-':>8}"
    print(f"{what:12} {attack:24} {len(good):4}/{len(answers):<4} {middle} {peak:8} {'yes' if alive else 'NO'}", flush=True)


def struck(rig, listener, attack, name=None):
    """One attack; meanwhile the well-behaved client asks ten times a second."""
    rig.forget_peak()
    end = time.monotonic() + SECONDS
    thread = threading.Thread(target=attack, args=(listener, end))
    thread.start()
    time.sleep(0.5)
    answers = []
    while thread.is_alive() and time.monotonic() < end:
        answers.append(listener.polite())
        time.sleep(0.1)
    thread.join()
    row(listener.name, name or attack.__name__.replace("_", " "), answers, rig.memory_kb(), rig.alive())
    return answers


class Liar:
    """A receiver of pushes that is none."""

    def __init__(self, behave):
        self.behave = behave
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            link, _ = self.listener.accept()
            threading.Thread(target=self.one, args=(link,), daemon=True).start()

    def one(self, link):
        with link:
            try:
                self.behave(link)
            except (OSError, ValueError):
                pass


def silent(link):
    time.sleep(60)


def drips(link):
    for byte in itertools.cycle(b"HTTP/1.1 200 OK\r\nX: xxxxxxxxxxxxxxxxxxxxxxxx"):
        link.sendall(bytes([byte]))
        time.sleep(0.05)


def redirects(link):
    link.recv(65536)
    link.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


def giant_head(link):
    link.recv(65536)
    link.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(1024):
        link.sendall(b"x" * 65536)


def giant_body(link):
    link.recv(65536)
    link.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 4294967296\r\n\r\n")
    for _ in range(1024):
        link.sendall(b"x" * 65536)


def endless_early_answers(link):
    link.recv(65536)
    while True:
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 500)


def hangs_up(link):
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def babbles(link):
    link.sendall(random.randbytes(4096))


def no_tls(link):
    link.recv(65536)
    link.sendall(b"\x16\x03\x03\x40\x00" + random.randbytes(20000))


LIARS = [silent, drips, redirects, giant_head, giant_body, endless_early_answers, hangs_up, babbles]


def pushes():
    """Ten liars and one honest receiver: what it gets, and when."""
    arrived = []

    def honest(link):
        head = b""
        while b"\r\n\r\n" not in head:
            head += link.recv(65536)
        arrived.append(time.monotonic())
        link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    kinds = [(behave, "http") for behave in LIARS] + [(no_tls, "https"), (silent, "https")]
    sections, liars = "", []
    for number, (behave, scheme) in enumerate(kinds + [(honest, "http")]):
        liars.append(Liar(behave))
        sections += f"""
config to_http 'target{number}'
	option enabled '1'
	option url '{scheme}://127.0.0.1:{liars[-1].port}/'
"""
    rig = Rig(sections)
    time.sleep(2)
    rig.forget_peak()
    answers = []
    for number in range(max(10, int(SECONDS * 4))):
        count, begin = len(arrived), time.monotonic()
        rig.deliver(f"message {number}")
        try:
            until(lambda: len(arrived) > count, 10)
            answers.append(arrived[count] - begin)
        except TimeoutError:
            answers.append(None)
        time.sleep(0.2)
    row("pushes", f"{len(kinds)} lying receivers", answers, rig.memory_kb(), rig.alive())
    answers = []
    for _ in range(10):
        answers.append(rig.ask())
    row("API", "beside the liars", answers, rig.memory_kb(), rig.alive())
    rig.end()


def few_descriptors():
    """Only 40 descriptors for the agent, a thousand connections that want one."""
    rig = Rig()
    resource.prlimit(rig.agent.pid, resource.RLIMIT_NOFILE, (40, 40))
    for listener, _ in listeners(rig):
        struck(rig, listener, idle, "idle, 40 descriptors")
    rig.end()


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    print(f"rut-agent {os.path.getsize(AGENT)} B; {MANY} connections at once from 250 addresses, {SECONDS:.0f} s each")
    print(f"{'listener':12} {'attack':24} {'answered':9} {'median':>8} {'worst':>8} {'peak kB':>8} alive")
    rig = Rig()
    time.sleep(2)
    row("-", "before", [rig.ask() for _ in range(10)], rig.memory_kb("VmRSS"), True)
    for listener, attacks in listeners(rig):
        for attack in attacks:
            struck(rig, listener, attack)
            until(lambda: not rig.alive() or listener.polite() is not None, 60)
    time.sleep(2)
    row("-", "after", [rig.ask() for _ in range(10)], rig.memory_kb("VmRSS"), rig.alive())
    rig.end()
    few_descriptors()
    pushes()


main()
