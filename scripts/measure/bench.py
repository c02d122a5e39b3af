"""The measuring half of scripts/bench: rut-agent and its peers on the same simulated modem, one table of BUDGETS.md."""

import argparse
import http.client
import os
import pathlib
import random
import signal
import socket
import statistics
import struct
import sys
import threading
import time

import counts
import soak
from daemons import PEERS, TOKEN, Agent
from modem import private_kb, resident_kb, smpp_pdu, tasks, until, wakeups

#: nothing is waited for longer, in seconds; what does not come in time is NEVER
PATIENCE = 60
NEVER = float("inf")


def submit_to_wire(daemon, times):
    """Seconds from handing a message over to its AT+CMGS."""
    found = []
    for index in range(times):
        air, since = daemon.sim.on_air(), daemon.sim.heard()
        begun = time.perf_counter()
        daemon.submit(["+12025550155"], f"number {index}")
        if not daemon.sim.wait_for(PATIENCE, at="AT+CMGS", count=1, since=since):
            return NEVER
        found.append(time.perf_counter() - begun)
        daemon.sim.wait_for(PATIENCE, air=air + 1)
        pause(daemon)
    return statistics.median(found)


def notification_to_push(daemon, times):
    """Seconds from +CMTI to the push's first bytes."""
    found = []
    for index in range(times):
        begun = time.perf_counter()
        daemon.sim.deliver(f"number {index}")
        arrived = daemon.receiver.wait(1, PATIENCE)
        if not arrived:
            return NEVER
        found.append(arrived[0] - begun)
        pause(daemon)
    return statistics.median(found)


def pause(daemon):
    """Lets a polling daemon come to any point of its turn before the next sample."""
    if not isinstance(daemon, Agent):
        time.sleep(1 + random.random())


def send_rate(daemon):
    """Messages a minute by the modem's own clock."""
    first = daemon.sim.on_air() + 1
    daemon.prepare_queue()
    daemon.sim.wait_for(daemon.sending_s, air=first - 1 + daemon.queued)
    sent = [message["ms"] for message in daemon.sim.air(first)]
    return (len(sent) - 1) / max(1, sent[-1] - sent[0]) * 60_000 if len(sent) > 1 else 0


def stored_at_start(daemon):
    """Seconds from the daemon's start to the first and the last push of fifty stored messages."""
    for index in range(50 + daemon.overlooked):
        daemon.sim.deliver(f"number {index}")
    begun = time.perf_counter()
    daemon.start()
    arrived = daemon.receiver.wait(50, PATIENCE)
    return (arrived[0] - begun if arrived else NEVER, arrived[49] - begun if len(arrived) == 50 else NEVER)


def speed(kind, sim, times):
    with kind(sim) as daemon:
        daemon.start().ready()
        wire, push, rate = submit_to_wire(daemon, times), notification_to_push(daemon, times), send_rate(daemon)
    with kind(sim) as daemon:
        first, last = stored_at_start(daemon)
    return {"wire": wire, "push": push, "rate": rate, "first": first, "all": last}


def tty_back(kind, sim):
    """Seconds from the port's return to the push of a message that comes then."""
    with kind(sim) as daemon:
        daemon.start().ready()
        daemon.sim.order("unplug")
        time.sleep(8)
        begun = time.perf_counter()
        daemon.sim.order("replug")
        for _ in range(1 + daemon.overlooked):
            daemon.sim.deliver("back")
        arrived = daemon.receiver.wait(1, PATIENCE)
        return {"back": arrived[0] - begun if arrived else NEVER}


def copies(kind, sim):
    """How often a message is on the air when the daemon is killed between PDU and OK and started again."""
    with kind(sim) as daemon:
        daemon.start().ready()
        daemon.sim.order("delay 4000")
        daemon.submit(["+12025550155"], "once")
        daemon.sim.wait_for(PATIENCE, air=1)
        time.sleep(1)
        daemon.kill()
        daemon.sim.order("delay 0")
        daemon.start()
        time.sleep(20)
        return {"copies": daemon.sim.on_air()}


