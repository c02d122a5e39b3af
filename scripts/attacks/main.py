"""All attacks on a running agent, one after the other, and what a well-behaved client sees of them. See scripts/attack."""

import functools
import multiprocessing
import os
import resource
import signal
import struct
import sys
import time

import liars
import visitors
from rubbish import FLOODS, Between
from world import AGENT, LAN, SECONDS, STATUS, Listener, Rig, Router, Table, more_files, until, watched

# The attackers are another process, so that they do not keep the well-behaved client waiting.
FORK = multiprocessing.get_context("fork")
# How long a listener may need after an attack before the next.
RECOVERY = 60


def listeners(rig):
    old = "GET /cgi-bin/sms_total?username=user1&password=pass1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    half = b"GET /api/v1/status HTTP/1.1\r\nX-Slow: " + b"x" * 4000
    bound = struct.pack(">II", 0x80000009, 0)
    local = [attack for attack in visitors.HTTP if attack is not visitors.smuggling]
    return [
        (Listener("API", rig.ports[0], half, STATUS, b" 200 "),
         visitors.HTTP + [visitors.wrong_logins, visitors.big_answers, visitors.event_streams]),
        (Listener("Post/Get", rig.ports[1], half, old, b" 200 "), visitors.HTTP + [visitors.wrong_logins]),
        (Listener("SMPP", rig.ports[2], visitors.BIND[:-1], visitors.BIND, bound), visitors.SMPP),
        (Listener("Unix socket", f"{rig.path}/socket", half, STATUS, b" 200 "),
         local + [visitors.big_answers, visitors.event_streams]),
    ]


def attackers(attack, listener, end, told):
    more_files()
    told.put(attack(listener, end))
    # Whatever hangs on a connection still is of no interest any more.
    told.close()
    told.join_thread()
    os._exit(0)


def struck(table, rig, listener, attack, who="many", name=None):
    """One attack; meanwhile the well-behaved client asks ten times a second."""
    listener.come_from(who)
    if listener.polite() is None:
        until(lambda: not rig.alive() or listener.polite() is not None, RECOVERY)
    rig.forget_peak()
    told = FORK.Queue()
    end = time.monotonic() + SECONDS
    process = FORK.Process(target=attackers, args=(attack, listener, end, told), daemon=True)
    process.start()
    time.sleep(0.5)
    answers = watched(rig, end - time.monotonic(), listener.polite)
    fault = told.get(timeout=60)
    process.join(5)
    process.kill()
    words = [name or attack.__name__.replace("_", " ")] + ([f"from {who}"] if who != "many" else [])
    table.row(listener.name, ", ".join(words), answers, rig, fault)
    until(lambda: not rig.alive() or listener.polite() is not None, RECOVERY)


def visits(table, router):
    rig = Rig(router)
    # Without a network all of these wait, and are there to be listed.
    rig.order("registration 0")
    for number in range(100):
        rig.ask_locally("/messages", {"to": "+12025550155", "text": f"{number} " + "\u0001\\\"" * 300})
    rig.forget_peak()
    table.row("-", "before", watched(rig, 1, rig.ask), rig, counts=False)
    for listener, attacks in listeners(rig):
        for attack in attacks:
            struck(table, rig, listener, attack)
        ways = [] if isinstance(listener.address, str) else ["one"] + ["one /64", "many /64"] * LAN
        for who in ways:
            for attack in visitors.COUNTED:
                # Ten wrong ones of one address are the end of them.
                if (attack, who) != (visitors.wrong_logins, "one"):
                    struck(table, rig, listener, attack, who)
    time.sleep(2)
    rig.forget_peak()
    table.row("-", "after", watched(rig, 1, rig.ask), rig, counts=False)
    rig.end()


def few_descriptors(table, router):
    """Only 40 descriptors for the agent, a thousand connections that want one."""
    rig = Rig(router)
    resource.prlimit(rig.agent.pid, resource.RLIMIT_NOFILE, (40, 40))
    for listener, _ in listeners(rig):
        struck(table, rig, listener, visitors.idle, name="idle, 40 descriptors")
    rig.end()


def arrivals(rig, arrived, count, text="message"):
    """Messages are delivered one after the other: how long until the honest one has each."""
    answers = []
    for number in range(count):
        before, begin = len(arrived), time.monotonic()
        rig.deliver(f"{text} {number}")
        try:
            until(lambda: len(arrived) > before, 10)
            answers.append(arrived[before] - begin)
        except TimeoutError:
            answers.append(None)
        time.sleep(0.2)
    return answers


def pushed(table, router, what, liars_, honest, section):
    """Many liars and one honest receiver, all at once: what the honest one gets, and when; and the API beside."""
    rig, sections, servers = None, "", []
    for number, behave in enumerate(list(liars_.values()) + [honest[0]]):
        servers.append(liars.Server(behave))
        sections += section(number, servers[-1].port, number == len(liars_))
    rig = Rig(router, sections)
    time.sleep(1)
    rig.forget_peak()
    answers = arrivals(rig, honest[1], max(10, int(SECONDS * 4)))
    faults = [f"{name}: {fault}" for name, server in zip(liars_, servers) for fault in server.faults[:1]]
    table.row(what, f"{len(liars_)} liars, and an honest one", answers, rig, "; ".join(faults) or None)
    table.row("API", f"beside them ({what})", watched(rig, SECONDS, rig.ask), rig, counts=False)
    table.attacks += len(liars_) - 1
    rig.end()


