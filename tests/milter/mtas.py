#!/usr/bin/python3
"""Real MTAs with Mailreeve as their milter: every action happens, and what is delivered is, byte for
byte, what was asked for. Postfix and Sendmail, private instances on loopback.

    mtas.py BUILD UNPACKED-PACKAGES
"""
import sys
sys.dont_write_bytecode = True

import os            # noqa: E402
import re            # noqa: E402
import signal        # noqa: E402
import smtplib       # noqa: E402
import ssl           # noqa: E402
import subprocess    # noqa: E402
import threading     # noqa: E402
import time          # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "clients"), os.path.join(HERE, "..", "mailtest")]
from clients import World                       # noqa: E402
from dovecot import AuthServer                  # noqa: E402
from mt.daemon import Gateway, free_port        # noqa: E402
from mt.values import Failure                   # noqa: E402
from sendmail import Sendmail                   # noqa: E402

POLICY = """milter "unix:{socket}" {{ mode {mode}; {more} }}
hostname mx.gateway.example;
policy {{
    at helo {{ reject 550 5.7.1 "unwelcome, {{helo}}" if helo == "bad.example"; }}
    at mail {{ reject 550 5.7.1 "no mail from {{sender}}" if sender == "bad@example.com"; }}
    at rcpt {{
        reject 550 5.1.1 "no 100% such user %s" if rcpt == "gone@example.net";
        tempfail 451 4.7.1 "wait" if rcpt == "wait@example.net";
    }}
    at header {{ reject 554 5.7.1 "early" if subject == "early"; }}
    at message {{
        reject 550 5.7.1 "refused 50% of {{subject}}" if subject == "refuse";
        reject 550 5.7.1 "{long}" if subject == "long";
        tempfail 451 4.7.1 "come back" if subject == "defer";
        discard if subject == "drop";
        quarantine "aside" if subject == "aside";
        for rcpt == "q@example.net" {{ quarantine "his" if subject == "split"; }}
        for rcpt == "d@example.net" {{ discard if subject == "split"; }}
        tag subject "[TAG] " if subject == "tag";
        tag header "X-Fold" "{fold}" if subject == "tag";
        tag header "X-Tag" "yes %s" if subject == "tag";
        remove-header "X-Remove" if subject == "tag";
        redirect "other@example.net" if subject == "redirect";
        copy "archive@example.net" if subject == "copy";
        set-sender "bounces@example.org" if subject == "sender";
        set-sender null if subject == "no sender";
        replace-body "Removed: {{subject}}\\n.dot" if subject == "body";
        tag header "X-Local" "{{client.local}} {{helo}}" if subject == "local";
        tag header "X-Facts" "{{client}} {{helo}} {{mta.daemon}} {{mta.queue-id}}" if subject == "facts";
        tag header "X-Tls" "{{tls.version}} {{tls.cipher}}" if tls.version =~ /./;
        tag header "X-Tls-Peer" "{{tls.peer}}" if tls.peer =~ /./;
        tag header "X-User" "{{auth.user}}" if auth.user =~ /./;
        accept;
    }}
}}
"""
POSTFIX_SECURE = """smtpd_tls_security_level = may
smtpd_tls_cert_file = {pem}
smtpd_tls_key_file = {pem}
smtpd_tls_CAfile = {pem}
smtpd_tls_ask_ccert = yes
smtpd_tls_loglevel = 1
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {dir}/auth
"""
SENDMAIL_SECURE = """define(`confSERVER_CERT', `{pem}')dnl
define(`confSERVER_KEY', `{pem}.key')dnl
define(`confCACERT', `{pem}')dnl
define(`confCACERT_PATH', `{dir}')dnl"""
LONG = " ".join(["long"] * 220)
FOLD = " ".join(["0123456789"] * 120)


