"""Instructions by callgrind: of the codec, of the AT feed, and of a whole message through rut-agent.

Each is the difference between doing it N and 2N times, so that starting and ending count for nothing.
"""

import re
import signal
import subprocess

from soak import InMemory

VALGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
COLLECTED = re.compile(r"Collected : (\d+)")


def collected(told):
    return int(COLLECTED.search(told).group(1))


def of_example(program, what, times=200):
    """Instructions of one `what` of tests/counts/counted.rs."""

    def run(count):
        words = [*VALGRIND, program, what, str(count)]
        return collected(subprocess.run(words, capture_output=True, text=True, check=True).stderr)

    return (run(2 * times) - run(times)) / times


class Counted(InMemory):
    """rut-agent under callgrind."""

    def words(self):
        return [*VALGRIND, f"--log-file={self.path}/valgrind", *super().words()]

    def end(self):
        """Stops it as a service manager does; the instructions it took."""
        process = self.processes[0]
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        return collected((self.path / "valgrind").read_text())


def of_agent(sim, act, times=100):
    """Instructions of one `act(agent, index)` of the whole agent."""

    def run(count):
        with Counted(sim) as agent:
            agent.start().ready(120)
            for index in range(count):
                act(agent, index)
            return agent.end()

    return (run(2 * times) - run(times)) / times


def sent(agent, index):
    agent.submit(["+12025550155"], f"number {index}")
    agent.sim.wait_for(30, air=index + 1)


def received(agent, index):
    agent.sim.deliver(f"number {index}")
    agent.receiver.wait(1)


def all_counts(sim, counted):
    found = {what: of_example(counted, what) for what in ("gsm7", "gsm7_back", "ucs2", "ucs2_back", "cmgl")}
    found["sent"] = of_agent(sim, sent)
    found["received"] = of_agent(sim, received)
    return found
