"""Documents that are read in more than one way, or that hide what acts in them behind an encryption that asks for no
password. Rows as in document_cases.py; harmless, all of them."""
import base64
import struct
import zlib

from samples import ole, onenote, pdf, pdf_encrypted, program, zipped

# Made by qpdf: no user's password, and the script in a stream of objects.
PDF_RC4 = base64.b64decode(
    "JVBERi0xLjUKJb/3ov4KMSAwIG9iago8PCAvT3BlbkFjdGlvbiA0IDAgUiAvUGFnZXMgMyAwIFIgL1R5cGUgL0NhdGFsb2cgPj4KZW5kb2JqCjIgMCBvYmoK"
    "PDwgL1R5cGUgL09ialN0bSAvTGVuZ3RoIDg5IC9GaWx0ZXIgL0ZsYXRlRGVjb2RlIC9OIDIgL0ZpcnN0IDkgPj4Kc3RyZWFtCrGVx6sRrvtT1NKlNAX4zEHQ"
    "D0xzqJW3x6l9dV4qGkZctTkn/bhDeJ5nGqDeJFocTLdsWaCuwwAKZX3uboSxhKL88lNv6Jx3aOMxmB28jmtsGo7te4px92RMCmVuZHN0cmVhbQplbmRvYmoK"
    "NSAwIG9iago8PCAvRmlsdGVyIC9TdGFuZGFyZCAvTGVuZ3RoIDEyOCAvTyA8NTY2ZmE4NzNlZTMzYzc5N2NkM2I5MDRmZGFkZjgxNGFmYTM0ZGY5YTM4ZjZl"
    "ZDQxYjk4NGUyYzZkYTJhYTZmNT4gL1AgLTEwMjggL1IgMyAvVSA8OTVkZWYwOGYzNDM3ZTU1MjM2NjI4Y2M3Zjc4NmMwNTAwMTIyNDU2YTkxYmFlNTEzNDI3"
    "M2E2ZGIxMzRjODdjND4gL1YgMiA+PgplbmRvYmoKNiAwIG9iago8PCAvVHlwZSAvWFJlZiAvTGVuZ3RoIDM2IC9GaWx0ZXIgL0ZsYXRlRGVjb2RlIC9EZWNv"
    "ZGVQYXJtcyA8PCAvQ29sdW1ucyA0IC9QcmVkaWN0b3IgMTIgPj4gL1cgWyAxIDIgMSBdIC9Sb290IDEgMCBSIC9TaXplIDcgL0lEIFs8OGNkNGM1ZDgxNGM4"
    "Yjk3ZmU5ZGIwNjE1NGIzZDhjMDE+PDhjZDRjNWQ4MTRjOGI5N2ZlOWRiMDYxNTRiM2Q4YzAxPl0gL0VuY3J5cHQgNSAwIFIgPj4Kc3RyZWFtCnicY2IAAiZG"
    "Bn4GJgYGZxBrA4jFwMj0n5HnP5B1iQEAJW4D8QplbmRzdHJlYW0KZW5kb2JqCnN0YXJ0eHJlZgo0ODAKJSVFT0YK")
