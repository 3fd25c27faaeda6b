#!/usr/bin/python3
"""Odd rules beside SpamAssassin 4.0.1: its answers to own messages, one by one.

    sa_own.py [--write FOLDER]

sa-own.cf has a rule for each corner of the syntax, sa-own.json what SpamAssassin hits with it on the
messages below. REEVE_CTL is the reevectl to ask. Any difference fails. --write puts the messages into
a folder, to ask SpamAssassin again after a change.
"""
import base64
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CTL = os.environ.get("REEVE_CTL", "./reevectl")

MESSAGES = {
    "plain": b"""Return-Path: <sender@mail.example.com>
Received: from mx.example.com (mx.example.com [192.0.2.10]) by in.example.net (Postfix) with ESMTP id 4QXYZ1; Mon, 2 Jun 2025 10:00:00 +0000
Received: from client.example.org ([198.51.100.7] helo=laptop) by mx.example.com with esmtpsa (Exim 4.96) \
(envelope-from <sender@mail.example.com>) id 1pABC-0001; Mon, 2 Jun 2025 09:59:58 +0000
From: "Sender, The" <sender@mail.example.com>
To: =?utf-8?Q?J=C3=B6rg?= <joerg@example.net>, "a@b.example.net" <a@b.example.net>,
\tc@example.net
Cc: Group: d@example.net, e@example.net;
Reply-To: answers@freemail.example.org
Subject: =?UTF-8?B?SGVsbG8g4oKsIHdvcmxk?= and
 more of it
Message-ID: <20250602.4711@mail.example.com>
Date: Mon, 2 Jun 2025 09:59:57 +0000
X-Mailer: Own Mailer 1.0
X-Number: 4711
X-Number: 815

Dear customer,

this is a   first paragraph
with two lines.

Visit http://www.example.org/path?x=1&y=2 or www.example.com/a
or write to someone@example.info today!

> quoted text
> more of it
--\x20
The signature
""",
    "html": b"""From: News <news@shop.example.com>
To: undisclosed-recipients:;
Subject: BUY NOW
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="=_alt"
Message-ID: <n1@shop.example.com>
Date: Tue, 3 Jun 2025 08:00:00 +0200

This is a multi-part message.
--=_alt
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Buy now =E2=82=AC 5 only =
today.
Second line=21

--=_alt
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<html><head><title>Sale</title></head><body bgcolor=3D"#ffffff">
<p>Buy <b>now</b> &euro; 5 <a href=3D"http://click.example.com/r?u=3D1">Click here</a></p>
<p><img src=3D"https://img.example.org/a.gif" width=3D1 height=3D1></p>
<form action=3D"http://form.example.net/post"><a href=3D"mailto:sales@example.com">mail us</a></form>
<div style=3D"display:none">hidden words</div>
</body></html>

--=_alt--
""",
    "attach": b"""From: a@example.com
To: b@example.net
Subject: files
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: text/plain; charset=us-ascii

see the attached files

--outer
Content-Type: application/pdf; name="invoice.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment;
\tfilename="invoice.pdf"
Content-Description: An invoice

""" + base64.encodebytes(b"%PDF-1.4 not really a file") + b"""
--outer
Content-Type: image/png; name="=?utf-8?Q?bild=C3=A4.png?="
Content-Transfer-Encoding: base64
Content-ID: <img1@example.com>
Content-Disposition: inline

iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAAElFTkSuQmCC
--outer
Content-Type: message/rfc822

From: inner@example.org
To: x@example.org
Subject: inside
Content-Type: text/plain

The inner text of it.
--outer--
""",
    "odd": b"""from: lower@example.com
TO: <x@example.net>
subject:no blank here
X-Spam-Flag: YES
X-Empty:
X-Tabs:\ta\tb\t
X-Long: """ + b"word " * 60 + b"""
X-Folded: one
\ttwo
   three
Message-Id: <odd@localhost>
List-Id: Some list <list.lists.example.org>
Return-Path: <>

A single line with a tab\there and a very_long_word_""" + b"x" * 90 + b"""
\xe9\xe8 raw latin octets
100% FREE!!! $$$ V-i-a-g-r-a  5 0 %
""",
    "strange": b"""From: a@example.com
To: b@example.net
Subject: strange tags
MIME-Version: 1.0
Content-Type: text/html; charset=utf-8

<html><body><thimble atone><p>one</p></thimble><THIMBLE>two</thimble></renault></renault>
<o:p>three</o:p><st1:place>four</st1:place><o:></o:><x-1>

<bingo><bongo><b>five</b> \xe2\x82\xac \xd1\x8f

</body></html>
""",
    "enc": b"""From: =?iso-8859-1?Q?Andr=E9?= <andre@example.fr>
To: b@example.net
Subject: =?koi8-r?B?8NLJ18XU?= =?koi8-r?B?ICE=?=
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: 8bit
Date: Sat, 31 Feb 2015 25:61:00 +0000

caf\xe9 cr\xe8me \xa3 5
http://192.0.2.5/x.exe and ftp://ftp.example.org/pub and HTTPS://Upper.Example.COM/Path
<http://angle.example.org/a%20b> (http://paren.example.org/x) http://example.org/end.
""",
}


def write(folder):
    for name, data in MESSAGES.items():
        with open(os.path.join(folder, name + ".eml"), "wb") as f:
            f.write(data)


def ours(folder):
    """By name of the message: names of the rules, sum of their scores."""
    conf = os.path.join(folder, "own.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write('filter rules { load "%s"; report-subrules on; budget 60s; }\n' % os.path.join(HERE, "sa-own.cf"))
    paths = [os.path.join(folder, name + ".eml") for name in MESSAGES]
    run = subprocess.run([CTL, "-c", conf, "scan", "--offline", "--json"] + paths, stdout=subprocess.PIPE, check=True)
    for line in run.stdout.decode("utf-8", "replace").splitlines():
        message = json.loads(line)
        found = [f for f in message["findings"] if f["filter"] == "rules" and "." not in f["name"]]
        yield os.path.basename(message["file"])[:-4], {f["name"] for f in found}, sum(f["score"] for f in found)


def main():
    if "--write" in sys.argv:
        return write(sys.argv[sys.argv.index("--write") + 1])
    with open(os.path.join(HERE, "sa-own.json"), encoding="ascii") as f:
        expected = json.load(f)
    bad, seen = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        write(folder)
        for name, hits, score in ours(folder):
            theirs = set(expected[name]["hits"])
            seen += 1
            if hits != theirs or abs(score - expected[name]["score"]) > 0.01:
                bad += 1
                print("%s: only ours %s, only theirs %s; scores %.2f, %.2f" %
                      (name, sorted(hits - theirs), sorted(theirs - hits), score, expected[name]["score"]))
    print("%d messages, %d hits, %d differ" % (seen, sum(len(e["hits"]) for e in expected.values()), bad))
    return 0 if seen == len(expected) and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