def pushes(table, router, made):
    def target(scheme, more=""):
        return lambda number, port, _: (f"config to_http 'target{number}'\n\toption enabled '1'\n"
                                        f"\toption url '{scheme}://{liars.HERE}:{port}/'\n{more}\n")

    def mail(secure, more=""):
        def section(number, port, is_honest):
            how = "none" if is_honest else secure
            return (f"config to_smtp 'target{number}'\n\toption enabled '1'\n\toption email_name 'account{number}'\n"
                    f"\tlist recipemail 'a@example.org'\nconfig email 'account{number}'\n\toption smtp_ip '{liars.HERE}'\n"
                    f"\toption smtp_port '{port}'\n\toption senderemail 'r@example.org'\n\toption secure_conn '{how}'\n{more}\n")
        return section

    trusted = f"\toption ca_file '{made.path}/ca.crt'\n"
    for what, all_liars, honest, section in [
        ("to_http", liars.HTTP, liars.honest_http, target("http")),
        ("to_http, TLS", liars.tls(made), lambda got: liars.over_tls(made.context("good"), liars.honest_http(got)), target("https", trusted)),
        ("to_smtp", liars.smtp_liars(made)[0], lambda got: liars.smtp(taken=got), mail("none")),
        ("to_smtp, TLS", liars.smtp_liars(made)[1], lambda got: liars.smtp(taken=got), mail("starttls", trusted)),
        ("to_smtp, 465", liars.tls(made), lambda got: liars.smtp(taken=got), mail("tls", trusted)),
    ]:
        arrived = []
        pushed(table, router, what, all_liars, (honest(arrived), arrived), section)


def mailboxes(table, router, made):
    """One mailbox after the other; each change of the configuration makes a round begin at once."""
    rig = Rig(router)

    def fetch_from(port, more=""):
        rig.configure(f"config pop3 'pop3'\n\toption enabled '1'\n\toption host '{liars.HERE}'\n\toption port '{port}'\n"
                      f"\toption username 'joe'\n\toption password 'x'\n{more}\toption ca_file '{made.path}/ca.crt'\n")
        rig.agent.send_signal(signal.SIGHUP)

    kinds = [(name, behave, "") for name, behave in liars.pop3_liars(made).items()]
    kinds += [(f"TLS: {name}", behave, "\toption ssl '1'\n") for name, behave in liars.tls(made).items()]
    for name, behave, more in kinds:
        server = liars.Server(behave)
        rig.forget_peak()
        fetch_from(server.port, more)
        answers = watched(rig, max(1, SECONDS / 3), rig.ask)
        table.row("pop3", name, answers, rig, "; ".join(server.faults[:1]) or None)
    before, begin = len(rig.order("air")["air"]), time.monotonic()
    fetch_from(liars.Server(liars.pop3(answers={"UIDL": b"+OK\r\n1 honest\r\n.\r\n"})).port)
    try:
        until(lambda: len(rig.order("air")["air"]) > before, 10)
        answers = [time.monotonic() - begin]
    except TimeoutError:
        answers = [None]
    table.row("pop3", "the honest mailbox after them", answers, rig, counts=False)
    rig.end()


def mad_modem(table, router):
    """One flood after the other; then the modem is itself again, and a message must come through."""
    between = Between()
    rig = Rig(router, between=between)
    until(lambda: rig.ask_locally("/status")["modem"]["state"] == "ready", 60)
    for number, name in enumerate(FLOODS):
        rig.forget_peak()
        log = os.path.getsize(f"{rig.path}/log")
        between.poured.value, between.mode.value = 0, number
        answers = watched(rig, SECONDS, rig.ask)
        between.mode.value = between.QUIET
        begin, text = time.monotonic(), f"after {name}"
        rig.deliver(text)

        def came():
            return any(one["text"] == text for one in rig.ask_locally("/messages?box=inbox&limit=200")["messages"])
        try:
            until(lambda: not rig.alive() or came(), RECOVERY)
            fault = None
        except TimeoutError:
            fault = "a message does not come through"
        again, said = time.monotonic() - begin, os.path.getsize(f"{rig.path}/log") - log
        table.row("modem", name, answers, rig, fault)
        print(f"{'':12} {between.poured.value / 1e6:.1f} MB; {again:.1f} s until a message was there; {said} B of log", flush=True)
        if not rig.alive():
            break
    rig.end()


def main():
    more_files()
    where = "from a LAN of network namespaces" if LAN else "from 127.0.0.0/8, without IPv6 (network namespaces need root)"
    print(f"rut-agent {os.path.getsize(AGENT)} B; {visitors.MANY} connections at once {where}, {SECONDS:g} s each")
    table, router = Table(), Router()
    table.head()
    made = liars.Certificates()
    parts = {"visits": visits, "descriptors": few_descriptors, "pushes": functools.partial(pushes, made=made),
             "mailboxes": functools.partial(mailboxes, made=made), "modem": mad_modem}
    try:
        for name, part in parts.items():
            if len(sys.argv) < 5 or name in sys.argv[4:]:
                part(table, router)
    finally:
        router.end()
    table.sum()


main()
