"""Where the attacks take place: a router and a LAN in network namespaces of their own, one agent on one simulated modem,
and a well-behaved client. See scripts/attack."""

import itertools
import json
import os
import pathlib
import resource
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

AGENT, SIM, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
LAN = "ATTACK_LAN" in os.environ
TOKEN = "a-token-for-attacks"
STATUS = f"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
# The router's two addresses in the LAN, and this side's. Whole networks lie behind this side: any address of theirs is ours.
ROUTER, US = (("10.8.0.1", "fd00:8::1"), ("10.8.0.2", "fd00:8::2")) if LAN else (("127.0.0.1",), ("127.0.0.1",))
NETWORKS = ("10.9.0.0/16", "fd00:9::/32")
IPV6_FREEBIND = 78

# Who comes, by turns: every address of a network, all addresses of one /64, one address of every /64.
FROM = {
    "many": lambda n: f"10.9.{n % 250}.{2 + n // 250 % 250}" if LAN else f"127.9.{n % 50}.{2 + n // 50 % 5}",
    "one": lambda n: "10.9.0.2" if LAN else "127.9.0.2",
    "one /64": lambda n: f"fd00:9:1:1::{16 + n % 60000:x}",
    "many /64": lambda n: f"fd00:9:2:{1 + n % 60000:x}::2",
}
POLITE = {4: "10.9.255.7" if LAN else "127.0.0.7", 6: "fd00:9:1:1::7"}


class Router:
    """The network namespace of the router, with a cable to ours. None of it outlives us."""

    def __init__(self):
        self.holder = None
        if not LAN:
            return
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        ours, its = os.readlink("/proc/self/ns/net"), f"/proc/{self.holder.pid}/ns/net"
        until(lambda: os.readlink(its) != ours)
        for side in ([], self.inside()):
            self.ip(side, "link set lo up")
        self.ip([], f"link add lan type veth peer name lan netns {self.holder.pid}")
        for side, (four, six) in (([], US), (self.inside(), ROUTER)):
            self.ip(side, f"addr add {four}/24 dev lan")
            self.ip(side, f"addr add {six}/64 dev lan nodad")
            self.ip(side, "link set lan up")
        for network, us in zip(NETWORKS, US):
            self.ip([], f"route add local {network} dev lo")
            self.ip(self.inside(), f"route add {network} via {us}")

    @staticmethod
    def ip(side, words):
        subprocess.run(side + ["ip"] + words.split(), check=True)

    def inside(self):
        """What stands before a command that the router runs."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"] if self.holder else []

    def end(self):
        if self.holder:
            self.holder.kill()
            self.holder.wait()


def until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def link_to(address, source=None):
    """A connection to `address` (a path or host and port) from that address of ours."""
    if isinstance(address, str):
        link = socket.socket(socket.AF_UNIX)
        # With a timeout of Python's it would not wait for a place in the queue.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 2, 0))
    else:
        link = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        link.settimeout(2)
        if link.family == socket.AF_INET6:
            link.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    try:
        if source and link.family != socket.AF_UNIX:
            link.bind((source, 0))
        link.connect(address)
    except OSError:
        link.close()
        raise
    link.settimeout(2)
    return link


class Listener:
    """Where to connect, from which addresses, and what a half request looks like there."""

    def __init__(self, name, place, half, question, expected):
        self.name, self.place, self.half = name, place, half
        self.question, self.expected = question, expected
        self.come_from("many")

    def come_from(self, who):
        self.who, self.turn = who, itertools.count()
        self.version = 6 if "/64" in who else 4

    @property
    def address(self):
        if isinstance(self.place, str):
            return self.place
        return (ROUTER[1 if self.version == 6 else 0], self.place)

    def connect(self):
        return link_to(self.address, FROM[self.who](next(self.turn)))

    def polite(self):
        """The well-behaved client: seconds until the answer, on a fresh connection; None when there was none."""
        return asked(self.address, self.question, self.expected, POLITE[self.version])


def asked(address, question, expected=b" 200 ", source=None):
    begin = time.monotonic()
    try:
        with link_to(address, source) as link:
            link.settimeout(10)
            link.sendall(question if isinstance(question, bytes) else question.encode())
            return time.monotonic() - begin if expected in link.recv(65536) else None
    except OSError:
        return None


class Rig:
    """One agent on one simulated modem."""

    def __init__(self, router, sections="", between=None):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.ports = [8240, 81, 2775] if LAN else [free_port() for _ in range(3)]
        self.configure(sections)
        tty = self.path / ("sim" if between else "tty")
        self.sim = subprocess.Popen([SIM, "sim", "--link", tty, "--control", f"{self.path}/control"])
        until(lambda: (self.path / "control").exists())
        if between:
            between(tty, self.path / "tty")
        self.log = open(self.path / "log", "wb")
        # The router's service manager gives no more descriptors either.
        self.agent = subprocess.Popen(
            router.inside() + ["prlimit", "--nofile=1024:4096", AGENT, "run", "--config", f"{self.path}/config",
                               "--socket", f"{self.path}/socket"], stdout=self.log, stderr=self.log)
        until(lambda: self.ask() is not None)

    def configure(self, sections):
        def listen(port):
            places = (f"[{at}]:{port}" if ":" in at else f"{at}:{port}" for at in ROUTER)
            return "".join(f"\tlist listen '{place}'\n" for place in places)
        smpp = "".join(f"\tlist listen '{at}'\n" for at in ROUTER)
        (self.path / "config").write_text(f"""