class Mta(World):
    """A world with one MTA in front of the next hop, and the milter beside it."""

    def __init__(self, builddir, unpacked, kind, more=""):
        super().__init__(builddir, unpacked)
        self.face, self.kind = "milter", kind
        self.socket = os.path.join(self.dir, "milter.sock")
        self.gateway = Gateway("g1", self)
        for path in (self.gateway.dir, self.gateway.state):
            os.chmod(path, 0o755)
        self.gateway.write(POLICY.format(socket=self.socket, more=more, mode="0666" if kind == "postfix" else "0660", long=LONG, fold=FOLD))
        self.gateway.start("start")
        hop = (self.hop.host, self.hop.port)
        self.stranger = self.make_pair("stranger")
        if kind == "postfix":
            self.auth = AuthServer(os.path.join(self.dir, "auth"), "bob", "secret")
            self.mta = self.postfix("postfix", hop, f"smtpd_milters = unix:{self.socket}\nmilter_default_action = tempfail\n"
                                    "non_smtpd_milters = $smtpd_milters\n" + POSTFIX_SECURE.format(pem=self.certificate, dir=self.dir))
        else:
            self.mta = Sendmail(unpacked, os.path.join(self.dir, "sendmail"), self.host, free_port(self.host), hop,
                                f"INPUT_MAIL_FILTER(`mailreeve', `S=unix:{self.socket}, F=T, T=C:30s;S:30s;R:60s;E:5m')dnl\n"
                                "define(`confINPUT_MAIL_FILTERS', `mailreeve')dnl\n" + SENDMAIL_SECURE.format(pem=self.certificate, dir=self.dir))
            self.postfixes.append(self.mta)
            self.mta.start()

    def make_pair(self, name):
        """A certificate that nobody trusts, and its key, in one file."""
        path = os.path.join(self.dir, name + ".pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                        f"/CN={name}.example", "-keyout", path, "-out", path + ".crt"], check=True, stderr=subprocess.DEVNULL)
        with open(path, "ab") as pem, open(path + ".crt", "rb") as certificate:
            pem.write(certificate.read())
        return path

    def send_secure(self, subject, pair=None, user=None):
        """Over TLS, perhaps with a certificate, perhaps as somebody: what our fields say of that."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if pair:
            context.load_cert_chain(pair)
        with smtplib.SMTP(self.host, self.mta.port, local_hostname="pc.example", timeout=60) as s:
            s.starttls(context=context)
            if user:
                s.login(user, "secret")
            cipher = s.sock.cipher()
            s.sendmail("a@example.com", ["b@example.net"], f"From: <a@example.com>\r\nX-User: forged\r\nX-Tls-Peer: forged\r\n"
                       f"Subject: {subject}\r\n\r\nx\r\n")
        message = self.delivered(subject)[0]
        return f"{cipher[1]} {cipher[0]}", {name: message.headers(name)[:1] for name in ("X-Tls", "X-Tls-Peer", "X-User")}

    def close(self):
        if self.kind == "postfix":
            self.auth.close()
        super().close()

    def send(self, subject, rcpts=("b@example.net",), head=b"", body=b"text\r\n", sender="a@example.com", helo="pc.example"):
        """The final reply and the refused recipients."""
        data = b"From: <a@example.com>\r\n" + head + b"Subject: " + subject.encode() + b"\r\nMessage-ID: <1@x>\r\n" \
            b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n" + body
        try:
            with smtplib.SMTP(self.host, self.mta.port, local_hostname=helo, timeout=60) as s:
                return (250, b""), s.sendmail(sender, list(rcpts), data)
        except smtplib.SMTPRecipientsRefused as e:
            return list(e.recipients.values())[0], e.recipients
        except smtplib.SMTPHeloError as e:
            return (e.smtp_code, e.smtp_error), {}
        except smtplib.SMTPResponseException as e:
            return (e.smtp_code, e.smtp_error), {}

    def delivered(self, subject, seconds=15):
        """Raw messages with that Subject and their recipients; waits for at least one."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [m for m in self.hop.messages if m.headers("Subject") and m.headers("Subject")[0].endswith(subject)]
            if found:
                time.sleep(0.3)    # a further delivery would come at about the same time
                return [m for m in self.hop.messages if m.headers("Subject")
                        and m.headers("Subject")[0].endswith(subject)]
            time.sleep(0.05)
        raise Failure(subject, "not delivered")


def equal(what, got, wanted):
    if got != wanted:
        raise Failure(what, f"is {got!r}, expected {wanted!r}")


def refused(w, subject, code, text, **more):
    (got, reply), _ = w.send(subject, **more)
    reply = re.sub(rb"<\S+>\.\.\. ", b"", reply)    # Sendmail's way to say whom it means
    if got != code or not re.search(text.encode(), reply):
        raise Failure(subject, f"got {got} {reply!r}, expected {code} {text}")


def refusals(w):
    """reject and tempfail at HELO, MAIL, RCPT, header and message: our code and text"""
    refused(w, "x", 550, r"5\.7\.1 unwelcome, bad.example \(", helo="bad.example")
    refused(w, "x", 550, r"^5\.7\.1 no mail from bad@example.com \(\w+\)$", sender="bad@example.com")
    refused(w, "x", 550, r"^5\.1\.1 no 100% such user %s \(\w+\)$", rcpts=["gone@example.net"])
    refused(w, "x", 451, r"^4\.7\.1 wait", rcpts=["wait@example.net"])
    refused(w, "early", 554, r"^5\.7\.1 early \(")
    refused(w, "refuse", 550, r"^5\.7\.1 refused 50% of refuse \(")
    refused(w, "defer", 451, r"^4\.7\.1 come back \(")
    refused(w, "long", 550, r"^5\.7\.1 long long")
    equal("messages that came through", len(w.hop.messages), 0)


def recipients(w):
    """a refused recipient is refused alone; quarantined and discarded ones are taken out; redirect, copy"""
    reply, lost = w.send("one of two", ["gone@example.net", "b@example.net"])
    equal("the reply", (reply[0], list(lost)), (250, ["gone@example.net"]))
    equal("recipients", w.delivered("one of two")[0].rcpts, ["b@example.net"])
    equal("reply", w.send("split", ["q@example.net", "b@example.net", "d@example.net"])[0][0], 250)
    equal("recipients", [m.rcpts for m in w.delivered("split")], [["b@example.net"]])
    equal("reply", w.send("redirect")[0][0], 250)
    equal("recipients", [m.rcpts for m in w.delivered("redirect")], [["other@example.net"]])
    equal("reply", w.send("copy")[0][0], 250)
    equal("recipients", sorted(r for m in w.delivered("copy") for r in m.rcpts), ["archive@example.net", "b@example.net"])
    status, text = w.gateway.control(["quarantine", "list"])
    if status or "q@example.net" not in text:
        raise Failure("quarantine list", text)


def taken_away(w):
    """discard and quarantine: 250, nothing delivered, the item in our store"""
    for subject in ("drop", "aside"):
        equal("reply", w.send(subject)[0][0], 250)
    equal("reply", w.send("after")[0][0], 250)
    w.delivered("after")
    equal("drop, aside", [m for m in w.hop.messages if m.headers("Subject")[0] in ("drop", "aside")], [])
    status, text = w.gateway.control(["quarantine", "list", "--json"])
    equal("stored", (status, "aside" in text), (0, True))


HEAD = b"X-Remove: 1\r\nX-Other: a\r\n\tb\r\n   c\r\nX-Tag: forged\r\nx-remove: 2\r\nX-Tag:forged again\r\n"
BODY = b"..dots\r\n.\r\n\r\nGr\xc3\xbc\xc3\x9fe \xff\xfe\r\n" + b"x" * 900 + b"\r\n" + b"line of text\r\n" * 20000 + b"\r\n\r\n"


def edits(w):
    """headers added, changed, removed with exact bytes: folds, forged fields, 8-bit body of several chunks"""
    equal("reply", w.send("tag", head=HEAD, body=BODY)[0][0], 250)
    raw = w.delivered("tag")[0].raw
    head, body = raw.split(b"\r\n\r\n", 1)
    equal("length of the body", len(body), len(BODY))
    equal("body", body == BODY, True)
    own = head[:head.index(b"Received:")]
    equal("own fields on top of the MTA's", re.sub(rb"\r\n ", b" ", own),
          b"X-Tag: yes %s\r\nX-Fold: " + FOLD.encode() + b"\r\n")
    equal("longest line of it", max(map(len, own.split(b"\r\n"))) <= 998 and own.count(b"\r\n ") >= 1, True)
    rest = head[head.index(b"From: "):]
    equal("the message's own fields", rest, b"From: <a@example.com>\r\nX-Other: a\r\n\tb\r\n   c\r\nSubject: [TAG] tag\r\n"
          b"Message-ID: <1@x>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000")


def envelope(w):
    """the envelope sender is changed, also to none; nothing else is"""
    for subject, sender in (("sender", "bounces@example.org"), ("no sender", ""), ("a plain one", "a@example.com")):
        equal("reply", w.send(subject)[0][0], 250)
        found = w.delivered(subject)
        equal("senders", [m.sender for m in found if m.headers("Subject")[0] == subject], [sender])
        equal("body", found[0].raw.split(b"\r\n\r\n", 1)[1], b"text\r\n")


PARTS = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\nX-Other: stays\r\n"


def body(w):
    """the body is replaced where that is asked for, with what described it"""
    equal("reply", w.send("body", head=PARTS, body=b"--b\r\n\r\nMZ\r\n--b--\r\n" * 3000)[0][0], 250)
    head, text = w.delivered("body")[0].raw.split(b"\r\n\r\n", 1)
    equal("body", text, b"Removed: body\r\n.dot\r\n")
    own = head[:head.index(b"Received:")]
    equal("own fields", own, b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n")
    equal("the others", head[head.index(b"From: "):], b"From: <a@example.com>\r\nX-Other: stays\r\nSubject: body\r\n"
          b"Message-ID: <1@x>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000")


def local(w):
    """mail that was submitted on the MTA's host has no client; it is judged all the same"""
    w.mta.submit("a@example.com", "b@example.net", b"From: <a@example.com>\r\nX-Local: forged\r\nSubject: local\r\n\r\nx\r\n"
                 if w.kind == "sendmail" else b"From: <a@example.com>\nX-Local: forged\nSubject: local\n\nx\n")
    found = w.delivered("local")[0].headers("X-Local")
    equal("what was seen", [re.sub(r" .*", "", v) for v in found], ["yes"])


def facts(w):
    """the client, its name, the listener and the queue id are known from the MTA"""
    equal("reply", w.send("facts")[0][0], 250)
    message = w.delivered("facts")[0]
    client, helo, daemon, queue_id = message.headers("X-Facts")[0].split()
    equal("client, helo", (client, helo), ("127.0.0.1", "pc.example"))
    equal("daemon", daemon, "postfix.example" if w.kind == "postfix" else "MTA")
    if f"id {queue_id}" not in message.headers("Received")[0]:
        raise Failure("queue id", f"{queue_id} is not what the MTA writes: {message.headers('Received')[0]}")


def secure(w):
    """TLS, the subject of a certificate that the MTA verified, and who logged in are known; what it did not verify is not"""
    tls, seen = w.send_secure("over tls")
    equal("with TLS", seen, {"X-Tls": [tls], "X-Tls-Peer": [], "X-User": []})
    tls, seen = w.send_secure("stranger", pair=w.stranger)
    equal("with a stranger's certificate", seen, {"X-Tls": [tls], "X-Tls-Peer": [], "X-User": []})
    tls, seen = w.send_secure("known", pair=w.certificate)
    equal("with a certificate", seen["X-Tls"], [tls])
    peer = ("/CN=" if w.kind == "sendmail" else "") + "mx.gateway.example"
    equal("its subject", seen["X-Tls-Peer"], [peer])
    line = w.gateway.events("message")[-1]
    equal("the log line", (line["tls"], line["tls_peer"]), (tls.split()[0], peer))
    if w.kind == "postfix":
        tls, seen = w.send_secure("bob", user="bob")
        equal("as bob", seen, {"X-Tls": [tls], "X-Tls-Peer": [], "X-User": ["bob"]})
        equal("the log line", w.gateway.events("message")[-1]["auth"], {"user": "bob"})
    return tls


def reload(w):
    """a session goes on over a reload with what it began with; the next one has the new configuration"""
    with smtplib.SMTP(w.host, w.mta.port, local_hostname="pc.example", timeout=60) as s:
        s.ehlo()
        s.mail("a@example.com")
        equal("rcpt", s.rcpt("b@example.net")[0], 250)
        with open(w.gateway.conf, encoding="utf-8") as f:
            text = f.read()
        w.gateway.write(text.replace('"early" if subject == "early"', '"earlier" if subject == "early"'))
        status, output = w.gateway.control(["reload"])
        equal("reload", (status, output[:200] if status else ""), (0, ""))
        equal("the old session", s.data(b"Subject: early\r\n\r\nx\r\n")[1][:11], b"5.7.1 early")
    refused(w, "early", 554, r"^5\.7\.1 earlier \(")
    w.gateway.write(text)
    equal("back", w.gateway.control(["reload"])[0], 0)


def restart(w):
    """killed and restarted under load: tempfailed meanwhile, nothing passes unscanned, nothing is lost"""
    accepted, deferred, broken, stop = [], [0], [], threading.Event()

    def client(number):
        n = 0
        while not stop.is_set():
            n += 1
            name = f"load {number}-{n} tag"
            try:
                reply, _ = w.send(name, head=b"X-Tag: forged\r\n")
            except (OSError, smtplib.SMTPException):
                continue
            if reply[0] == 250:
                accepted.append(name)
            elif 400 <= reply[0] < 500:
                deferred[0] += 1
            else:
                broken.append(reply)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for _ in range(4):
        time.sleep(1.0)
        w.gateway.stop("kill", signal.SIGKILL)
        time.sleep(0.5)
        w.gateway.start("again")
    time.sleep(1.0)
    stop.set()
    for t in threads:
        t.join()
    end = time.monotonic() + 60
    mine = lambda: [m for m in w.hop.messages if m.headers("Subject")[0].startswith("load ")]
    while len(mine()) < len(accepted) and time.monotonic() < end:
        time.sleep(0.1)
    got = [m.headers("Subject")[0] for m in mine()]
    equal("refused for good", broken, [])
    equal("lost", sorted(set(accepted) - set(got))[:5], [])
    equal("delivered unscanned", [m.headers("Subject")[0] for m in mine() if b"forged" in m.raw][:5], [])
    if not deferred[0] or not accepted:
        raise Failure("load", f"{len(accepted)} accepted, {deferred[0]} deferred: nothing was tested")
    return f"{len(accepted)} accepted and delivered, {deferred[0]} tempfailed"


def hold(w):
    """quarantine hold: the MTA's hold queue has it, edited; where others accept, our store has theirs"""
    equal("reply", w.send("aside", head=b"X-Tag: forged\r\n")[0][0], 250)
    equal("reply", w.send("split", ["q@example.net", "b@example.net"])[0][0], 250)
    equal("recipients", [m.rcpts for m in w.delivered("split")], [["b@example.net"]])
    if w.kind == "postfix":
        held = os.listdir(os.path.join(w.mta.queue, "hold"))
    else:
        held = [n for n in w.mta.queued() if n.startswith("hf")]
    equal("held", len(held), 1)
    status, text = w.gateway.control(["quarantine", "list"])
    equal("our store", (status, "q@example.net" in text, "aside" in text), (0, True, False))


TESTS = [("", refusals), ("", recipients), ("", taken_away), ("", edits), ("", envelope), ("", body), ("", local), ("", facts), ("", secure),
         ("", reload), ("", restart), ("quarantine hold;", hold)]


def main():
    builddir, unpacked = sys.argv[1:3]
    only = sys.argv[3:]
    kinds = [k for k, program in (("postfix", "usr/lib/postfix/sbin/master"), ("sendmail", "usr/libexec/sendmail/sendmail"))
             if os.path.exists(os.path.join(unpacked, "root", program))]
    failed = number = 0
    print(f"1..{len(kinds) * (len(only) or len(TESTS))}")
    if os.geteuid():
        print("# only root can run MTAs: skipped")
        return 0
    for kind in kinds:
        world, setting = None, None
        for more, test in (t for t in TESTS if not only or t[1].__name__ in only):
            number += 1
            word, note, started = "ok", "", time.monotonic()
            try:
                if world is None or setting != more:
                    if world:
                        world.close()
                    world, setting = Mta(builddir, unpacked, kind, more), more
                world.hop.messages.clear()
                note = test(world) or ""
            except (Failure, RuntimeError, OSError, ValueError, smtplib.SMTPException, subprocess.SubprocessError) as e:
                word, note, failed = "not ok", str(e)[:1500], failed + 1
                if world:
                    note += "\n# " + world.gateway.log()[-1500:].replace("\n", "\n# ")
            print(f"{word} {number} - {kind}: {test.__doc__} ({time.monotonic() - started:.1f} s)" +
                  (f"\n# {note}" if note else ""), flush=True)
        if world:
            try:
                world.close()
            except Failure as e:
                failed += 1
                print(f"not ok {number} - {kind}: end: {e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