PDF_AES = base64.b64decode(
    "JVBERi0xLjYKJb/3ov4KMSAwIG9iago8PCAvT3BlbkFjdGlvbiA0IDAgUiAvUGFnZXMgMyAwIFIgL1R5cGUgL0NhdGFsb2cgPj4KZW5kb2JqCjIgMCBvYmoK"
    "PDwgL1R5cGUgL09ialN0bSAvTGVuZ3RoIDExMiAvRmlsdGVyIC9GbGF0ZURlY29kZSAvTiAyIC9GaXJzdCA5ID4+CnN0cmVhbQpH1Qe+iMDdsQnGLM3cv6uN"
    "CtcvlA5i2U6nKq6gn5BRxpWsvtsrZKAFuY9BO7sE1xBD+G0Juf68oXWM/ch5bGuU5O8PXtoeZx01HIDToIE+zfCaeCvYiob/6odYFdNE6q1A2PKjeoRIvEeW"
    "U1YotBfnCmVuZHN0cmVhbQplbmRvYmoKNSAwIG9iago8PCAvQ0YgPDwgL1N0ZENGIDw8IC9BdXRoRXZlbnQgL0RvY09wZW4gL0NGTSAvQUVTVjIgL0xlbmd0"
    "aCAxNiA+PiA+PiAvRmlsdGVyIC9TdGFuZGFyZCAvTGVuZ3RoIDEyOCAvTyA8NTY2ZmE4NzNlZTMzYzc5N2NkM2I5MDRmZGFkZjgxNGFmYTM0ZGY5YTM4ZjZl"
    "ZDQxYjk4NGUyYzZkYTJhYTZmNT4gL1AgLTEwMjggL1IgNCAvU3RtRiAvU3RkQ0YgL1N0ckYgL1N0ZENGIC9VIDw5NWRlZjA4ZjM0MzdlNTUyMzY2MjhjYzdm"
    "Nzg2YzA1MDAxMjI0NTZhOTFiYWU1MTM0MjczYTZkYjEzNGM4N2M0PiAvViA0ID4+CmVuZG9iago2IDAgb2JqCjw8IC9UeXBlIC9YUmVmIC9MZW5ndGggMzcg"
    "L0ZpbHRlciAvRmxhdGVEZWNvZGUgL0RlY29kZVBhcm1zIDw8IC9Db2x1bW5zIDQgL1ByZWRpY3RvciAxMiA+PiAvVyBbIDEgMiAxIF0gL1Jvb3QgMSAwIFIg"
    "L1NpemUgNyAvSUQgWzw4Y2Q0YzVkODE0YzhiOTdmZTlkYjA2MTU0YjNkOGMwMT48OGNkNGM1ZDgxNGM4Yjk3ZmU5ZGIwNjE1NGIzZDhjMDE+XSAvRW5jcnlw"
    "dCA1IDAgUiA+PgpzdHJlYW0KeJxjYgACJkYGfgYmBgZnEGsDiMXAyPSfUeU/EwOjHgMAJNEDZgplbmRzdHJlYW0KZW5kb2JqCnN0YXJ0eHJlZgo1OTYKJSVF"
    "T0YK")
PDF_AES_LONG = base64.b64decode(
    "JVBERi0xLjcKJb/3ov4KMSAwIG9iago8PCAvRXh0ZW5zaW9ucyA8PCAvQURCRSA8PCAvQmFzZVZlcnNpb24gLzEuNyAvRXh0ZW5zaW9uTGV2ZWwgOCA+PiA+"
    "PiAvT3BlbkFjdGlvbiA0IDAgUiAvUGFnZXMgMyAwIFIgL1R5cGUgL0NhdGFsb2cgPj4KZW5kb2JqCjIgMCBvYmoKPDwgL1R5cGUgL09ialN0bSAvTGVuZ3Ro"
    "IDExMiAvRmlsdGVyIC9GbGF0ZURlY29kZSAvTiAyIC9GaXJzdCA5ID4+CnN0cmVhbQqvbXxsMSZSIGXgCDXTqvqa27KmibKmNawCDh9ghCU66z7ZT9jcuH86"
    "5Gv2C+NnTysC2GMDCJetjxPN/xqXN3ap8PRHfVJSumyhfKSaw4c/H2njH8TvBTgD5X5N5dwKOGfSslJjrPOIpsN06kZ/No8rCmVuZHN0cmVhbQplbmRvYmoK"
    "NSAwIG9iago8PCAvQ0YgPDwgL1N0ZENGIDw8IC9BdXRoRXZlbnQgL0RvY09wZW4gL0NGTSAvQUVTVjMgL0xlbmd0aCAzMiA+PiA+PiAvRmlsdGVyIC9TdGFu"
    "ZGFyZCAvTGVuZ3RoIDI1NiAvTyA8N2UxM2MxMDkzMDgzNGM5YzYzYzRhNzVmOWVhMWZhYmQ3YzQ0ZmYxNWIxNzlkN2I3YjAwZmE0MjYxYTYwNTYzMWIwM2Ez"
    "ZTk3YWY0ZjM0MDY4YWVhNjk1OTgyNjMzNDRiPiAvT0UgPGMzZGRhYjg1OWE0ODYyMDQ2ZTk5NWRhZDUxN2YzZjBkMjdkZmU3OTE1MjdiM2E3YjAzZDJhMzU1"
    "OTZjMzJjM2I+IC9QIC0xMDI4IC9QZXJtcyA8MmE5NDBlZWM3ZjJiOGMyZDgzNTRjYWJjMzA3NzZlMjg+IC9SIDYgL1N0bUYgL1N0ZENGIC9TdHJGIC9TdGRD"
    "RiAvVSA8ZGZjZWNhZDY0NzM0NmViY2Q4M2I0NjcwNjM4ZThlMDdlMDNjZWRhMDMyNTA2ZGQ2NmM3NTZkYzg3YTk0MWQ3OWE3OWNhZWVkZTYyM2EyMTExNzkz"
    "MzA4NTA4NjAwNTFhPiAvVUUgPDFmNjhmNmZkMzg4NmVkZDVjMmY4YTg1MWJlNjQzYzk0MTE3M2E3ZmVlYjgzOWFiMzM2ZGQ5YjQ5NTliZDcyMTI+IC9WIDUg"
    "Pj4KZW5kb2JqCjYgMCBvYmoKPDwgL1R5cGUgL1hSZWYgL0xlbmd0aCAzNyAvRmlsdGVyIC9GbGF0ZURlY29kZSAvRGVjb2RlUGFybXMgPDwgL0NvbHVtbnMg"
    "NCAvUHJlZGljdG9yIDEyID4+IC9XIFsgMSAyIDEgXSAvUm9vdCAxIDAgUiAvU2l6ZSA3IC9JRCBbPDhjZDRjNWQ4MTRjOGI5N2ZlOWRiMDYxNTRiM2Q4YzAx"
    "Pjw4Y2Q0YzVkODE0YzhiOTdmZTlkYjA2MTU0YjNkOGMwMT5dIC9FbmNyeXB0IDUgMCBSID4+CnN0cmVhbQp4nGNiAAImRgZ+BiYGhlYQKw/EYmBk+s+Y9p+J"
    "gUmNAQAn3AOhCmVuZHN0cmVhbQplbmRvYmoKc3RhcnR4cmVmCjkxMAolJUVPRgo=")
