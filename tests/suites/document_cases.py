"""Documents of our own making, each with the facts that it must give: all of them, and no other of EXACT."""
import base64
import bz2
import gzip
import struct
import zlib

from samples import (activemime, arj, biff, fields, nested, odf, ole, ole10native, onenote, ooxml, package, pdf, pdf_encrypted, program, relations,
                     rtf_object, tarred, word_document, zipped)

EXACT = {"macro", "dde", "external-link", "encrypted", "embedded-object", "script", "smuggling", "pdf-launch", "program", "shortcut",
         "disk-image", "path-traversal", "broken", "limit", "type-mismatch"}

VBA = {"VBA/dir": b"x" * 100, "VBA/Module1": b"\1\0\xb0\0Attribut\0e VB_Name", "PROJECT": b"ID"}
WORD = "word/document.xml"


def wide(data):
    return b"\xff\xfe" + data.decode().encode("utf-16-le")


def word():
    """Documents of Word as packages."""
    def rels(*args, **more):
        return ooxml(WORD, ("word/_rels/document.xml.rels", relations(*args, **more)))
    http = "http://evil.example/t.dotm"
    return [
        ("a clean document", "a.docx", ooxml(WORD), set()),
        ("hyperlink", "a.docx", rels("hyperlink", http), set()),
        ("internal image", "a.docx", rels("image", "media/image1.png", mode=None), set()),
        ("template", "a.docx", rels("attachedTemplate", http), {"external-link"}),
        ("template, strict", "a.docx", rels("attachedTemplate", http, strict=True), {"external-link"}),
        ("template, single quotes", "a.docx", rels("attachedTemplate", http, quote="'"), {"external-link"}),
        ("template, prefixed", "a.docx", rels("attachedTemplate", http, prefix="p:"), {"external-link"}),
        ("template, mode in capitals", "a.docx", rels("attachedTemplate", http, mode="EXTERNAL"), {"external-link"}),
        ("template, UTF-16", "a.docx", ooxml(WORD, ("word/_rels/document.xml.rels", wide(relations("attachedTemplate", http)))),
         {"external-link"}),
        ("object from elsewhere", "a.docx", rels("oleObject", "mhtml:http://e.example/x!x"), {"external-link"}),
        ("msdt", "a.docx", rels("hyperlink", "ms-msdt:/id PCWDiagnostic"), {"external-link"}),
        ("remote picture", "a.docx", rels("image", "http://t.example/p.png"), {"external-link"}),
        ("macros", "a.docm", ooxml(WORD, ("word/vbaProject.bin", ole(VBA))), {"macro"}),
        ("macros under another name", "a.docm", ooxml(WORD, ("word/x.bin", ole(VBA)),
                                                      ("word/_rels/document.xml.rels", relations("vbaProject", "x.bin", None))),
         {"macro"}),
        ("macros in a docx", "a.docx", ooxml(WORD, ("word/vbaProject.bin", ole(VBA))), {"macro"}),
        ("DDE", "a.docx", ooxml(WORD, content=fields("DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe &quot;/k calc&quot;")), {"dde"}),
        ("DDE over runs", "a.docx", ooxml(WORD, content=fields("D", "DE", "AUT", "O c:\\\\x.exe")), {"dde"}),
        ("DDE by entities", "a.docx", ooxml(WORD, content=fields("&#68;&#x44;E c:\\\\x.exe")), {"dde"}),
        ("DDE by QUOTE", "a.docx", ooxml(WORD, content=fields("QUOTE 68 68 69 65 85 84 79 32 99")), {"dde"}),
        ("DDE, quoted", "a.docx", ooxml(WORD, content=fields(' "DDEAUTO" x y')), {"dde"}),
        ("DDE, simple field", "a.docx", ooxml(WORD, content=b"<w:document><w:fldSimple w:instr=' DDE cmd x'/></w:document>"), {"dde"}),
        ("DDE in a header", "a.docx", ooxml(WORD, ("word/header1.xml", fields("DDE cmd x"))), {"dde"}),
        ("DDE, UTF-16", "a.docx", ooxml(WORD, content=wide(fields("DDE cmd x"))), {"dde"}),
        ("harmless fields", "a.docx", ooxml(WORD, content=fields("MERGEFIELD address \\* added hidden")), set()),
        ("words in text", "a.docx", ooxml(WORD, content=b"<w:document><w:t>DDEAUTO and instrText</w:t></w:document>"), set()),
        ("INCLUDEPICTURE", "a.docx", ooxml(WORD, content=fields('INCLUDEPICTURE "http://t.example/x.png" \\d')), {"external-link"}),
        ("local INCLUDEPICTURE", "a.docx", ooxml(WORD, content=fields('INCLUDEPICTURE "x.png"')), set()),
        ("LINK", "a.docx", ooxml(WORD, content=fields('LINK htmlfile "http://x" \\a')), {"external-link"}),
        ("object", "a.docx", ooxml(WORD, ("word/embeddings/oleObject1.bin", ole({"\1Ole10Native": ole10native("a.txt", b"text")}))),
         {"embedded-object"}),
        ("program as object", "a.docx",
         ooxml(WORD, ("word/embeddings/oleObject1.bin", ole({"\1Ole10Native": ole10native("a.exe", program())}))),
         {"embedded-object", "program"}),
        ("program as part", "a.docx", ooxml(WORD, ("word/a.exe", program())), {"program"}),
        ("encrypted", "a.docx", ole({"EncryptedPackage": b"x" * 5000, "EncryptionInfo": b"y" * 200}), {"encrypted"}),
        ("flat package with macros", "a.xml", b'<?xml version="1.0"?><pkg:package><pkg:part pkg:name="/word/vbaProject.bin">'
         b"</pkg:part></pkg:package>", {"macro"}),
        ("Word 2003 with macros", "a.xml", b'<?xml version="1.0"?><w:wordDocument w:macrosPresent="yes"><w:docSuppData><w:binData '
         b'w:name="editdata.mso">QWN0</w:binData></w:docSuppData></w:wordDocument>', {"macro"}),
        ("Word 2003 with DDE", "a.xml", b'<?xml version="1.0"?><w:wordDocument>' + fields("DDEAUTO", " c:\\\\x") + b"</w:wordDocument>",
         {"dde"}),
        ("Word 2003 with a template", "a.xml", b'<?xml version="1.0"?><w:wordDocument><w:docPr><w:attachedTemplate '
         b'w:val="http://e.example/x.dot"/></w:docPr></w:wordDocument>', {"external-link"}),
        ("Word 2003 with the usual template", "a.xml", b'<?xml version="1.0"?><w:wordDocument><w:attachedTemplate '
         b'w:val="C:\\Normal.dot"/></w:wordDocument>', set()),
        ("other XML", "pom.xml", b'<?xml version="1.0"?><project><modules><module>a</module></modules><plugin/><part name="x"/>'
         b"<cell/></project>", set()),
    ]


