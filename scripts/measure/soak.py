"""The measuring half of scripts/soak: a month's messages through rut-agent in an hour, and what stays of them.

Everything goes on at once: messages out over the API and SMPP, in to a push, to SMPP, to a rule that answers and to the
automatic reply; clients read lists, status, metrics and events; the signal wavers, and once a day the port vanishes.
Each message carries a number of its own, and what was lost or doubled is counted.
"""

import argparse
import http.client
import os
import random
import re
import signal
import socket
import struct
import sys
import threading
import time

from daemons import TOKEN, Agent
from modem import private_kb, resident_kb, smpp_pdu, tasks, until

DAYS = 30
#: resident and private memory may waver by so much, in kB, and still be called flat
WAVER = {"resident kB": 96, "private kB": 96, "descriptors": 4, "threads": 0, "state bytes": 32768}
MARK = re.compile(r"\bm(\d+)\b")


def exchange(agent, count, first):
    """`count` messages, a tenth of them received ones, as fast as the agent takes them."""
    air, pushed, delivered = agent.sim.on_air(), agent.receiver.count, 0
    sent = count - count // 10
    for start in range(0, sent, 100):
        until(lambda: agent.sim.on_air() - air > start - 500, 120)
        agent.submit([f"+1202{first + start + index:07}" for index in range(100)], "one part")
        while delivered < (start + 100) // 9:
            agent.sim.deliver(f"number {delivered}")
            delivered += 1
    until(lambda: agent.sim.on_air() - air >= sent and agent.receiver.count - pushed >= delivered, 120)


#: so many messages fill what is bounded: the store, a day's counts, the lists of free memory
WARM_UP = 40_000


def growth(sim, count):
    """How much private memory has grown by `count` messages, in kB, once everything bounded is full."""
    with OnOneCpu(sim) as agent:
        agent.receiver.keep = False
        agent.start().ready()
        exchange(agent, WARM_UP, 0)
        time.sleep(2)
        before = private_kb(agent.pids())
        exchange(agent, count, WARM_UP)
        time.sleep(2)
        return private_kb(agent.pids()) - before


class InMemory(Agent):
    """rut-agent whose flash is the host's memory: how fast the host's disk is shall not matter."""

    where = "/dev/shm" if os.path.isdir("/dev/shm") else None


class OnOneCpu(InMemory):
    """As on a router, whose memory is to be told: zig's malloc keeps what was freed apart for each CPU, and on two of them
    takes new pages although the other one's list has some."""

    def words(self):
        return ["taskset", "-c", str(max(os.sched_getaffinity(0))), *super().words()]


class Soaked(OnOneCpu):
    """rut-agent with everything on."""

    def configure(self):
        self.more = f"""
config to_http 'events'
	option enabled '1'
	option method 'json'
	option url '{self.receiver.url}/events'
	option secret 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
	list events 'message.sent'
	list events 'message.failed'
	list events 'modem.state'
	list events 'signal.changed'
config reply 'reply'
	option enabled '1'
	option msg 'Signal %ss'
config limits 'limits'
	option reply_interval '60'
config sms_rule 'status'
	option enabled '1'
	option action 'send_status'
	option smstext 'status'
	option authorization 'no'
	option message '%ss on %ct'
"""
        super().configure()
        text = (self.path / "config").read_text().replace("option deliver '0'", "option deliver '1'")
        text = text.replace(f"option url '{self.receiver.url}'", f"option url '{self.receiver.url}'\n\toption every_sms '1'")
        self.write("config", text)


class Smpp:
    """A transceiver that submits when told and answers whatever it is given."""

    def __init__(self, port):
        self.port, self.lock, self.sequence = port, threading.Lock(), 1
        self.accepted, self.refused, self.delivered = [], 0, 0
        self.asked = {}
        self.connect()
        threading.Thread(target=self.hear, daemon=True).start()

    def connect(self):
        self.link = socket.create_connection(("127.0.0.1", self.port))
        self.answers = self.link.makefile("rb")
        self.link.sendall(smpp_pdu(9, 1, b"bench\0bench\0\0\x34\0\0\0"))

    def submit(self, number, mark, text):
        with self.lock:
            self.sequence += 1
            self.asked[self.sequence] = mark
            body = b"\0\0\0me\0\0\1" + number.encode() + b"\0\0\0\0\0\0\0\0\0\0" + bytes([len(text)]) + text.encode()
            self.link.sendall(smpp_pdu(4, self.sequence, body))

    def hear(self):
        while len(head := self.answers.read(16)) == 16:
            length, command, status, sequence = struct.unpack(">4I", head)
            self.answers.read(length - 16)
            if command in (5, 0x15):  # deliver_sm, enquire_link
                body = b"\0" if command == 5 else b""
                self.delivered += command == 5
                with self.lock:
                    self.link.sendall(smpp_pdu(command | 0x80000000, sequence, body))
            elif command == 0x80000004:
                mark = self.asked.pop(sequence)
                if status:
                    self.refused += 1
                else:
                    self.accepted.append(mark)