SCRIPT = b"1 0 <</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>"
PACKED = zlib.compress(SCRIPT)
OBJECTS = b"/Type/ObjStm/N 1/First 4"


def file_of(dictionary, data, before=b"", behind=b"", line=b"\n"):
    return b"%PDF-1.7\n" + before + b"9 0 obj\n<<" + dictionary + b">>\nstream" + line + data + b"\nendstream\nendobj\n" + behind + \
        b"trailer<</Root 1 0 R>>\n%%EOF"


def predicted(data, columns, mark):
    """Each row changed by the same mark: 0 none, 1 left, 2 up, 3 their mean, 4 the nearest of three."""
    data, out, above = data.ljust(-(-len(data) // columns) * columns), b"", bytes(columns)
    for at in range(0, len(data), columns):
        row, changed = data[at:at + columns], bytearray()
        for i in range(columns):
            left, up, corner = row[i - 1] if i else 0, above[i], above[i - 1] if i else 0
            near = left + up - corner
            paeth = min((abs(near - left), 0, left), (abs(near - up), 1, up), (abs(near - corner), 2, corner))[2]
            changed.append((row[i] - (0, left, up, (left + up) // 2, paeth)[mark]) & 255)
        out, above = out + bytes([mark]) + changed, row
    return zlib.compress(out)


def differences(data, columns):
    data = data.ljust(-(-len(data) // columns) * columns)
    return zlib.compress(bytes((c - (data[i - 1] if i % columns else 0)) & 255 for i, c in enumerate(data)))


def streams():
    flate, stored = OBJECTS + b"/Filter/FlateDecode", zlib.compress(b"%endstream\n" + SCRIPT, 0)
    length = b"/Length %d" % len(stored)

    def parameters(text, data):
        return file_of(flate + b"/DecodeParms" + text, data)
    return [
        ("a filter's name in hexadecimal", file_of(OBJECTS + b"/F#69lter/FlateDecode", PACKED)),
        ("a filter elsewhere", file_of(OBJECTS + b"/Filter 7 0 R", PACKED, b"7 0 obj\n[/FlateDecode]\nendobj\n")),
        ("a filter elsewhere in a list", file_of(OBJECTS + b"/Filter[/AHx 7 0 R]", PACKED.hex().encode() + b">", b"7 0 obj\n/FlateDecode\nendobj\n")),
        ("a comment before the filter", file_of(OBJECTS + b"/Filter%x\n/FlateDecode", PACKED)),
        ("an object in a name", file_of(flate + b"/Z/obj", PACKED)),
        ("an object in a string", file_of(flate + b"/Z(1 0 obj)", PACKED)),
        ("an object in a comment", file_of(OBJECTS + b"/Filter/ASCIIHexDecode%1 0 obj\n", PACKED.hex().encode() + b">")),
        ("a long dictionary", file_of(flate + b"%" + b"x" * 70000 + b"\n", PACKED)),
        ("an end in the stream", file_of(flate + length, stored)),
        ("an end in the stream, its length elsewhere", file_of(flate + b"/Length 5 0 R", stored, b"5 0 obj %d endobj\n" % len(stored))),
        ("a length that is wrong", file_of(flate + b"/Length 3", PACKED)),
        ("a stream in a string before", file_of(flate, PACKED, b"3 0 obj<</X(<</Type/ObjStm>>stream\n)>>endobj\n")),
        ("a blank behind the word", file_of(flate, PACKED, line=b" \n")),
        ("seven filters", file_of(OBJECTS + b"/Filter[" + b"/FlateDecode" * 3 + b"/AHx" * 3 + b"/FlateDecode]", zlib.compress(zlib.compress(
            zlib.compress(b">".join([b">".join([PACKED.hex().encode(), b""]).hex().encode(), b""]).hex().encode() + b">"))))),
        *((f"rows, mark {mark}", parameters(b"<</Predictor 15/Columns 7>>", predicted(SCRIPT, 7, mark))) for mark in range(5)),
        ("long rows", parameters(b"<</Predictor 15/Columns 9000>>", predicted(SCRIPT, 9000, 2))),
        ("differences", parameters(b"<</Predictor 2/Columns 7>>", differences(SCRIPT, 7))),
        ("rows, parameters in a list", file_of(OBJECTS + b"/Filter[/AHx/FlateDecode]/DecodeParms[null<</Predictor 15/Columns 7>>]",
                                               predicted(SCRIPT, 7, 4).hex().encode() + b">")),
        ("rows, then hexadecimal", file_of(OBJECTS + b"/Filter[/FlateDecode/AHx]/DecodeParms[<</Predictor 15/Columns 7>>null]",
                                           predicted(SCRIPT.hex().encode() + b">", 7, 2))),
        ("a header of PostScript", b"%!PS-Adobe-3.0 PDF-1.4\n" + file_of(flate, PACKED)[9:]),
        ("encrypted by RC4, for all to read", PDF_RC4), ("encrypted by AES, for all to read", PDF_AES),
        ("encrypted by AES with a long key, for all to read", PDF_AES_LONG),
    ]


def files():
    def named(spec):
        return b"%PDF-1.7\n1 0 obj\n<</Type/Filespec/F(a.txt)" + spec + b">>\nendobj\n7 0 obj\n<</Filter/FlateDecode>>stream\n" + \
            zlib.compress(program()) + b"\nendstream\nendobj\n8 0 obj<</F 7 0 R>>endobj\n"
    return [("a new line", named(b"/EF<</F\n7 0 R>>")), ("hexadecimal", named(b"/E#46<</UF 7 0 R>>")), ("elsewhere", named(b"/EF 8 0 R")),
            ("blanks and comments", named(b"/EF%x\n" + b" " * 300 + b"<</Unix%y\n 7 0 R>>"))]


MADE = ("var b=new Blob([Uint8Array.from(atob('UEsDBAAAAAAAAAAAAAAAAAAA'),c=>c.charCodeAt(0))]);a.href=URL.createObjectURL(b);"
        "a.download='x.zip'")
PAGE = f"<script>{MADE}</script>"
ZIP_LINK = "data:application/zip;base64,UEsDBAAAAAAAAAAAAAAAAAAAAAAA"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def percent(text):
    return "".join(f"%{ord(c):02x}" for c in text)


def pages():
    codes, svg = ",".join(str(ord(c)) for c in MADE), f"<svg xmlns='http://www.w3.org/2000/svg'>{PAGE}</svg>"
    made, saved, script, none = {"script", "smuggling"}, {"smuggling"}, {"script"}, set()
    rows = [
        ("a picture in base64", f'<body><embed src="data:image/svg+xml;base64,{encoded(svg)}">', made),
        ("a page in base64 without quotes", f"<iframe src=data:text/html;base64,{encoded(PAGE)}>", made),
        ("a page in entities", f'<iframe srcdoc="{"".join(f"&#{ord(c)};" for c in PAGE)}">', made),
        ("a page in long entities", f'<iframe srcdoc="{"".join(f"&#x00000000000{ord(c):x};" for c in PAGE)}">', made),
        ("a scheme in entities without ends", '<a href="&#106avascript&#58x()">x</a>', script),
        ("an event in entities", f'<body onload="{"".join(f"&#{ord(c)};" for c in MADE)}">', made),
        ("base64 in base64", f"<script>eval(atob(atob('{encoded(encoded(MADE))}')))</script>", made),
        ("percent signs in base64", f"<script>document.write(unescape(atob('{encoded(percent(MADE))}')))</script>", made),
        ("codes", f"<script>eval(String.fromCharCode({codes}))</script>", made),
        ("codes in a list", f"<script>eval([{codes}].map(c=>String.fromCharCode(c)).join(''))</script>", made),
        ("octal", "<script>window['\\141tob'];URL['cre\\141teObjectURL'](new window['\\102lob']([1]))</script>", made),
        ("braces", "<script>window['\\u{61}tob'](1);URL['cr\\u{65}ateObjectURL'](new window['Bl\\u{6f}b']([1]))</script>", made),
        ("joined by a call", "<script>window['at'.concat('ob')](1);URL['createObj'.concat('ectURL')](new window['Bl'.concat('ob')](1))</script>", made),
        ("comments between", "<script>window['at'/*x*/+/**/'ob'](1);URL['create'/*x*/+'ObjectURL'](new window['Bl'/*y*/+'ob'](1))</script>", made),
        ("a refresh", f'<meta http-equiv=refresh content="0;url={ZIP_LINK}">', saved),
        ("a link with blanks", f'<a href = "{ZIP_LINK}" download = x.zip>x</a>', saved),
        ("a link over lines", f'<a\ndownload\nhref="{ZIP_LINK}">x</a>', saved),
        ("a link in entities", f'<a download=x href="d&#97;ta:{ZIP_LINK[5:]}">x</a>', saved),
        ("a picture and a link", f'<img src="{ZIP_LINK}"><a download href="x.pdf">x</a>', none),
        ("a scheme in entities", '<a href="java&#115;cript:x()">x</a>', script), ("a scheme with a tab", '<a href="java&Tab;script:x()">x</a>', script),
        ("a scheme over lines", '<a href="java\nscript:x()">x</a>', script), ("a scheme that is none", '<a href="java script.html">x</a>', none),
    ]
    rows = [(f"page: {what}", "a.html", b"<html>" + text.encode(), wanted) for what, text, wanted in rows]
    prolog = f'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "y"><!-- {"x" * 3000} -->'
    far = ("some text " * 8000 + "<html>" + PAGE).encode()
    return rows + [
        ("page behind text", "a.html", far, made), ("text that shows a page", "a.txt", far, none),
        ("page behind other octets", "a.htm", bytes(range(256)) * 20 + PAGE.encode(), made),
        ("page that begins with a picture", "a.html", f'<img src=x onerror="{MADE}">'.encode(), made),
        ("picture behind a prolog", "a.svg", (prolog + svg).encode(), made),
        ("picture with a prefix", "a.svg", b'<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg"><s:script>%s</s:script></s:svg>' % MADE.encode(),
         made),
        ("picture, its script in entities", "a.svg", ("<svg><script>" + "".join(f"&#{ord(c)};" for c in MADE) + "</script></svg>").encode(), made),
    ]


def mail_of(fields, body):
    return b"From: a@example.com\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=qq\n\n--qq\n\nhello\n--qq\n" + fields + b"\n\n" + body + \
        b"\n--qq--\n"


def parts():
    script, both, b64 = b"WScript.Echo(1)", {"program", "script"}, b"\nContent-Transfer-Encoding: base64"
    name, body = b"Content-Disposition: attachment; ", base64.encodebytes(script)
    rows = [
        ("a name in percent signs", mail_of(name + b"filename*=utf-8''a%2Ejs" + b64, body), both),
        ("a name in pieces", mail_of(name + b'filename*1=js; filename*0="a."' + b64, body), both),
        ("a name in pieces and percent signs", mail_of(name + b"filename*0*=utf-8'en'a%2E; filename*1=js" + b64, body), both),
        ("a name in a word", mail_of(name + b'filename="=?utf-8?Q?a=2E?= =?utf-8?B?anM=?="' + b64, body), both),
        ("a name on the next line", mail_of(name + b"filename=\n  a.js" + b64, body), both),
        ("a second name", mail_of(name + b"filename=a.txt\nContent-Type: text/plain; name=a.js" + b64, body), both),
        ("no encoding", mail_of(b"Content-Type: text/plain; name=a.js", script), both),
        ("a page without encoding", mail_of(b"Content-Type: text/html", b"<html>" + PAGE.encode()), {"script", "smuggling"}),
        ("a comment in the encoding", mail_of(b"Content-Transfer-Encoding: (x) base64", base64.encodebytes(program())), {"program"}),
        ("other octets in base64", mail_of(b"Content-Transfer-Encoding: base64", b"!T#V q" + base64.encodebytes(program())[3:]), {"program"}),
        ("names that are none", mail_of(b"Content-Type: text/plain; rename=a.txt; name", b"hello"), set()),
    ]
    return [(f"mail, {what}", "a.eml", data, wanted) for what, data, wanted in rows]


def outlook():
    def attached(field, name):
        return ole({"__properties_version1.0": bytes(32), "__attach_version1.0_#00000000/__substg1.0_37010102": b"x",
                    "__attach_version1.0_#00000000/" + field: name})
    both, wide = {"program", "script"}, "b.wsf\0".encode("utf-16-le")
    return [
        ("msg, a short name", "a.msg", attached("__substg1.0_3704001F", "a.js".encode("utf-16-le")), both),
        ("msg, only a shown name", "a.msg", attached("__substg1.0_3001001E", b"a.js"), both),
        ("msg, a name with a dot of full width", "a.msg", attached("__substg1.0_3707001F", "a\uff0ejs".encode("utf-16-le")), both),
        ("notebook with a script's name", "a.one", onenote(b"x") + struct.pack("<I", len(wide)) + wide + bytes(9), both | {"embedded-object"}),
        ("notebook with an address", "a.one", onenote(b"x") + "see www.example.com. or a.js".encode("utf-16-le") + bytes(9), {"embedded-object"}),
        ("table behind other octets", "a.csv", b"\0\1\2" * 30 + b"\n=cmd|'/C calc'!A0\n", {"dde"}),
        ("table in wide letters without a mark", "a.csv", "a;b;c;d\n=cmd|'/C calc'!A0\n".encode("utf-16-le"), {"dde"}),
        ("table with a long topic", "a.csv", b"=cmd|'/C " + b"x" * 900 + b"'!A0\n", {"dde"}),
        ("table with a function", "a.csv", b'=DDE ("cmd";"/C calc";"x")\n', {"dde"}),
        ("octets like a call", "a.bin", b"=cmd|'\0/C calc'!A0", set()),
        ("sheet that hardly says so", "a.slk", b"ID;X\nC;X1;Y1;Ecmd|'/c calc'!A0\nE\n", both | {"dde"}),
        ("table with a column ID", "a.csv", b"ID;Name;O;E\nO;x;y\n1;C;E\n", set()),
    ]


def many(before):
    """So many that open without a password, then one with a script: fifty are tried."""
    return zipped(*((f"{i}.pdf", pdf_encrypted(b"", 3)) for i in range(before)), ("last.pdf", PDF_RC4))


def cases():
    return [(f"pdf, {what}", "a.pdf", data, {"script"}) for what, data in streams()] + [
        (f"pdf, a file named by {what}", "a.pdf", data, {"embedded-object", "program"}) for what, data in files()] + [
        ("pdf that only says that it is encrypted", "a.pdf", file_of(OBJECTS + b"/Filter/FlateDecode", PACKED, behind=b"%/Encrypt 99 0 R\n"),
         {"script", "encrypted"}),
        ("pdf, a form in wide letters", "a.pdf", pdf((b"/AcroForm<</XFA 2 0 R>>", None), (b"/Filter/FlateDecode", zlib.compress(
            "\ufeff<xdp><script>x</script></xdp>".encode("utf-16-le")))), {"script"}),
        ("the fiftieth pdf without a password", "a.zip", many(49), {"script"}),
        ("the one behind it", "a.zip", many(50), {"encrypted"}),
    ] + pages() + parts() + outlook()
