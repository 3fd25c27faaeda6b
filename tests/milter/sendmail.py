"""A private Sendmail: unpacked beside the build, configured by m4 from its own cf tree in a temporary
folder, on loopback only. Needs root, as Postfix does; nothing of the system's is touched."""
import glob
import os
import signal
import subprocess
import time

from postfix import is_listening

MC = """divert(0)dnl
VERSIONID(`test')dnl
OSTYPE(`linux')dnl
define(`confDEF_USER_ID', `nobody:nogroup')dnl
define(`confRUN_AS_USER', `root:root')dnl
define(`confTRUSTED_USER', `root')dnl
define(`QUEUE_DIR', `{dir}/queue')dnl
define(`confPID_FILE', `{dir}/pid')dnl
define(`STATUS_FILE', `{dir}/statistics')dnl
define(`HELP_FILE', `{dir}/help')dnl
define(`ALIAS_FILE', `')dnl
define(`confCW_FILE', `{dir}/names')dnl
define(`confCT_FILE', `{dir}/trusted')dnl
define(`confDOMAIN_NAME', `sendmail.example')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe, TrustStickyBit, NonRootSafeAddr')dnl
define(`confTO_IDENT', `0')dnl
define(`confBIND_OPTS', `-DNSRCH -DEFNAMES')dnl
define(`confSERVICE_SWITCH_FILE', `{dir}/service.switch')dnl
define(`confHOSTS_FILE', `{dir}/hosts')dnl
define(`confDELIVERY_MODE', `b')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confMIN_FREE_BLOCKS', `0')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confDELAY_LA', `0')dnl
define(`confMAX_MESSAGE_SIZE', `60000000')dnl
define(`confMILTER_LOG_LEVEL', `14')dnl
define(`SMART_HOST', `smtp:[{next_host}]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {next_port}')dnl
define(`SMTP_MAILER_ARGS', `TCP $h {next_port}')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h {next_port}')dnl
define(`SMTP8_MAILER_ARGS', `TCP $h {next_port}')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`promiscuous_relay')dnl
DAEMON_OPTIONS(`Name=MTA, Addr={host}, Port={port}, Family=inet')dnl
{extra}
MAILER(`smtp')dnl
"""


class Sendmail:
    """unpacked: the folder that `fetch` filled. Relays everything to next_hop (host, port)."""

    # It sleeps for a minute when the host's name has no dot: it gets a name of its own.
    NAMED = ["unshare", "--uts", "sh", "-c", 'hostname sendmail.example && exec "$@"', "sh"]

    def __init__(self, unpacked, folder, host, port, next_hop, extra=""):
        self.root = os.path.join(os.path.abspath(unpacked), "root")
        self.dir, self.host, self.port, self.process = folder, host, port, None
        os.makedirs(os.path.join(folder, "queue"), mode=0o700, exist_ok=True)
        for name, text in (("names", ""), ("trusted", ""), ("service.switch", "hosts files\naliases files\n"),
                           ("hosts", f"{next_hop[0]} localhost\n"), ("help", "")):
            with open(os.path.join(folder, name), "w", encoding="ascii") as f:
                f.write(text)
        os.chmod(self.program(), 0o755)    # with setgid it would not look at LD_LIBRARY_PATH
        self.mc = MC.format(dir=folder, host=host, port=port, next_host=next_hop[0], next_port=next_hop[1], extra=extra)

    def program(self):
        return os.path.join(self.root, "usr/libexec/sendmail/sendmail")

    def environment(self):
        folders = glob.glob(os.path.join(self.root, "usr/lib/*-linux-gnu")) + glob.glob(
            os.path.join(self.root, "lib/*-linux-gnu"))
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}

    def start(self):
        cf = os.path.join(self.root, "usr/share/sendmail/cf")
        source = os.path.join(self.dir, "sendmail.mc")
        with open(source, "w", encoding="ascii") as f:
            f.write(self.mc)
        made = subprocess.run(["m4", f"-D_CF_DIR_={cf}/", f"{cf}/m4/cf.m4", source], cwd=self.dir, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(os.path.join(self.dir, "sendmail.cf"), "wb") as f:
            f.write(made.stdout)
        self.process = subprocess.Popen(
            self.NAMED + [self.program(), "-bD", "-q2s", "-C", f"{self.dir}/sendmail.cf"], env=self.environment(), cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=open(f"{self.dir}/stdout", "wb"), stderr=subprocess.STDOUT,
            start_new_session=True)
        for _ in range(200):
            if self.process.poll() is not None:
                break
            if is_listening(self.host, self.port):
                return
            time.sleep(0.05)
        raise RuntimeError("Sendmail did not start: " + self.log()[-2000:])

    def log(self):
        text = ""
        for name in ("stdout",):
            try:
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
                    text += f.read()
            except FileNotFoundError:
                pass
        return text

    def submit(self, sender, rcpt, data):
        """A program of this host hands in a message, over its own pipes (-bs): there is no client."""
        said = []
        with subprocess.Popen(self.NAMED + [self.program(), "-bs", "-C", f"{self.dir}/sendmail.cf"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=self.environment(), cwd=self.dir) as p:
            for text in (b"", b"HELO localhost", f"MAIL FROM:<{sender}>".encode(), f"RCPT TO:<{rcpt}>".encode(), b"DATA", data + b".", b"QUIT"):
                if text:
                    p.stdin.write(text + b"\r\n")
                    p.stdin.flush()
                said.append(p.stdout.readline())
        if [x[:1] for x in said] != [b"2", b"2", b"2", b"2", b"3", b"2", b"2"]:
            raise RuntimeError(f"sendmail -bs: {said}")

    def queued(self):
        """Names of queue files: qf, or hf when the message is held."""
        return sorted(os.listdir(os.path.join(self.dir, "queue")))

    def stop(self):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None
