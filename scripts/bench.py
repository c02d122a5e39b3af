"""The measuring half of scripts/bench: starts agent and simulated modem, measures, prints the table."""

import http.client
import json
import os
import pathlib
import queue
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

AGENT, SIM, RUNS = sys.argv[1], sys.argv[2], int(sys.argv[3])
TOKEN = "bench"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Receiver:
    """A push target that says 204 and notes when each request's first bytes came."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.arrived = queue.Queue()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            peer, _ = self.listener.accept()
            threading.Thread(target=self.answer, args=(peer,), daemon=True).start()

    def answer(self, peer):
        with peer:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    try:
                        piece = peer.recv(4096)
                    except ConnectionResetError:
                        return
                    if not piece:
                        return
                    if not head:
                        at = time.perf_counter()
                    head += piece
                self.arrived.put(at)
                peer.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def wait(self, count, seconds=60):
        return [self.arrived.get(timeout=seconds) for _ in range(count)]


class Bench:
    """One agent on one simulated modem, in a folder of their own."""

    def __init__(self, push=True):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.receiver = Receiver()
        self.port = free_port()
        self.smpp = free_port()
        config = f"""
config agent 'agent'
	option state_dir '{self.path}/state'
	option log_level 'warn'
config modem 'modem'
	option tty '{self.path}/tty'
config smpp 'smpp'
	option enabled '1'
	option deliver '0'
	list listen '127.0.0.1'
	option port '{self.smpp}'
	option username 'bench'
	option password 'bench'
config api 'api'
	list listen '127.0.0.1:{self.port}'
	option token '{TOKEN}'
"""
        if push:
            config += f"""
config to_http 'bench'
	option enabled '1'
	option url 'http://127.0.0.1:{self.receiver.port}/sms_in'