def sheets():
    book, dde_bin = "xl/workbook.xml", b"\xe8\x02\x0a" + struct.pack("<H", 1) + bytes(8)
    bof, boundsheet = struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0), struct.pack("<IBBBB", 0, 0, 0, 1, 0) + b"a"

    def supbook(path):
        return struct.pack("<HHB", 0, len(path), 0) + path
    return [
        ("clean workbook", "a.xlsx", ooxml(book), set()),
        ("Excel 4 macros", "a.xlsm", ooxml(book, ("xl/macrosheets/sheet1.xml", b"<x/>")), {"macro"}),
        ("Excel 4 macros elsewhere", "a.xlsm", ooxml(book, ("xl/worksheets/s.xml", b"<x/>"),
                                                     ("xl/_rels/workbook.xml.rels", relations("xlMacrosheet", "worksheets/s.xml", None))),
         {"macro"}),
        ("add-in", "a.xlam", ooxml(book, ("xl/vbaProject.bin", ole(VBA))), {"macro"}),
        ("DDE link", "a.xlsx", ooxml(book, ("xl/externalLinks/externalLink1.xml", b'<externalLink><ddeLink ddeService="cmd" '
                                                                                  b'ddeTopic="/c calc"/></externalLink>')), {"dde"}),
        ("DDE link, binary", "a.xlsb", ooxml("xl/workbook.bin", ("xl/externalLinks/externalLink1.bin", dde_bin)), {"dde"}),
        ("other workbook", "a.xlsx", ooxml(book, ("xl/externalLinks/_rels/externalLink1.xml.rels",
                                                  relations("externalLinkPath", "file:///c:/b.xlsx"))), {"external-link"}),
        ("web query", "a.xlsx", ooxml(book, ("xl/connections.xml", b'<connections><connection><webPr url="http://e.example/q"/>'
                                                                   b"</connection></connections>")), {"external-link"}),
        ("xls", "a.xls", ole({"Workbook": biff((0x809, bof), (0x85, boundsheet))}), set()),
        ("xls with macros", "a.xls", ole({"Workbook": biff((0x809, bof)), **{f"_VBA_PROJECT_CUR/{k}": v for k, v in VBA.items()}}),
         {"macro"}),
        ("xls, Excel 4", "a.xls", ole({"Workbook": biff((0x809, bof), (0x85, struct.pack("<IBBBB", 0, 2, 1, 1, 0) + b"m"))}), {"macro"}),
        ("xls, Excel 4 by its sheet only", "a.xls",
         ole({"Workbook": biff((0x809, bof), (0x0a, b""), (0x809, struct.pack("<HHHHII", 0x600, 0x40, 0, 0, 0, 0)))}), {"macro"}),
        ("Excel 4 file", "a.xls", struct.pack("<HHHHH", 0x409, 6, 0, 0x40, 0) + bytes(20), {"macro"}),
        ("xls with DDE", "a.xls", ole({"Workbook": biff((0x809, bof), (0x1ae, supbook(b"cmd\3/c calc")), (0x23, b"\0\0\0\0\0\0\2\0A0"))}),
         {"dde"}),
        ("xls with an OLE link", "a.xls",
         ole({"Workbook": biff((0x809, bof), (0x1ae, supbook(b"Word.Document\3C:\\a.doc")), (0x23, b"\x10\0\0\0\0\0\2\0A0"))}),
         {"external-link"}),
        ("xls with another workbook", "a.xls", ole({"Workbook": biff((0x809, bof), (0x1ae, supbook(b"\1http://e.example/b.xls")))}),
         {"external-link"}),
        ("xls with itself", "a.xls", ole({"Workbook": biff((0x809, bof), (0x1ae, struct.pack("<HH", 1, 0x401)))}), set()),
        ("xls with a password", "a.xls", ole({"Workbook": biff((0x809, bof), (0x2f, bytes(54)))}), {"encrypted"}),
        ("Excel 2003 with DDE", "a.xml", b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><Cell '
         b"ss:Formula=\"=cmd|'/c calc.exe'!A1\"/></Workbook>", {"dde"}),
        ("CSV with DDE", "a.csv", b"a,b\n1,\"=cmd|'/C calc'!A0\"\n", {"dde"}),
        ("CSV with DDE, plus", "a.csv", b"+cmd|'/C calc'!A0\n".rjust(30), {"dde"}),
        ("CSV, UTF-16", "a.csv", wide(b"a\n=cmd|'/C calc'!A0\n"), {"dde"}),
        ("CSV with bars", "a.csv", b"a|b|c\n1|'2'|3\nwhat! a|'x\n", set()),
        ("SYLK", "a.slk", b"ID;PWXL;N;E\nO;L;D;V0;K47;G100 0.001\nC;Y1;X1;K1\nE\n", {"program", "script"}),
        ("SYLK with macros", "a.slk", b"ID;P\nO;E\nNN;NAuto_open;ER1C1;KOut Flank;F\nC;X1;Y1;K0;EEXEC(\"calc\")\nE\n",
         {"macro", "program", "script"}),
        ("SYLK with DDE", "a.slk", b"ID;P\nC;X1;Y1;Ecmd|'/c calc'!A0\nE\n", {"dde", "program", "script"}),
    ]


