"""A private Postfix: unpacked beside the build, configured in a temporary folder, on loopback only,
started and ended by the tests. Needs root, because Postfix does; the system's own mail server, if
there is one, is never touched."""
import glob
import os
import pwd
import signal
import subprocess
import time

# Three different existing accounts; Postfix insists on that and cares little which they are.
MAIL_OWNER, DROP_GROUP, DEFAULT_PRIVS = "mail", "games", "nobody"

MAIN = """compatibility_level = 3.6
queue_directory = {queue}
data_directory = {dir}/data
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
sendmail_path = {root}/usr/sbin/sendmail
mailq_path = {root}/usr/sbin/sendmail
newaliases_path = {root}/usr/sbin/sendmail
meta_directory = {dir}/conf
import_environment = MAIL_CONFIG LD_LIBRARY_PATH
export_environment = MAIL_CONFIG LD_LIBRARY_PATH
mail_owner = {owner}
setgid_group = {group}
default_privs = {privs}
maillog_file = {dir}/mail.log
maillog_file_prefixes = /tmp, /var, /work, /root, /home
myhostname = {name}
mydestination =
inet_interfaces = {host}
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relay_domains = example.net, example.org
relayhost = [{next_host}]:{next_port}
alias_maps =
alias_database =
local_recipient_maps =
relay_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_host_lookup = native
smtpd_peername_lookup = no
disable_dns_lookups = yes
message_size_limit = 60000000
mailbox_size_limit = 0
smtputf8_enable = yes
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
initial_destination_concurrency = 20
default_destination_concurrency_limit = 50
always_add_missing_headers = no
append_dot_mydomain = no
append_at_myorigin = no
enable_original_recipient = no
biff = no
"""

MASTER = """{host}:{port} inet n - n - 1100 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """unpacked: the folder that `fetch` filled. Relays everything to next_hop (host, port)."""

    def __init__(self, unpacked, folder, host, port, next_hop, extra=""):
        self.root = os.path.join(os.path.abspath(unpacked), "root")
        self.dir, self.host, self.port = folder, host, port
        self.queue, self.conf = os.path.join(folder, "queue"), os.path.join(folder, "conf")
        self.process = None
        for path in (self.dir, self.queue, self.conf, os.path.join(folder, "data")):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, 0o755)
        os.chown(os.path.join(folder, "data"), pwd.getpwnam(MAIL_OWNER).pw_uid, -1)
        values = {"root": self.root, "dir": folder, "queue": self.queue, "host": host, "port": port,
                  "owner": MAIL_OWNER, "group": DROP_GROUP, "privs": DEFAULT_PRIVS,
                  "next_host": next_hop[0], "next_port": next_hop[1], "name": "postfix.example"}
        with open(os.path.join(self.conf, "main.cf"), "w", encoding="ascii") as f:
            f.write(MAIN.format(**values) + extra)
        with open(os.path.join(self.conf, "master.cf"), "w", encoding="ascii") as f:
            f.write(MASTER.format(**values))
        for name in ("postfix-files", "dynamicmaps.cf"):
            open(os.path.join(self.conf, name), "w", encoding="ascii").close()

    def environment(self):
        folders = [os.path.join(self.root, "usr/lib/postfix")]
        folders += glob.glob(os.path.join(self.root, "usr/lib/*-linux-gnu")) + glob.glob(
            os.path.join(self.root, "lib/*-linux-gnu"))
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders), "MAIL_CONFIG": self.conf}

    def start(self):
        self.make_queue()
        self.process = subprocess.Popen(
            [os.path.join(self.root, "usr/lib/postfix/sbin/master"), "-c", self.conf, "-d"],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(os.path.join(self.dir, "stderr"), "wb"), start_new_session=True)
        for _ in range(200):
            if self.process.poll() is not None:
                break
            if is_listening(self.host, self.port):
                return
            time.sleep(0.05)
        raise RuntimeError("Postfix did not start: " + self.log()[-2000:])

    def submit(self, sender, rcpt, data):
        """A program of this host hands in a message, without SMTP."""
        os.chmod(os.path.join(self.root, "usr/sbin/postdrop"), 0o755)    # with setgid it would not look at LD_LIBRARY_PATH
        subprocess.run([os.path.join(self.root, "usr/sbin/sendmail"), "-C", self.conf, "-f", sender, rcpt], input=data, check=True,
                       env={**self.environment(), "PATH": os.path.join(self.root, "usr/sbin") + ":/bin:/usr/bin"}, timeout=60)

    def make_queue(self):
        """What `postfix start` would have made."""
        owner = pwd.getpwnam(MAIL_OWNER).pw_uid
        for name in ("active bounce corrupt defer deferred flush hold incoming private saved trace "
                     "public maildrop pid").split():
            path = os.path.join(self.queue, name)
            os.makedirs(path, exist_ok=True)
            if name != "pid":
                os.chown(path, owner, -1)
            os.chmod(path, 0o755)

    def log(self):
        text = ""
        for name in ("stderr", "mail.log"):
            try:
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
                    text += f.read()
            except FileNotFoundError:
                pass
        return text

    def stop(self):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        for pid in descendants(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None


def is_listening(host, port):
    """Looks, without connecting."""
    number = "".join(f"{int(x):02X}" for x in reversed(host.split("."))) + f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as f:
        return any(line.split()[1] == number and line.split()[3] == "0A" for line in f.readlines()[1:])


def descendants(pid):
    """pid and all below it, by /proc."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as f:
                    children.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(entry))
            except OSError:
                continue
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found