"""
        (self.path / "config").write_text(config)
        self.sim = subprocess.Popen([SIM, "sim", "--link", f"{self.path}/tty", "--control", f"{self.path}/control"])
        self.until(lambda: (self.path / "control").exists())
        self.controls = socket.socket(socket.AF_UNIX)
        self.controls.connect(f"{self.path}/control")
        self.lines = self.controls.makefile("r")
        self.agent = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.controls.close()
        for process in (self.agent, self.sim):
            if process:
                process.kill()
                process.wait()
        self.folder.cleanup()

    def start(self):
        self.agent = subprocess.Popen([AGENT, "run", "--config", f"{self.path}/config", "--socket", f"{self.path}/socket"])
        return self

    def ready(self):
        self.until(lambda: self.state() == "ready")
        time.sleep(0.5)  # the start-up conversation's last commands
        return self

    def state(self):
        try:
            return self.api("GET", "/status")["modem"]["state"]
        except OSError:
            return None

    @staticmethod
    def until(true, seconds=30):
        end = time.perf_counter() + seconds
        while not true():
            if time.perf_counter() > end:
                raise TimeoutError
            time.sleep(0.01)

    def control(self, line):
        self.controls.sendall(line.encode() + b"\n")
        answer = json.loads(self.lines.readline())
        if not answer["ok"]:
            raise RuntimeError(f"{line}: {answer}")
        return answer

    def deliver(self, text):
        self.control("deliver " + json.dumps({"from": "+12025550155", "text": text}))

    def api(self, method, path, body=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            link.request(method, "/api/v1" + path, json.dumps(body) if body else None, headers)
            answer = link.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text}")
            return json.loads(text)
        finally:
            link.close()

    def memory_kb(self, field):
        for line in pathlib.Path(f"/proc/{self.agent.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise KeyError(field)

    def wakeups(self):
        total = 0
        for task in pathlib.Path(f"/proc/{self.agent.pid}/task").iterdir():
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
        return total

    def flash(self):
        return [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted((self.path / "state").iterdir())]


def submit_to_wire():
    with Bench().start().ready() as bench:
        times = []
        for index in range(20):
            since = bench.control("at-log 1")["count"]
            begun = time.perf_counter()
            bench.api("POST", "/messages", {"to": "+12025550155", "text": f"number {index}"})
            bench.control(f'wait-for {{"at":"AT+CMGS","count":1,"since":{since},"timeout_ms":5000}}')
            times.append((time.perf_counter() - begun) * 1000)
            bench.control(f'wait-for {{"air":{index + 1},"timeout_ms":5000}}')
        return statistics.median(times)


def notification_to_push():
    with Bench().start().ready() as bench:
        times = []
        for index in range(20):
            begun = time.perf_counter()
            bench.deliver(f"number {index}")
            times.append((bench.receiver.wait(1)[0] - begun) * 1000)
        return statistics.median(times)


def send_rate():
    with Bench().start().ready() as bench:
        count = 300
        bench.control("registration 0")
        Bench.until(lambda: bench.state() == "searching", 90)
        for start in range(0, count, 100):
            numbers = [f"+120255{start + index:05}" for index in range(100)]
            bench.api("POST", "/messages", {"to": numbers, "text": "one part"})
        bench.control("registration 1")
        bench.control('wait-for {"air":1,"timeout_ms":90000}')
        begun = time.perf_counter()
        bench.control(f'wait-for {{"air":{count},"timeout_ms":60000}}')
        return (count - 1) / (time.perf_counter() - begun) * 60


def stored_at_start():
    with Bench() as bench:
        bench.control("size SM 60")
        for index in range(50):
            bench.deliver(f"number {index}")
        begun = time.perf_counter()
        bench.start()
        times = bench.receiver.wait(50)
        return times[0] - begun, times[-1] - begun


def tty_back():
    with Bench().start().ready() as bench:
        bench.control("unplug")
        bench.until(lambda: bench.state() == "absent")
        time.sleep(3)
        begun = time.perf_counter()
        bench.control("replug")
        bench.deliver("back")
        return bench.receiver.wait(1)[0] - begun


def idle(seconds=60):
    with Bench().start().ready() as bench:
        time.sleep(5)
        wakeups, commands, flash = bench.wakeups(), bench.control("at-log 1")["count"], bench.flash()
        time.sleep(seconds)
        return (
            (bench.wakeups() - wakeups) / seconds,
            (bench.control("at-log 1")["count"] - commands) / seconds,
            sum(old != new for old, new in zip(flash, bench.flash())),
            bench.memory_kb("Rss"),
            bench.memory_kb("Private_Dirty"),
            len(list(pathlib.Path(f"/proc/{bench.agent.pid}/task").iterdir())),
        )


def loaded_memory():
    with Bench().start().ready() as bench:
        bench.control("registration 0")
        Bench.until(lambda: bench.state() == "searching", 90)
        for start in range(0, 1000, 100):
            numbers = [f"+12025{start + index:06}" for index in range(100)]
            bench.api("POST", "/messages", {"to": numbers, "text": "x" * 100})
        return bench.memory_kb("Rss")


def requests_per_second():
    with Bench().start().ready() as bench:
        count = 1000
        headers = {"Authorization": f"Bearer {TOKEN}"}
        link = http.client.HTTPConnection("127.0.0.1", bench.port)
        begun = time.perf_counter()
        for _ in range(count):
            link.request("GET", "/api/v1/signal", headers=headers)
            link.getresponse().read()
        kept = count / (time.perf_counter() - begun)
        begun = time.perf_counter()
        for _ in range(count):
            bench.api("GET", "/signal")
        return kept, count / (time.perf_counter() - begun)


def smpp_submits():
    """submit_sm with a window of ten, each answered when it is on flash."""
    with Bench().start().ready() as bench, socket.create_connection(("127.0.0.1", bench.smpp)) as link:
        bench.control("registration 0")
        Bench.until(lambda: bench.state() == "searching", 90)
        answers = link.makefile("rb")

        def ask(command, sequence, body):
            link.sendall(struct.pack(">4I", 16 + len(body), command, 0, sequence) + body)

        def answer():
            length, _, status, _ = struct.unpack(">4I", answers.read(16))
            answers.read(length - 16)
            if status:
                raise RuntimeError(f"status {status:#x}")

        ask(2, 1, b"bench\0bench\0\0\x34\0\0\0")
        answer()
        count, window = 1000, 10
        begun = time.perf_counter()
        for number in range(count):
            to = b"+120255%05d" % number
            ask(4, number + 2, b"\0\0\0me\0\0\1" + to + b"\0\0\0\0\0\0\0\0\0\0\x08one part")
            if number >= window - 1:
                answer()
        for _ in range(window - 1):
            answer()
        return count / (time.perf_counter() - begun)


def median(measure):
    runs = [measure() for _ in range(RUNS)]
    if isinstance(runs[0], tuple):
        return tuple(statistics.median(column) for column in zip(*runs))
    return statistics.median(runs)


def row(what, figure, unit, budget, stretch=""):
    print(f"{what:52} {figure:>10} {unit:9} {budget:>14} {stretch:>9}", flush=True)


def main():
    print(f"rut-agent, medians of {RUNS} runs, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}")
    row("what", "figure", "", "budget", "stretch")
    row("POST to AT+CMGS on the wire", f"{median(submit_to_wire):.1f}", "ms", "20", "5")
    row("+CMTI to push on the wire", f"{median(notification_to_push):.1f}", "ms", "20", "5")
    row("send, zero-latency modem", f"{median(send_rate):.0f}", "msg/min", "1200", "3000")
    first, last = median(stored_at_start)
    row("50 stored at start: first pushed", f"{first:.2f}", "s", "0.3")
    row("50 stored at start: all pushed", f"{last:.2f}", "s", "1")
    row("tty back to a message pushed", f"{median(tty_back):.2f}", "s", "5", "2")
    kept, fresh = median(requests_per_second)
    row("API requests, one connection", f"{kept:.0f}", "/s", "1000")
    row("API requests, a connection each", f"{fresh:.0f}", "/s", "1000")
    row("SMPP submit_sm on flash, window 10", f"{median(smpp_submits):.0f}", "/s", "300", "1000")
    wakeups, commands, writes, rss, dirty, threads = idle()
    row("idle: wake-ups", f"{wakeups:.2f}", "/s", "1", "0.2")
    row("idle: AT commands", f"{commands:.2f}", "/s", "0.2")
    row("idle: flash files written", f"{writes}", "in 60 s", "0")
    row("resident memory, idle", f"{rss}", "kB", "3072", "2048")
    row("  of it private and written to", f"{dirty}", "kB", "-")
    row("threads", f"{threads}", "", "8", "4")
    row("resident memory, 1,000 queued", f"{loaded_memory()}", "kB", "5120", "3072")


main()