def compound():
    vba = {f"Macros/{k}": v for k, v in VBA.items()}
    template = b"\xff\xff\2\0\0\0" + b"\0\0" + struct.pack("<H", 20) + "http://e.example/x.d".encode("utf-16-le")
    fib = bytearray(word_document())
    fib[0x19a:0x1a2] = struct.pack("<II", 64, len(template))
    macros = ole({"WordDocument": word_document(), **vba})
    vba_info = struct.pack("<HHI", 2, 0x400, 12) + struct.pack("<III", 1, 1, 2)
    stored = ole({"\1Ole10Native": ole10native("a.exe", program())})
    stored = struct.pack("<HHI", 0x10, 0x1011, 4 + len(zlib.compress(stored))) + struct.pack("<I", len(stored)) + zlib.compress(stored)
    return [
        ("doc", "a.doc", ole({"WordDocument": word_document(b"text")}), set()),
        ("doc with macros", "a.doc", macros, {"macro"}),
        ("doc with a damaged FAT", "a.doc", ole({"WordDocument": word_document(), **vba}, broken_fat=True), {"macro"}),
        ("doc, no header sizes", "a.doc", macros[:30] + b"\0\0\0\0" + macros[34:], {"macro"}),
        ("doc with macros, renamed", "a.doc", ole({"WordDocument": word_document(), "x/y": b"\1\0\xb0\0Attribut\0e VB_Name"}), {"macro"}),
        ("doc with DDE", "a.doc", ole({"WordDocument": word_document(b"\x13 DDEAUTO c:\\\\x.exe \x14 \x15")}), {"dde"}),
        ("doc with DDE, wide", "a.doc", ole({"WordDocument": word_document("\x13 DDE c:\\\\x.exe\x14".encode("utf-16-le"))}), {"dde"}),
        ("doc with a link", "a.doc", ole({"WordDocument": word_document(b'\x13 HYPERLINK "http://x" \x14 added \x15')}), set()),
        ("doc with a password", "a.doc", ole({"WordDocument": word_document(encrypted=True)}), {"encrypted"}),
        ("doc with a template", "a.doc", ole({"WordDocument": bytes(fib), "0Table": bytes(64) + template}), {"external-link"}),
        ("doc with a program", "a.doc", ole({"WordDocument": word_document(), "ObjectPool/_1/\1Ole10Native":
                                             ole10native("a.exe", program())}), {"embedded-object", "program"}),
        ("doc with a shortcut", "a.doc", ole({"WordDocument": word_document(), "ObjectPool/_1/\1Ole10Native":
                                              ole10native("a.lnk", b"L\0\0\0\1\x14\2\0" + bytes(70))}),
         {"embedded-object", "program", "shortcut"}),
        ("doc with a linked object", "a.doc", ole({"WordDocument": word_document(), "ObjectPool/_1/\1Ole":
                                                   struct.pack("<II", 0x2000001, 1) + bytes(40)}), {"embedded-object", "external-link"}),
        ("doc with an equation", "a.doc", ole({"WordDocument": word_document(), "ObjectPool/_1/Equation Native": bytes(60)}),
         {"embedded-object"}),
        ("ppt", "a.ppt", ole({"PowerPoint Document": struct.pack("<HHI", 15, 0x3e8, 0)}), set()),
        ("ppt with macros", "a.ppt", ole({"PowerPoint Document": struct.pack("<HHI", 15, 0x3ff, len(vba_info)) + vba_info}), {"macro"}),
        ("ppt with a program", "a.ppt", ole({"PowerPoint Document": struct.pack("<HHI", 15, 0xfcc, 0) + stored}),
         {"embedded-object", "program"}),
        ("ppt with a password", "a.ppt", ole({"PowerPoint Document": bytes(16), "Current User":
                                              struct.pack("<HHIII", 0, 0xff6, 20, 20, 0xf3d1c4df)}), {"encrypted"}),
        ("msg with a program", "a.msg", ole({"__properties_version1.0": bytes(32), "__attach_version1.0_#00000000/__substg1.0_37010102":
                                             program(), "__attach_version1.0_#00000000/__substg1.0_3707001F":
                                             "invoice.pdf.exe".encode("utf-16-le")}), {"program"}),
        ("msi", "a.msi", ole({"x": b"y"}, clsid=bytes.fromhex("84100c0000000000c000000000000046")), {"program"}),
        ("OLE head only", "a.doc", ole({"WordDocument": word_document()})[:512], {"broken"}),
    ]


