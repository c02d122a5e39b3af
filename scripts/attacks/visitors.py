"""Attacks on listeners: each gets a listener and the moment to stop. What one returns is a fault it saw."""

import json
import random
import select
import socket
import ssl
import struct
import threading
import time

from world import TOKEN

MANY = 1000
LOGIN = b"attack\0secret\0\0\x34\0\0\0"
BEARER = f"Host: x\r\nAuthorization: Bearer {TOKEN}\r\n"


def pdu(command, body=b"", sequence=1, length=None):
    return struct.pack(">IIII", 16 + len(body) if length is None else length, command, 0, sequence) + body


BIND, UNBIND, ENQUIRE_LINK = pdu(9, LOGIN), pdu(6), pdu(0x15)


def opened(listener, count):
    """As many connections as the agent takes."""
    links = []
    for _ in range(count):
        try:
            links.append(listener.connect())
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


def small_window(link):
    """As little as the kernel allows is taken unread."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)


def reset(link):
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


def held(listener, until, say_something, count=MANY):
    """Keeps `count` connections open and has each say something again and again; those that are closed are opened anew."""
    links = opened(listener, count)
    while time.monotonic() < until:
        alive = []
        for link in links:
            if say_something(link):
                alive.append(link)
            else:
                link.close()
        time.sleep(0.05)
        gone = {link.fileno() for link in closed(alive)}
        links = [link for link in alive if link.fileno() not in gone]
        for link in alive:
            if link.fileno() in gone:
                link.close()
        links += opened(listener, min(count - len(links), 200))
    for link in links:
        link.close()


def closed(links):
    poll = select.poll()
    known = {link.fileno(): link for link in links}
    for number in known:
        poll.register(number, select.POLLIN | select.POLLHUP)
    ended = []
    for number, _ in poll.poll(0):
        try:
            known[number].setblocking(False)
            if not known[number].recv(65536):
                ended.append(known[number])
        except BlockingIOError:
            pass
        except OSError:
            ended.append(known[number])
    return ended


def idle(listener, until):
    held(listener, until, lambda link: True)


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
            reset(link)


def rubbish(listener, until):
    while time.monotonic() < until:
        for link in opened(listener, 50):
            say(link, random.randbytes(random.randrange(1, 3000)))
            link.close()


def comes_and_goes(listener, until):
    while time.monotonic() < until:
        for link in opened(listener, 20):
            link.close()


def half_closed(listener, until):
    """Some after half a request, some after a whole one; none reads, none closes."""
    whole = f"GET /api/v1/status HTTP/1.1\r\n{BEARER}\r\n".encode() if listener.name != "SMPP" else BIND
    links = []
    while time.monotonic() < until:
        for link in opened(listener, 50):
            say(link, random.choice([listener.half[:100], whole]))
            try:
                link.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            links.append(link)
        while len(links) > MANY:
            links.pop(0).close()


def says_each(listener, until, sayings, pause=0.002):
    """A connection for each, which is read to its end or left after a while."""
    for number in range(1 << 30):
        if time.monotonic() > until:
            return
        try:
            with listener.connect() as link:
                link.settimeout(0.05)
                link.sendall(sayings[number % len(sayings)])
                while link.recv(65536):
                    pass
        except OSError:
            pass
        time.sleep(pause)


def client_hello():
    hello = ssl.MemoryBIO()
    talk = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="router.lan")
    try:
        talk.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return hello.read()


def foreign(listener, until):
    """What belongs to another port: TLS, SMPP, HTTP, HTTP/2, SOCKS, SSH, SMTP, AT."""
    says_each(listener, until, [
        client_hello(), BIND, f"GET / HTTP/1.1\r\n{BEARER}\r\n".encode(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        b"\x05\x01\x00", b"\x04\x01\x00\x50\x7f\0\0\x01\0", b"SSH-2.0-x\r\n", b"EHLO x\r\n", b"ATZ\r\n", b"\0" * 65536])


def smuggling(listener, until):
    """What two readers could read in two ways. The request inside must never be answered."""
    inner = listener.question
    cut = f"{len(inner):x}\r\n{inner}\r\n0\r\n\r\n"
    fields = [
        f"Content-Length: {len(cut)}\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked",
        "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: identity, chunked", f"Content-Length: 0\r\nContent-Length: {len(cut)}",
        f"Content-Length: {len(cut)}, 0", f"Content-Length: +{len(cut)}", f"Content-Length: 0x{len(cut):x}",
        f"Content-Length: -{len(cut)}", "Content-Length: 0\x00", "X: y\rContent-Length: 0", " Content-Length: 0",
        f"Content-Length:\r\n {len(cut)}", "Content-Length: 99999999999999999999999", "Content-Length: 1e3",
        f"Content-Length : {len(cut)}"]
    # These have one meaning only: the body is a body.
    plain = [f"Content-Length: {len(inner)}", f"content-LENGTH:\t{len(inner)} ", f"Expect: 100-continue\r\nContent-Length: {len(inner)}"]
    forms = [(field, cut) for field in fields] + [(field, inner) for field in plain]
    while time.monotonic() < until:
        for method in ("POST", "GET"):
            for field, body in forms:
                answer = heard(listener, f"{method} /none HTTP/1.1\r\n{BEARER}{field}\r\n\r\n{body}".encode("latin-1"))
                if b" 200 " in answer:
                    return f"smuggled: {field!r}"
    return None


def heard(listener, bytes_):
    answer = b""
    try:
        with listener.connect() as link:
            link.settimeout(0.05)
            link.sendall(bytes_)
            while piece := link.recv(65536):
                answer += piece
    except OSError:
        pass
    return answer


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
    head = f"POST /api/v1/messages HTTP/1.1\r\n{BEARER}Content-Length: 3221225472\r\n\r\n"
    pour(listener, until, head.encode(), b" " * 65536, 3 << 30)


def long_pdu(listener, until):
    pour(listener, until, BIND + pdu(4, length=0x7FFFFFFF), b"\0" * 65536, 64 << 20)


def giant_forms(listener, until):
    """As much as is taken: ten thousand parameters, one of 64 KB, all percent signs, a deep JSON, a JSON of escapes."""
    who = "username=user1&password=pass1&"
    bodies = [who + "a=1&" * 10_000, who + "text=" + "%C3%A9" * 9000 + "&number=%2B12", who + "%" * 60_000,
              who + "&" * 60_000, who + "text=" + "x" * 65_000, "[" * 60_000, '{"to":' + '{"to":' * 9000,
              json.dumps({"to": ["+1202555015%d" % n for n in range(10)] * 10, "text": "\u0001" * 9000}),
              json.dumps({"to": "@nobody", "text": "\U0001f600" * 5000}), '{"text":"' + "\\u0041" * 10_000 + '","to":"1"}']
    paths = ["/cgi-bin/sms_send", "/cgi-bin/sms_list"]
    if listener.name != "Post/Get":
        paths = ["/api/v1/messages", "/api/v1/messages/preview", "/api/v1/ussd", "/api/v1/calls"]
    says_each(listener, until, [
        f"POST {path} HTTP/1.1\r\n{BEARER}Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode() for path in paths for body in bodies] + [
        f"GET {path}?{who}{'a=1&' * 1800} HTTP/1.1\r\n{BEARER}\r\n".encode() for path in paths])


def never_reads(listener, until):
    question = f"GET /api/v1/status HTTP/1.1\r\n{BEARER}\r\n".encode() * 20
    if listener.name == "Post/Get":
        question = b"GET /cgi-bin/sms_list?username=user1&password=pass1 HTTP/1.1\r\nHost: x\r\n\r\n" * 20
    asks_on(opened(listener, 100), question, until)


def asks_on(links, question, until):
    for link in links:
        small_window(link)
    while time.monotonic() < until:
        for link in links:
            say(link, question)
        time.sleep(0.01)
    for link in links:
        link.close()


def big_answers(listener, until):
    """Pages of long messages, asked for by as many as may come and read by none."""
    question = f"GET /api/v1/messages?limit=200 HTTP/1.1\r\n{BEARER}\r\n".encode()

    def ask(link):
        small_window(link)
        return say(link, question)

    held(listener, until, ask, count=200)


def event_streams(listener, until):
    """As many streams as are given, with everything since the beginning; nobody reads."""
    question = f"GET /api/v1/events?after=0 HTTP/1.1\r\nAccept: text/event-stream\r\n{BEARER}\r\n".encode()
    fresh = set()

    def ask(link):
        if link in fresh:
            return True
        fresh.add(link)
        small_window(link)
        return say(link, question)

    held(listener, until, ask, count=100)


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


def wrong_logins_held(listener, until):
    """The same, but nobody hangs up: whoever is made to wait waits."""
    wrong = pdu(9, b"attack\0wrong\0\0\x34\0\0\0")
    links = []
    while time.monotonic() < until:
        for link in opened(listener, 50):
            say(link, wrong)
            links.append(link)
        while len(links) > 3000:
            links.pop(0).close()


def strangers_never_read(listener, until):
    """Without a bind, as many questions as the other side takes, and not one answer read."""
    links = []
    while time.monotonic() < until:
        for link in opened(listener, 50):
            small_window(link)
            say(link, ENQUIRE_LINK * 10_000)
            links.append(link)
        for link in links:
            say(link, ENQUIRE_LINK * 1000)
        while len(links) > 2000:
            links.pop(0).close()


def odd_lengths(listener, until):
    lengths = [0, 1, 4, 15, 17, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
    odd = [pdu(command, length=length) for length in lengths for command in (4, 0x15, 9)]
    says_each(listener, until, odd + [BIND + one for one in odd] + [pdu(9, LOGIN[:cut]) for cut in range(len(LOGIN))])


def bind_storm(listener, until):
    """Binds and unbinds by one who may, as quickly as they are answered."""
    says_each(listener, until, [BIND + UNBIND, BIND, BIND + BIND, BIND + UNBIND + BIND], pause=0)


def as_a_client(listener, until, pieces, reads, links=8):
    """Bound from one address, and pieces said as quickly as they are taken."""
    listener.come_from("one")
    lines = opened(listener, links)
    for line in lines:
        if not reads:
            small_window(line)
        say(line, BIND)
    number = 0
    while time.monotonic() < until:
        for line in lines:
            number += 1
            say(line, pieces(number))
            if reads:
                try:
                    line.recv(65536)
                except OSError:
                    pass
        time.sleep(0.001)
    for line in lines:
        line.close()


def enquire_link_flood(listener, until):
    as_a_client(listener, until, lambda n: ENQUIRE_LINK * 200, reads=True)


def enquire_link_unread(listener, until):
    as_a_client(listener, until, lambda n: ENQUIRE_LINK * 200, reads=False)


def submit(sequence):
    text = b"flood %d" % sequence
    body = b"\0\1\1shop\0\1\00112025550155\0" + bytes(3) + b"\0\0\0\0\0\0" + bytes([len(text)]) + text
    return pdu(4, body, sequence)


def submit_flood(listener, until):
    as_a_client(listener, until, lambda n: b"".join(submit(n * 20 + k) for k in range(20)), reads=False)


def one_sequence(listener, until):
    as_a_client(listener, until, lambda n: submit(7) * 20, reads=True)


def drips_after_bind(listener, until):
    piece = submit(1)
    as_a_client(listener, until, lambda n: piece[n // 8 % len(piece):][:1], reads=True)


HTTP = [idle, slow, resets, rubbish, comes_and_goes, half_closed, foreign, smuggling, long_header, long_body, giant_forms, never_reads]
SMPP = [idle, slow, resets, rubbish, comes_and_goes, half_closed, foreign, long_pdu, odd_lengths, wrong_logins,
        wrong_logins_held, strangers_never_read, bind_storm, enquire_link_flood, enquire_link_unread, one_sequence,
        drips_after_bind, submit_flood]
# What counts addresses is tried from all of a /64, and from many of them.
COUNTED = [idle, slow, resets, wrong_logins]
