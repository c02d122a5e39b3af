"""rut-agent and its peers, each on a simulated modem of its own, all with the same handles.

The peers are Debian's. Their polling is set to the quickest that still sleeps (gammu-smsd's LoopSleep 0 does not), what
makes smsd wait before each command is off, and Kannel reads what +CMTI announces. What comes in is handed on as their
own manuals say: smsd and gammu-smsd by a program that calls curl, Kannel by itself.
"""

import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

from modem import Receiver, Sim, family, free_port, until

TOKEN = "bench"
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Daemon:
    """One daemon in a folder of its own. `sim` is the program that simulates the modem."""

    name = ""
    programs = []
    #: how many messages are queued to measure the send rate, and for how long it is measured at most
    queued, sending_s = 40, 25
    #: slots of the modem, from the first on, that it does not look into when it starts
    overlooked = 0
    #: where its folder is made; None: where temporary files are
    where = None

    def __init__(self, sim):
        self.folder = tempfile.TemporaryDirectory(prefix="rut-bench-", dir=self.where)
        self.path = pathlib.Path(self.folder.name)
        self.receiver = Receiver()
        self.processes = []
        self.sim = Sim(sim, self.path)
        self.configure()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.sim.close()
        self.receiver.close()
        # A hook of smsd may still be writing.
        shutil.rmtree(self.path, ignore_errors=True)
        self.folder.cleanup()

    def write(self, name, text, mode=0o644):
        file = self.path / name
        file.write_text(text)
        file.chmod(mode)
        return str(file)

    def spawn(self, *words):
        self.processes.append(subprocess.Popen(words, start_new_session=True, **QUIET))

    def kill(self):
        """Ends the daemon as a power cut would."""
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        self.processes = []

    def pids(self):
        return [pid for process in self.processes for pid in family(process.pid)]

    def hook(self, before, after=""):
        """The program that pushes what has come in, for a daemon that cannot."""
        return self.write("hook", f"#!/bin/sh\n{before} curl -s -o /dev/null '{self.receiver.url}'{after}\n", 0o755)

    def bytes_of_program(self):
        """The programs and every library they load, in bytes."""
        files = set()
        for program in self.programs:
            program = shutil.which(program) or program
            files.add(os.path.realpath(program))
            listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
            for word in listed.split():
                if word.startswith("/"):
                    files.add(os.path.realpath(word))
        return sum(os.path.getsize(file) for file in files)

    # What each daemon says for itself.
    def configure(self):
        raise NotImplementedError

    def start(self):
        raise NotImplementedError

    def ready(self):
        """Waits until it has set the modem up and does nothing but wait."""
        raise NotImplementedError

    def submit(self, numbers, text):
        raise NotImplementedError

    def prepare_queue(self):
        """Puts `queued` messages into the queue so that they can go out one after the other, as fast as it can."""
        self.submit([f"+120255{index:05}" for index in range(self.queued)], "one part")


class Agent(Daemon):
    """rut-agent, the router's build."""

    name = "rut-agent"
    program = ""
    queued = 300
    more = ""  # configuration beyond the one below

    def configure(self):
        self.programs = [self.program]
        self.port, self.smpp = free_port(), free_port()
        self.write("config", f"""
config agent 'agent'
	option state_dir '{self.path}/state'
	option log_level 'warn'
config modem 'modem'
	option tty '{self.sim.tty}'
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
config to_http 'bench'
	option enabled '1'
	option url '{self.receiver.url}'
{self.more}""")

    def words(self):
        return [self.program, "run", "--config", f"{self.path}/config", "--socket", f"{self.path}/socket"]

    def start(self):
        self.spawn(*self.words())
        return self

    def ready(self, seconds=30):
        until(lambda: self.state() == "ready", seconds)
        time.sleep(0.5)  # the start-up conversation's last commands
        return self

    def state(self):
        try:
            return self.api("GET", "/status")["modem"]["state"]
        except OSError:
            return None

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

    def submit(self, numbers, text):
        for start in range(0, len(numbers), 100):
            self.api("POST", "/messages", {"to": numbers[start:start + 100], "text": text})

    def hold(self):
        """Lets nothing out until `go`."""
        self.sim.order("registration 0")
        until(lambda: self.state() == "searching", 90)

    def go(self):
        self.sim.order("registration 1")

    def prepare_queue(self):
        self.hold()
        super().prepare_queue()
        self.go()

    def flash(self):
        files = sorted((self.path / "state").iterdir())
        return [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]