def idle(kind, sim, seconds=60):
    with kind(sim) as daemon:
        daemon.start().ready()
        time.sleep(5)
        pids = daemon.pids()
        flash = daemon.flash() if kind is Agent else []
        woken, heard = wakeups(pids), daemon.sim.heard()
        time.sleep(seconds)
        found = {
            "wakeups": (wakeups(pids) - woken) / seconds,
            "commands": (daemon.sim.heard() - heard) / seconds,
            "rss": resident_kb(pids),
            "private": private_kb(pids),
            "threads": len(tasks(pids)),
        }
        if kind is Agent:
            found["flash"] = sum(old != new for old, new in zip(flash, daemon.flash()))
        return found


def side_by_side(measure, kinds, sim):
    """Measures that mostly wait, all at once."""
    found = {}

    def one(kind):
        found[kind] = measure(kind, sim)

    threads = [threading.Thread(target=one, args=(kind,)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def requests_per_second(sim):
    with Agent(sim) as agent:
        agent.start().ready()
        count, headers = 1000, {"Authorization": f"Bearer {TOKEN}"}
        link = http.client.HTTPConnection("127.0.0.1", agent.port)
        begun = time.perf_counter()
        for _ in range(count):
            link.request("GET", "/api/v1/signal", headers=headers)
            link.getresponse().read()
        kept = count / (time.perf_counter() - begun)
        begun = time.perf_counter()
        for _ in range(count):
            agent.api("GET", "/signal")
        return {"kept": kept, "fresh": count / (time.perf_counter() - begun)}


def smpp_submits(agent, count, window=10):
    """submit_sm a second, each answered when it is on flash."""
    with socket.create_connection(("127.0.0.1", agent.smpp)) as link, link.makefile("rb") as answers:

        def ask(command, sequence, body):
            link.sendall(smpp_pdu(command, sequence, body))

        def answer():
            length, _, status, _ = struct.unpack(">4I", answers.read(16))
            answers.read(length - 16)
            if status:
                raise RuntimeError(f"status {status:#x}")

        ask(2, 1, b"bench\0bench\0\0\x34\0\0\0")
        answer()
        begun = time.perf_counter()
        for number in range(count):
            to = b"+120255%05d" % number
            ask(4, number + 2, b"\0\0\0me\0\0\1" + to + b"\0\0\0\0\0\0\0\0\0\0\x08one part")
            if number >= window - 1:
                answer()
        for _ in range(window - 1):
            answer()
        return count / (time.perf_counter() - begun)


def smpp(sim):
    with Agent(sim) as agent:
        agent.start().ready().hold()
        return {"smpp": smpp_submits(agent, 1000)}


def busy_memory(sim):
    """The most resident memory with 1,000 messages queued while SMPP and HTTP are busy."""
    with soak.OnOneCpu(sim) as agent:
        agent.start().ready().hold()
        agent.submit([f"+12025{index:06}" for index in range(1000)], "x" * 100)
        ends = threading.Event()

        def reads():
            while not ends.is_set():
                agent.api("GET", "/messages?box=sent&limit=100")

        threads = [threading.Thread(target=reads) for _ in range(4)]
        threads.append(threading.Thread(target=smpp_submits, args=(agent, 500)))
        most = 0
        for thread in threads:
            thread.start()
        while threads[-1].is_alive():
            most = max(most, resident_kb(agent.pids()))
        ends.set()
        for thread in threads:
            thread.join()
        return {"busy": most}


#: key, what, unit, decimals, budget, stretch. Whatever has "/" in its unit is better when greater.
ROWS = [
    ("wire", "submitted to AT+CMGS on the wire", "ms", 1, "20", "5"),
    ("push", "+CMTI to push on the wire", "ms", 1, "20", "5"),
    ("rate", "send, zero-latency modem", "msg/min", 0, "1200", "3000"),
    ("first", "50 stored at start: first pushed", "s", 2, "0.3", ""),
    ("all", "50 stored at start: all pushed", "s", 2, "1", ""),
    ("kept", "API requests, one connection", "/s", 0, "1000", ""),
    ("fresh", "API requests, a connection each", "/s", 0, "1000", ""),
    ("smpp", "SMPP submit_sm on flash, window 10", "/s", 0, "300", "1000"),
    ("back", "tty back to a message pushed", "s", 2, "5", "2"),
    ("copies", "copies on the air after SIGKILL between PDU and OK", "", 0, "1", ""),
    ("wakeups", "idle: wake-ups a second", "", 2, "1", "0.2"),
    ("commands", "idle: AT commands a second", "", 2, "0.2", ""),
    ("flash", "idle: files written in 60 s", "", 0, "0", ""),
    ("rss", "resident memory, idle", "kB", 0, "3072", "2048"),
    ("private", "of it private and written to", "kB", 0, "", ""),
    ("busy", "resident memory, 1,000 queued, SMPP and HTTP busy", "kB", 0, "5120", "3072"),
    ("growth", "private memory grown over 100,000 messages", "kB", 0, "0", ""),
    ("threads", "threads", "", 0, "8", "4"),
    ("size", "program with its libraries, x86-64", "kB", 0, "", ""),
    ("gsm7", "instructions: 160 GSM characters, encoded", "", 0, "", ""),
    ("gsm7_back", "instructions: the same, decoded", "", 0, "", ""),
    ("ucs2", "instructions: 70 UCS-2 characters, encoded", "", 0, "", ""),
    ("ucs2_back", "instructions: the same, decoded", "", 0, "", ""),
    ("cmgl", "instructions: a CMGL answer of 50 messages, into lines", "", 0, "", ""),
    ("sent", "instructions: a message from POST to OK", "", 0, "", ""),
    ("received", "instructions: a message from +CMTI to push", "", 0, "", ""),
]


def shown(value, unit, decimals):
    if value == NEVER:
        return f"not in {PATIENCE} s"
    return f"{value * (1000 if unit == 'ms' else 1):,.{decimals}f}"


def ratio(ours, theirs, unit):
    """How many times better ours is; nothing where one of them is none."""
    if not ours or not theirs or NEVER in (ours, theirs):
        return ""
    better = ours / theirs if "/" in unit else theirs / ours
    return f" ({better:,.0f}×)" if better >= 10 else f" ({better:.1f}×)"


def table(found, kinds):
    """Prints what was found; found[kind][key] is a list of what the runs gave."""
    print("| what | budget | stretch | " + " | ".join(kind.name for kind in kinds) + " |")
    print("|---|---|---|" + "---|" * len(kinds))
    for key, what, unit, decimals, budget, stretch in ROWS:
        cells, ours = [], None
        for kind in kinds:
            values = found[kind].get(key)
            value = statistics.median(values) if values else None
            if value is None:
                cells.append("-")
            elif kind is Agent:
                ours = value
                cells.append(shown(value, unit, decimals))
            else:
                cells.append(shown(value, unit, decimals) + ratio(ours, value, unit))
        if any(cell != "-" for cell in cells):
            print(f"| {what}{', ' + unit if unit else ''} | {budget} | {stretch} | " + " | ".join(cells) + " |")


def main():
    words = argparse.ArgumentParser()
    words.add_argument("agent")
    words.add_argument("sim")
    words.add_argument("counted")
    words.add_argument("runs", type=int)
    words.add_argument("--alone", action="store_true")
    words = words.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no daemon is left behind
    Agent.program = words.agent
    sim, kinds = words.sim, [Agent] if words.alone else [Agent, *PEERS]
    found = {kind: {} for kind in kinds}

    def keep(kind, values):
        for key, value in values.items():
            found[kind].setdefault(key, []).append(value)

    def step(what):
        print(f"== {what}", flush=True)

    for run in range(words.runs):
        for kind in kinds:
            step(f"run {run + 1} of {words.runs}: speed of {kind.name}")
            keep(kind, speed(kind, sim, 20 if kind is Agent else 5))
        step(f"run {run + 1} of {words.runs}: API, SMPP, memory when busy")
        for measure in (requests_per_second, smpp, busy_memory):
            keep(Agent, measure(sim))
    for what, measure in (("idle", idle), ("the port goes and comes", tty_back), ("SIGKILL", copies)):
        step(f"{what}, once")
        for some in ([Agent], kinds[1:]):
            for kind, values in side_by_side(measure, some, sim).items():
                keep(kind, values)
    step("100,000 messages")
    keep(Agent, {"growth": soak.growth(sim, 100_000)})
    step("counting instructions")
    keep(Agent, counts.all_counts(sim, words.counted))
    for kind in kinds:
        with kind(sim) as daemon:
            keep(kind, {"size": daemon.bytes_of_program() / 1000})
    print(f"\n{time.strftime('%Y-%m-%d')}, medians of {words.runs} runs, {os.cpu_count()} cores, "
          f"load {pathlib.Path('/proc/loadavg').read_text().split()[0]}\n")
    table(found, kinds)


main()
