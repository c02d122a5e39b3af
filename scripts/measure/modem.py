"""What every measurement stands on: the simulated modem, a push receiver, and what /proc says about processes."""

import json
import pathlib
import queue
import socket
import struct
import subprocess
import threading
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(true, seconds=30):
    """Waits until `true()` holds."""
    end = time.perf_counter() + seconds
    while not true():
        if time.perf_counter() > end:
            raise TimeoutError
        time.sleep(0.01)


class Sim:
    """A simulated modem of its own process, at `path`/tty; src/sim/control.rs lists its orders."""

    def __init__(self, program, path):
        self.tty = f"{path}/tty"
        control = f"{path}/control"
        self.process = subprocess.Popen([program, "sim", "--link", self.tty, "--control", control])
        self.socket = socket.socket(socket.AF_UNIX)
        until(lambda: self.socket.connect_ex(control) == 0)
        self.lines = self.socket.makefile("r")

    def close(self):
        self.lines.close()
        self.socket.close()
        self.process.kill()
        self.process.wait()

    def order(self, line):
        self.socket.sendall(line.encode() + b"\n")
        answer = json.loads(self.lines.readline())
        if not answer["ok"]:
            raise RuntimeError(f"{line}: {answer}")
        return answer

    def wait_for(self, seconds=60, **what):
        """True when all that is named came in time; src/sim/control.rs says what can be named."""
        try:
            self.order("wait-for " + json.dumps({**what, "timeout_ms": int(seconds * 1000)}))
        except RuntimeError:
            return False
        return True

    def deliver(self, text, sender="+12025550155"):
        self.order("deliver " + json.dumps({"from": sender, "text": text}))

    def heard(self):
        """Command lines so far."""
        return self.order("at-log 1")["count"]

    def on_air(self):
        """Messages on the air so far."""
        return self.order("state")["air"]

    def air(self, first):
        return self.order(f"air {first}")["air"]


class Receiver:
    """A push target that says 204 and notes when each request's first bytes came."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/in"
        self.arrived = queue.Queue()
        self.count = 0
        self.keep = True  # the times; a soak only counts
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(peer,), daemon=True).start()

    def answer(self, peer):
        with peer:
            waiting = b""
            while True:
                at = None
                while b"\r\n\r\n" not in waiting:
                    try:
                        piece = peer.recv(65536)
                    except OSError:
                        return
                    if not piece:
                        return
                    at = at or time.perf_counter()
                    waiting += piece
                head, _, waiting = waiting.partition(b"\r\n\r\n")
                missing = body_length(head) - len(waiting)
                while missing > 0:
                    piece = peer.recv(missing)
                    if not piece:
                        return
                    missing -= len(piece)
                waiting = b""
                self.count += 1
                if self.keep:
                    self.arrived.put(at)
                peer.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def wait(self, count, seconds=60):
        """When the next `count` requests came; fewer when the time is over."""
        end, times = time.perf_counter() + seconds, []
        while len(times) < count:
            try:
                times.append(self.arrived.get(timeout=max(0, end - time.perf_counter())))
            except queue.Empty:
                break
        return times

    def close(self):
        self.listener.close()


def body_length(head):
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def smpp_pdu(command, sequence, body):
    return struct.pack(">4I", 16 + len(body), command, 0, sequence) + body


def memory_kb(pids, field):
    """The sum of this field of smaps_rollup over the processes."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.split(":")[0] == field:
                total += int(line.split()[1])
    return total


def resident_kb(pids):
    return memory_kb(pids, "Rss")


def private_kb(pids):
    """What the processes have for themselves. Clean pages are not counted: a second process may share the program's."""
    return memory_kb(pids, "Private_Dirty")


def tasks(pids):
    return [task for pid in pids for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]


def wakeups(pids):
    """How often the processes' threads went to sleep by themselves so far, which is how often they were woken."""
    total = 0
    for task in tasks(pids):
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


def family(pid):
    """A process and all below it, without those that have ended."""
    found, ahead = [], [pid]
    while ahead:
        one = ahead.pop()
        found.append(one)
        for task in pathlib.Path(f"/proc/{one}/task").iterdir():
            ahead += [int(child) for child in (task / "children").read_text().split()]
    return found