class Smsd(Daemon):
    """smstools' smsd: a spool of files."""

    name = "smsd"
    programs = ["/usr/sbin/smsd"]

    def configure(self):
        for folder in ("outgoing", "checked", "incoming", "failed", "sent"):
            (self.path / folder).mkdir()
        self.config = self.write("smsd.conf", f"""
devices = modem
outgoing = {self.path}/outgoing
checked = {self.path}/checked
incoming = {self.path}/incoming
failed = {self.path}/failed
sent = {self.path}/sent
logfile = {self.path}/log
infofile = {self.path}/info
pidfile = {self.path}/pid
loglevel = 4
stats_interval = 0
delaytime = 1
delaytime_mainprocess = 1
eventhandler = {self.hook('[ "$1" != RECEIVED ] ||')}

[modem]
device = {self.sim.tty}
baudrate = 115200
incoming = high
memory_start = 0
detect_message_routing = no
detect_unexpected_input = no
""")

    def start(self):
        self.spawn(self.programs[0], "-t", "-c", self.config)
        return self

    def ready(self):
        self.sim.wait_for(at="AT+CPMS?", count=3)
        return self

    def submit(self, numbers, text):
        for number in numbers:
            (self.path / "new").write_text(f"To: {number.lstrip('+')}\n\n{text}")
            (self.path / "new").rename(self.path / "outgoing" / f"m{number}-{time.monotonic_ns()}")


class Gammu(Daemon):
    """gammu-smsd with its files backend."""

    name = "gammu-smsd"
    programs = ["/usr/bin/gammu-smsd"]

    def configure(self):
        for folder in ("inbox", "outbox", "sent", "error"):
            (self.path / folder).mkdir()
        self.config = self.write("gammu.conf", f"""
[gammu]
device = {self.sim.tty}
connection = at115200

[smsd]
service = files
logfile = {self.path}/log
debuglevel = 0
CommTimeout = 1
ReceiveFrequency = 1
LoopSleep = 1
StatusFrequency = 0
ResetFrequency = 0
CheckSecurity = 0
CheckBattery = 0
CheckSignal = 0
CheckNetwork = 0
RunOnReceive = {self.hook('for message; do', '; done')}
inboxpath = {self.path}/inbox/
outboxpath = {self.path}/outbox/
sentsmspath = {self.path}/sent/
errorsmspath = {self.path}/error/
""")

    def start(self):
        self.spawn(self.programs[0], "-c", self.config)
        return self

    def ready(self):
        self.sim.wait_for(at="AT+CPMS", count=8)
        time.sleep(1)
        return self

    def submit(self, numbers, text):
        for number in numbers:
            (self.path / "new").write_text(text)
            (self.path / "new").rename(self.path / "outbox" / f"OUT{number}.txt")


class Kannel(Daemon):
    """Kannel: bearerbox with an AT2 smsc, and smsbox."""

    name = "kannel"
    programs = ["/usr/sbin/bearerbox", "/usr/sbin/smsbox"]
    queued = 20
    overlooked = 1  # AT2 begins with slot 1, the modem with slot 0

    def configure(self):
        self.admin, self.boxes, self.sendsms = free_port(), free_port(), free_port()
        self.config = self.write("kannel.conf", f"""
group = core
admin-port = {self.admin}
admin-password = bench
smsbox-port = {self.boxes}
box-allow-ip = 127.0.0.1
log-level = 3

group = smsc
smsc = at
smsc-id = bench
modemtype = bench
device = {self.sim.tty}
speed = 115200
keepalive = 1
sim-buffering = true
my-number = 12345

group = modems
id = bench
name = bench
detect-string = EC25
init-string = "AT+CNMI=2,1,0,0,0"
message-storage = ME
speed = 115200

group = smsbox
bearerbox-host = 127.0.0.1
global-sender = 12345
sendsms-port = {self.sendsms}
log-level = 3

group = sendsms-user
username = bench
password = bench
max-messages = 1

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{self.receiver.url}"
""")

    def start(self):
        self.spawn(self.programs[0], self.config)
        until(lambda: self.says(f"http://127.0.0.1:{self.admin}/status.txt?password=bench"))
        self.spawn(self.programs[1], self.config)
        return self

    @staticmethod
    def says(url):
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read()
        except OSError:
            return None

    def ready(self):
        self.sim.wait_for(at="AT+CPMS?", count=2)
        until(lambda: b"smsbox" in (self.says(f"http://127.0.0.1:{self.admin}/status.txt?password=bench") or b""))
        return self

    def submit(self, numbers, text):
        for number in numbers:
            query = urllib.parse.urlencode({"username": "bench", "password": "bench", "to": number, "text": text})
            answer = self.says(f"http://127.0.0.1:{self.sendsms}/cgi-bin/sendsms?{query}")
            if answer is None or not answer.startswith((b"0:", b"3:")):  # accepted; queued until the modem is there
                raise RuntimeError(f"sendsms: {answer}")


PEERS = [Smsd, Gammu, Kannel]