config agent 'agent'
	option state_dir '{self.path}/state'
	option log_level 'warn'
config modem 'modem'
	option tty '{self.path}/tty'
config api 'api'
{listen(self.ports[0])}	option token '{TOKEN}'
config post_get 'post_get'
	option enabled '1'
{listen(self.ports[1])}	option username 'user1'
	option password 'pass1'
config smpp 'smpp'
	option enabled '1'
{smpp}	option port '{self.ports[2]}'
	option username 'attack'
	option password 'secret'
{sections}""")

    def ask(self):
        """The well-behaved client of the API."""
        return asked((ROUTER[0], self.ports[0]), STATUS, source=POLITE[4])

    def ask_locally(self, path, body=None):
        """What the API answers to a well-behaved client on the router; with a body, it is posted."""
        body = json.dumps(body) if body else ""
        with link_to(f"{self.path}/socket") as link:
            link.settimeout(10)
            link.sendall(f"{'POST' if body else 'GET'} /api/v1{path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            return json.loads(link.makefile("rb").read().split(b"\r\n\r\n", 1)[1])

    def order(self, line):
        """An order to the simulated modem."""
        with link_to(f"{self.path}/control") as link:
            link.settimeout(30)
            link.sendall(line.encode() + b"\n")
            return json.loads(link.makefile().readline())

    def deliver(self, text):
        return self.order("deliver " + json.dumps({"from": "+12025550155", "text": text}))

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


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Table:
    """What is printed, and the sum of it."""

    def __init__(self):
        self.attacks, self.peak, self.worst, self.faults = 0, (0, ""), (0, ""), []

    def head(self):
        print(f"{'listener':12} {'attack':40} {'answered':9} {'median':>8} {'worst':>8} {'peak kB':>8} alive")

    def row(self, what, attack, answers, rig, fault=None, counts=True):
        peak, alive, name = rig.memory_kb() if rig.alive() else 0, rig.alive(), f"{what}: {attack}"
        good = [answer * 1000 for answer in answers if answer is not None]
        middle = f"{statistics.median(good):8.1f} {max(good):8.1f}" if good else f"{'-':>8} {'-':>8}"
        state = "yes" if alive else "NO"
        print(f"{what:12} {attack:40} {len(good):4}/{len(answers):<4} {middle} {peak:8} {state} {fault or ''}", flush=True)
        self.attacks += counts
        self.peak = max(self.peak, (peak, name))
        self.worst = max(self.worst, (max(good, default=0), name))
        if fault or not alive or len(good) < len(answers):
            self.faults.append(name)

    def sum(self):
        print(f"{self.attacks} attacks; peak {self.peak[0]} kB ({self.peak[1]}); "
              f"slowest answer {self.worst[0]:.1f} ms ({self.worst[1]})")
        for fault in self.faults:
            print(f"not all well: {fault}")


def watched(rig, seconds, ask):
    """The answers of the well-behaved client, who asks ten times a second."""
    answers, end = [], time.monotonic() + seconds
    while time.monotonic() < end and rig.alive():
        answers.append(ask())
        time.sleep(0.1)
    return answers


def in_thread(work, *words):
    thread = threading.Thread(target=work, args=words, daemon=True)
    thread.start()
    return thread


def more_files():
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