def rich_text():
    data = package("a.exe", program())
    url = bytes.fromhex("e0c9ea79f9bace118c8200aa004ba90b")
    return [
        ("rtf", "a.rtf", b"{\\rtf1 hello}", set()),
        ("rtf with a program", "a.rtf", rtf_object(data), {"embedded-object", "program"}),
        ("rtf, digits apart", "a.rtf", rtf_object(data, lambda h: b"\n\t ".join(h[i:i + 1] for i in range(len(h)))),
         {"embedded-object", "program"}),
        ("rtf, words between", "a.rtf", rtf_object(data, lambda h: h[:40] + b"{\\*\\x}\\par \\'61" + h[40:]), {"embedded-object", "program"}),
        ("rtf, a number behind the word", "a.rtf", rtf_object(data).replace(b"objdata ", b"objdata0 "), {"embedded-object", "program"}),
        ("rtf, a negative number behind the word", "a.rtf", rtf_object(data).replace(b"objdata ", b"objdata-77\n"), {"embedded-object", "program"}),
        ("rtf, a long word between", "a.rtf", rtf_object(data, lambda h: h[:41] + b"\\" + b"a" * 255 + b" " + h[41:]),
         {"embedded-object", "program"}),
        ("rtf, digits to be ignored between", "a.rtf", rtf_object(data, lambda h: h[:40] + b"{\\*\\x 0a1{b}2}" + h[40:]), {"embedded-object", "program"}),
        ("rtf, octets to be ignored between", "a.rtf", rtf_object(data, lambda h: h[:40] + b"{\\*\\x\\bin3 abc}" + h[40:]), {"embedded-object", "program"}),
        ("rtf, digits in groups that are known", "a.rtf", rtf_object(data, lambda h: h[:40] + b"{" + h[40:60] + b"}{\\b " + h[60:] + b"}"),
         {"embedded-object", "program"}),
        ("rtf, binary", "a.rtf", rtf_object(data, lambda h: b"\\bin%d " % (len(h) // 2) + bytes.fromhex(h.decode())),
         {"embedded-object", "program"}),
        ("rtf, short head", "a.doc", b"{\\rt" + rtf_object(data)[6:], {"embedded-object", "program"}),
        ("rtf without end", "a.rtf", rtf_object(data)[:-3], {"embedded-object", "program"}),
        ("rtf, web link", "a.rtf", rtf_object(url + bytes(40)), {"embedded-object", "external-link"}),
        ("rtf, linked object", "a.rtf", b"{\\rtf1{\\object\\objautlink\\objupdate{\\*\\objclass Word.Document.8}}}",
         {"embedded-object", "external-link"}),
        ("rtf with DDE", "a.rtf", b"{\\rtf1{\\field{\\*\\fldinst DDEAUTO c:\\\\\\\\x.exe}}}", {"dde"}),
        ("rtf with DDE over runs", "a.rtf", b"{\\rtf1{\\field{\\*\\fldinst {\\rtlch D}{\\b D}\n{\\'45AUTO x}}{\\fldrslt y}}}", {"dde"}),
        ("rtf with a field", "a.rtf", b'{\\rtf1{\\field{\\*\\fldinst HYPERLINK "http://x"}{\\fldrslt added}}}', set()),
        ("rtf with a template", "a.rtf", b"{\\rtf1{\\*\\template http://e.example/x.dotm}}", {"external-link"}),
        ("rtf with a template in characters", "a.rtf", b"{\\rtf1{\\*\\template \\'68ttp:\\'2f/e.example/x}}", {"external-link"}),
        ("rtf with the usual template", "a.rtf", b"{\\rtf1{\\*\\template C:\\\\Normal.dotm}}", set()),
    ]


def open_documents():
    secret = b"<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>"
    return [
        ("odt", "a.odt", odf(), set()),
        ("odt with Basic", "a.odt", odf(("Basic/Standard/Module1.xml", b"<script:module/>")), {"macro"}),
        ("odt with Python", "a.odt", odf(("Scripts/python/x.py", b"import os")), {"macro", "program", "script"}),
        ("odt with an event", "a.odt", odf(content=b'<office:d><script:event-listener xlink:href="vnd.sun.star.script:a.py$x"/></office:d>'),
         {"macro"}),
        ("odt with a password", "a.odt", odf(manifest=secret), {"encrypted"}),
        ("odt with DDE", "a.odt", odf(content=b'<office:d><text:dde-connection-decl office:dde-application="cmd"/></office:d>'), {"dde"}),
        ("odt with a section from elsewhere", "a.odt",
         odf(content=b'<office:d><text:section-source xlink:href="http://e.example/x"/></office:d>'), {"external-link"}),
        ("odt with an object", "a.odt", odf(("Object 1/content.xml", b"<x/>")), {"embedded-object"}),
        ("flat with Basic", "a.fodt", b'<?xml version="1.0"?><office:document><script:module script:name="M" '
         b'script:language="StarBasic">x</script:module></office:document>', {"macro"}),
    ]


def portable():
    js = b"/S/JavaScript/JS(app.alert(1))"
    objects = zlib.compress(b"1 0 <</Type/Catalog/OpenAction<<" + js + b">>>>")
    hexed = objects.hex().encode() + b">"
    attached = (b"/Type/EmbeddedFile/Filter/FlateDecode", zlib.compress(program()))
    return [
        ("pdf", "a.pdf", pdf((b"/Type/Catalog", None)), set()),
        ("pdf with script", "a.pdf", pdf((b"/OpenAction<<" + js + b">>", None)), {"script"}),
        ("pdf with script in other letters", "a.pdf", pdf((b"/OpenAction<</S/J#61vaScript>>", None)), {"script"}),
        ("pdf with script in a stream", "a.pdf", pdf((b"/Type/ObjStm/N 1/Filter/FlateDecode", objects)), {"script"}),
        ("pdf with script in a hexadecimal stream", "a.pdf",
         pdf((b"/Type/ObjStm/N 1/Filter[/ASCIIHexDecode/Fl]", hexed)), {"script"}),
        ("pdf that launches", "a.pdf", pdf((b"/OpenAction<</S/Launch/F(cmd.exe)>>", None)), {"script", "pdf-launch"}),
        ("pdf with a program", "a.pdf", pdf(attached), {"embedded-object", "program"}),
        ("pdf with a form", "a.pdf", pdf((b"/AcroForm<</XFA 2 0 R>>", None), (b"/Filter/FlateDecode",
                                                                              zlib.compress(b"<xdp><script>x</script></xdp>"))), {"script"}),
        ("pdf with a password", "a.pdf", pdf((b"/Type/Catalog", None), trailer=b"/Encrypt 9 0 R"), {"encrypted"}),
        *((f"pdf for all to read, revision {r}", "a.pdf", pdf_encrypted(b"", r), set()) for r in (2, 3, 4, 5, 6)),
        *((f"pdf with a user's password, revision {r}", "a.pdf", pdf_encrypted(b"secret", r), {"encrypted"}) for r in (2, 3, 4, 5, 6)),
        ("pdf that opens another", "a.pdf", pdf((b"/OpenAction<</S/GoToR/F(\\\\\\\\e.example\\\\x)>>", None)), {"external-link"}),
        ("pdf with a picture", "a.pdf", pdf((b"/Subtype/Image/Filter/FlateDecode", zlib.compress(b"/JavaScript"))), set()),
        ("pdf behind other text", "a.pdf", b"\n" * 500 + pdf((b"/OpenAction<<" + js + b">>", None)), {"script"}),
    ]


def pages():
    blob = (b"<html><script>var b=new Blob([Uint8Array.from(atob('AAAA'))]);a.href=URL.createObjectURL(b);a.download='x'</script>")
    return [
        ("html", "a.html", b"<!DOCTYPE html><html><body>hello <a href='http://x'>x</a></body></html>", set()),
        ("html with script", "a.html", b"<html><script>1</script></html>", {"script"}),
        ("html with an event", "a.html", b"<html><body onload=x()></html>", {"script"}),
        ("html that makes a file", "a.html", blob, {"script", "smuggling"}),
        ("html, UTF-16", "a.html", wide(blob), {"script", "smuggling"}),
        ("html, padded", "a.html", b"<!-- " + b"x" * 20000 + b" -->" + blob, {"script", "smuggling"}),
        ("html with a file in a link", "a.html", b'<html><a download="x.zip" href="data:application/zip;base64,UEsDBA==">x</a>',
         {"smuggling"}),
        ("svg with script", "a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", {"script"}),
        ("hta", "a.hta", b"<html><hta:application id=x><script language=VBScript>CreateObject(\"WScript.Shell\")</script>",
         {"script", "program"}),
        ("web archive with macros", "a.doc", b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n--b\n\n" +
         b"\n".join(base64.b64encode(activemime(ole({f"Macros/{k}": v for k, v in VBA.items()})))[i:i + 60] for i in range(0, 9000, 60))
         + b"\n--b--\n", {"macro"}),
        ("web archive, letters apart", "a.doc", b"MIME-Version: 1.0\nContent-Type: multipart/related; boundary=b\n\n" +
         b" ".join(bytes([c]) for c in base64.b64encode(activemime(ole(VBA)))), {"macro"}),
        ("ActiveMime with macros", "editdata.mso", activemime(ole(VBA)), {"macro"}),
        ("ActiveMime with an object", "oledata.mso", activemime(ole({"\1Ole10Native": ole10native("a.exe", program())})),
         {"embedded-object", "program"}),
        ("notebook with a program", "a.one", onenote(program()), {"embedded-object", "program"}),
        ("notebook with a script", "a.one", onenote(b"<html><hta:application><script>x</script>"),
         {"embedded-object", "script", "program"}),
        ("notebook with a picture", "a.one", onenote(b"\x89PNG\r\n\x1a\n" + bytes(50)), set()),
        ("shortcut", "a.lnk", b"L\0\0\0\1\x14\2\0" + bytes(70), {"shortcut", "program"}),
        ("help", "a.chm", b"ITSF\3\0\0\0" + bytes(90), {"program"}),
        ("disk", "a.img", (b"\xeb\x3c\x90MSDOS5.0" + bytes(499) + b"\x55\xaa").ljust(70000, b"\0"), {"disk-image", "broken"}),
        ("fixed disk", "a.vhd", bytes(70000) + b"conectix" + bytes(504), {"disk-image", "broken"}),
        ("batch", "a.bat", b"@echo off\ncalc\n", {"program", "script"}),
    ]


# a.exe of samples.program() and a line that repeats itself, as arj -m1 and arj -m4 pack it.
ARJ_PACKED = base64.b64decode(
    "YOoqACILAQIQAAJuYYQIa2GECGsAAAAAAAAAAAAAAAAAAAAAAAByMS5hcmoAABbRWasAAGDqNQAuCwECEAEAYWGECGs8AAAAhwEAABnGANoAAK"
    "QRAAAAAAAAYYQIa2GECGsAAAAAYS5leGUAAM8w2Z8AAAAnSnKNPj3gX8hJ+gsRBjaHRqKwNaGaDx0Q3B7cDNxaxiGE5cl643s4l+03aZD3NxRu"
    "qg7HhYD7sDVPImDqAAA=")
ARJ_FASTEST = base64.b64decode(
    "YOoqACILAQIQAAJuYYQIa2GECGsAAAAAAAAAAAAAAAAAAAAAAAByNC5hcmoAALH+YfkAAGDqNQAuCwECEAQAYWGECGs0AAAAhwEAABnGANoAAK"
    "QRAAAAAAAAYYQIa2GECGsAAAAAYS5leGUAAG/z13kAACaWgB9gACBADKBF94S/1IAHc3nIyHMQHQ0GE6CAxm82mUQGEzmE0m4WCD8yCwgMJuMm"
    "QJBg6gAA")


def packed():
    """Archives, and where one could be taken for something else."""
    inner = ooxml(WORD)
    return [
        ("document stored in a zip", "a.zip", zipped(("a.exe", program()), ("b.docx", inner), method=0), {"program"}),
        ("zip behind other octets", "a.zip", zipped(("a.exe", program())) + bytes(300), {"program"}),
        ("archive in a document", "a.docx", ooxml(WORD, ("word/x.zip", zipped(("a.exe", program())))), {"program"}),
        ("zip behind a text", "a.zip", b"some text first\n" + zipped(("a.exe", program())), {"program"}),
        ("text as a document", "a.pdf", b"hello", {"type-mismatch"}),
        ("text as a picture", "a.png", b"hello", {"type-mismatch"}),
        ("nothing known as a document", "a.docx", bytes(range(256)), {"type-mismatch"}),
        ("text", "a.doc", b"hello", set()),
        ("script in gzip", "a.js.gz", gzip.compress(b"x"), {"program", "script"}),
        ("script in gzip that says so", "a.gz", b"\x1f\x8b\x08\x08" + bytes(6) + b"a.js\0" + gzip.compress(b"x")[10:],
         {"program", "script"}),
        ("script in bzip2 in zip", "a.zip", zipped(("a.vbs.bz2", bz2.compress(b"x"))), {"program", "script"}),
        ("tar in gzip", "a.tgz", tarred("a.txt", b"x", "w:gz"), set()),
        ("tar that leads out", "a.tar", tarred("../../a.sh", b"x"), {"path-traversal", "program", "script"}),
        ("zip that leads out", "a.zip", zipped(("..\\..\\a.txt", b"x")), {"path-traversal"}),
        ("document in an arj", "a.arj", arj("a.txt", ooxml(WORD, ("word/vbaProject.bin", ole(VBA))), method=1), {"macro", "type-mismatch"}),
        ("program in an arj, fastest", "a.arj", arj("a.txt", program(), method=4), {"program", "type-mismatch"}),
        ("packed by arj", "a.arj", ARJ_PACKED.replace(b"a.exe", b"a.txt"), {"program", "type-mismatch"}),
        ("packed by arj, fastest", "a.arj", ARJ_FASTEST.replace(b"a.exe", b"a.txt"), {"program", "type-mismatch"}),
        ("packed by arj, cut off", "a.arj", ARJ_PACKED[:-30], {"program", "broken"}),
        ("arj, packed in no way that is known", "a.arj", arj("a.txt", program(), method=9), {"broken"}),
        ("arj that leads out", "a.arj", arj("../a.txt", b"x"), {"path-traversal"}),
        ("at the depth", "a.zip", nested(8), set()),
        ("below the depth", "a.zip", nested(7), set()),
        ("above the depth", "a.zip", nested(9), {"limit"}),
        ("too much", "a.zip", zipped(("a", bytes(20 << 20))), {"limit"}),
        ("ratio", "a.gz", gzip.compress(bytes(17 << 20)), {"limit"}),
        ("below the ratio's size", "a.gz", gzip.compress(bytes(15 << 20)), set()),
        ("members, at the limit", "a.zip", zipped(*((f"{i}", b"") for i in range(2000))), set()),
        ("members, above it", "a.zip", zipped(*((f"{i}", b"") for i in range(2001))), {"limit"}),
        # No larger than it must be: libclamav grows its buffer by steps, which a sanitizer's realloc makes quadratic.
        ("bomb in a pdf", "a.pdf", pdf((b"/Type/ObjStm/Filter/FlateDecode", zlib.compress(bytes(17 << 20)))), {"limit"}),
        ("below a bomb in a pdf", "a.pdf", pdf((b"/Type/ObjStm/Filter/FlateDecode", zlib.compress(bytes(15 << 20)))), set()),
    ]


# What the oletools samples hold: these facts of EXACT, and no other.
OLETOOLS = {
    "": """
        msodde/harmless-clean-2003.xml msodde/harmless-clean.doc msodde/harmless-clean.docm msodde/harmless-clean.docx
        msodde/harmless-clean.xml ooxml/harmless-clean-2003.xml ooxml/harmless-clean.xml""",
    "dde": """
        msodde/dde-in-csv.csv msodde/dde-in-excel2003.xml msodde/dde-test.docm msodde/dde-test.docx msodde/dde-test.xlsb
        msodde/dde-test.xlsm msodde/dde-test.xlsx ooxml/dde-in-excel2003.xml""",
    "embedded-object": """
        oleobj/embedded-simple-2007-as2003.xml oleobj/embedded-simple-2007.doc oleobj/embedded-simple-2007.docm
        oleobj/embedded-simple-2007.docx oleobj/embedded-simple-2007.dotm oleobj/embedded-simple-2007.ods
        oleobj/embedded-simple-2007.odt oleobj/embedded-simple-2007.ppt oleobj/embedded-simple-2007.pptm
        oleobj/embedded-simple-2007.pptx oleobj/embedded-simple-2007.xlam oleobj/embedded-simple-2007.xls
        oleobj/embedded-simple-2007.xlsb oleobj/embedded-simple-2007.xlsm oleobj/embedded-simple-2007.xlsx
        oleobj/embedded-simple-2007.xltm oleobj/embedded-simple-2007.xml oleobj/embedded-unicode-2007.docx
        oleobj/embedded-unicode.doc rtfobj/issue_251.rtf""",
    "encrypted": """
        basic/encrypted.docx encrypted/autostart-encrypt-standardpassword.xlsb
        encrypted/autostart-encrypt-standardpassword.xlsm encrypted/dde-test-encrypt-standardpassword.xls
        encrypted/dde-test-encrypt-standardpassword.xlsb encrypted/dde-test-encrypt-standardpassword.xlsm
        encrypted/dde-test-encrypt-standardpassword.xlsx encrypted/encrypted.doc encrypted/encrypted.docm
        encrypted/encrypted.docx encrypted/encrypted.ppt encrypted/encrypted.pptm encrypted/encrypted.pptx
        encrypted/encrypted.xls encrypted/encrypted.xlsb encrypted/encrypted.xlsm encrypted/encrypted.xlsx
        msodde/dde-in-word2003.xml.zip msodde/dde-in-word2007.xml.zip msodde/dde-test-from-office2003.doc.zip
        msodde/dde-test-from-office2013-utf_16le-korean.doc.zip msodde/dde-test-from-office2016.doc.zip
        ooxml/dde-in-word2003.xml.zip rtfobj/issue_185.rtf.zip""",
    "external-link": """
        oleobj/external_link/sample_with_external_link_to_doc.pptm oleobj/external_link/sample_with_external_link_to_doc.pptx
        oleobj/external_link/sample_with_external_link_to_doc.xlsb""",
    "macro": """
        excel4-macros/excel4_sample_macro.xls excel4-macros/excel4_sample_macro.xlsb excel4-macros/excel4_sample_macro.xlsm
        excel4-macros/excel4_sample_macro.xltm excel4-macros/excel4_sample_macro_excel5_format.xls oleform/oleform-PR314.docm
        olevba/sample_with_vba.ppt""",
    "embedded-object external-link": """
        oleobj/external_link/sample_with_external_link_to_doc.docm oleobj/external_link/sample_with_external_link_to_doc.docx
        oleobj/external_link/sample_with_external_link_to_doc.dotm oleobj/external_link/sample_with_external_link_to_doc.xlsm
        oleobj/external_link/sample_with_external_link_to_doc.xlsx""",
    "embedded-object program": """
        oleobj/sample_with_calc_embedded.doc oleobj/sample_with_lnk_to_calc.doc""",
    "encrypted macro": """
        encrypted/autostart-encrypt-standardpassword.xls""",
    "embedded-object program shortcut": """
        oleobj/sample_with_lnk_file.doc oleobj/sample_with_lnk_file.ppt""",
    "macro program script": """
        excel4-macros/excel4_sample_macro.slk""",
}


def cases():
    return word() + sheets() + compound() + rich_text() + open_documents() + portable() + pages() + packed()