class Soak:
    """The traffic, and what became of it."""

    def __init__(self, sim, minutes, messages):
        self.agent = Soaked(sim)
        self.agent.receiver.keep = False
        self.seconds, self.messages = minutes * 60, messages
        self.rate = messages / self.seconds
        self.ends = threading.Event()
        self.control = threading.Lock()
        self.accepted, self.refused, self.next_mark = [], 0, 0
        self.delivered, self.read, self.failed = 0, 0, []
        self.seen = {}  # mark -> how often on the air
        self.others, self.air = 0, 0
        self.rows = []

    def order(self, line):
        with self.control:
            return self.agent.sim.order(line)

    def mark(self):
        with self.control:
            self.next_mark += 1
            return self.next_mark

    def every(self, a_second, act):
        """Does `act` so often; whoever falls behind does not catch up."""

        def turns():
            while not self.ends.is_set():
                due = time.perf_counter() + 1 / a_second
                try:
                    act()
                except (OSError, RuntimeError, http.client.HTTPException) as why:
                    self.failed.append(f"{act.__name__}: {why}")
                self.ends.wait(max(0, due - time.perf_counter()))

        thread = threading.Thread(target=turns, daemon=True)
        thread.start()
        return thread

    def send(self):
        mark = self.mark()
        number = f"+1202{mark % 10_000_000:07}"
        text = f"m{mark} " + random.choice(["short", "x" * 120, "naïve café 💶", "y" * 200])
        try:
            self.agent.api("POST", "/messages", {"to": number, "text": text})
            self.accepted.append(mark)
        except RuntimeError as why:
            if ": 429 " not in str(why) and ": 503 " not in str(why) and ": 507 " not in str(why):
                raise
            self.refused += 1

    def submit(self):
        mark = self.mark()
        self.smpp.submit(f"+1202{mark % 10_000_000:07}", mark, f"m{mark} by SMPP")

    def deliver(self):
        if self.order("state")["queue"] > 50:
            return
        kind = random.random()
        text = "status" if kind < 0.02 else "z" * 300 if kind < 0.1 else f"hello {self.delivered}"
        sender = f"+1303{random.randrange(10_000_000):07}" if kind < 0.5 else "BANK"
        self.order(f'deliver {{"from":"{sender}","text":"{text}"}}')
        self.delivered += 1

    def reads(self):
        path = random.choice([
            "/status", "/signal", "/signal/history", "/messages?limit=50", "/messages?box=sent&limit=50", "/push",
            "/storage", "/smpp", "/events?after=0&limit=20",
        ])
        self.agent.api("GET", path)
        self.read += 1

    def metrics(self):
        link = http.client.HTTPConnection("127.0.0.1", self.agent.port, timeout=30)
        link.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        text = link.getresponse().read().decode()
        link.close()
        return text

    def stream(self):
        """A client of the event stream that leaves after a while and comes back."""
        with socket.create_connection(("127.0.0.1", self.agent.port), timeout=30) as link:
            link.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                         b"Authorization: Bearer " + TOKEN.encode() + b"\r\n\r\n")
            leave = time.perf_counter() + 20
            while time.perf_counter() < leave and not self.ends.is_set():
                if not link.recv(65536):
                    return

    def waver(self):
        rsrp = random.randrange(-120, -70)
        self.order(f'signal {{"rsrp":{rsrp},"rssi":{rsrp + 30}}}')

    def vanish(self):
        self.ends.wait(max(60, self.seconds / DAYS))
        if not self.ends.is_set():
            self.order("unplug")
            time.sleep(2)
            self.order("replug")

    def look(self):
        """What is on the air since the last look."""
        for message in self.order(f"air {self.air + 1}")["air"]:
            self.air += 1
            concat = message["concat"]
            found = MARK.search(message["text"])
            if found:
                mark = int(found.group(1))
                self.seen[mark] = self.seen.get(mark, 0) + 1
            elif not concat:
                self.others += 1

    def state_bytes(self):
        while True:
            try:
                return sum(file.stat().st_size for file in (self.agent.path / "state").iterdir())
            except FileNotFoundError:
                pass  # a segment went just now

    def sample(self):
        pids = self.agent.pids()
        self.rows.append({
            "resident kB": resident_kb(pids), "private kB": private_kb(pids),
            "descriptors": len(os.listdir(f"/proc/{pids[0]}/fd")), "threads": len(tasks(pids)),
            "state bytes": self.state_bytes(),
        })

    def run(self):
        with self.agent as agent:
            agent.start().ready()
            self.smpp = Smpp(agent.smpp)
            threads = [self.every(self.rate * 0.1, self.send) for _ in range(4)]
            threads += [self.every(self.rate * 0.2, self.submit), self.every(self.rate * 0.4, self.deliver)]
            threads += [self.every(5, self.reads), self.every(0.2, self.metrics), self.every(1, self.stream)]
            threads += [self.every(0.1, self.waver), self.every(1, self.vanish)]
            begun = time.perf_counter()
            told = begun
            while time.perf_counter() - begun < self.seconds:
                self.ends.wait(2)
                self.look()
                self.sample()
                if time.perf_counter() > told + 60:
                    told = time.perf_counter()
                    print(f"== {told - begun:.0f} s: {self.air} on the air, {self.delivered} in, {self.rows[-1]}", flush=True)
            self.ends.set()
            for thread in threads:
                thread.join(60)
            self.settle()
            self.sample()
            return self.told()

    def settle(self):
        """Waits until everything that was accepted is on the air and everything received has been handed on."""
        wanted = set(self.accepted) | set(self.smpp.accepted)

        def done():
            self.look()
            return wanted <= self.seen.keys() and self.smpp.delivered >= self.delivered

        try:
            until(done, 120)
        except TimeoutError:
            pass
        time.sleep(5)
        self.look()

    def told(self):
        wanted = set(self.accepted) | set(self.smpp.accepted)
        unknown = re.search(r'rut_agent_messages_total\{status="unconfirmed"\} (\d+)', self.metrics())
        through = len(wanted) + self.others + self.delivered
        print(f"\n{through} messages through it in {self.seconds / 60:.0f} min: {len(self.accepted)} by the API, "
              f"{len(self.smpp.accepted)} by SMPP, {self.others} answers of its own, {self.delivered} received; "
              f"{self.refused + self.smpp.refused} refused; {self.read} reads; {self.agent.receiver.count} pushes; "
              f"{self.smpp.delivered} deliver_sm; {len(self.failed)} requests failed {self.failed[:3]}")
        lost = wanted - self.seen.keys()
        doubled = [mark for mark, times in self.seen.items() if times > 1]
        print(f"accepted and not on the air: {len(lost)} (unconfirmed: {unknown.group(1) if unknown else '0'}); "
              f"twice on the air: {len(doubled)}; received and not delivered by SMPP: {self.delivered - self.smpp.delivered}\n")
        return self.table() and not doubled and len(lost) <= int(unknown.group(1) if unknown else 0)

    def table(self):
        """Prints the samples; true when nothing grows. A tenth of the time is for filling what is bounded."""
        steady = self.rows[len(self.rows) // 10:]
        third = max(1, len(steady) // 3)
        print("| what | at first | at last | most | verdict |")
        print("|---|---|---|---|---|")
        flat = True
        for name, waver in WAVER.items():
            values = [row[name] for row in steady]
            begin, end = sum(values[:third]) / third, sum(values[-third:]) / third
            grows = end > begin * 1.02 + waver
            flat = flat and not grows
            print(f"| {name} | {begin:,.0f} | {end:,.0f} | {max(values):,} | {'GROWS' if grows else 'flat'} |")
        return flat


def main():
    words = argparse.ArgumentParser()
    words.add_argument("agent")
    words.add_argument("sim")
    words.add_argument("minutes", type=float)
    words.add_argument("--messages", type=int, default=120_000)
    words = words.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no daemon is left behind
    Agent.program = words.agent
    fine = Soak(words.sim, words.minutes, words.messages).run()
    sys.stdout.flush()
    os._exit(0 if fine else 1)  # without waiting for threads that hang on a socket


if __name__ == "__main__":
    main()
