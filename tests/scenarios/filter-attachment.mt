mailtest "attachments: names and contents, in archives too, and what policy makes of them"
next n1 {}
gateway g1 {
	filter attachment;
	policy { at message {
		reject 550 5.7.1 "program {attachment.names}" if attachment.program;
		tag header "X-Types" "{attachment.types}";
		tag header "X-Mismatch" "yes" if attachment.type-mismatch;
		accept;
	} }
}
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: a program by name
		MIME-Version: 1.0
		Content-Type: text/plain; name="invoice.pdf .exe"
		Content-Disposition: attachment

		hello
	} = 550 ~ "invoice.pdf .exe"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: a program for those to whom NUL ends a name
		MIME-Version: 1.0
		Content-Type: application/octet-stream; name="=?utf-8?q?notes.exe=00.txt?="
		Content-Disposition: attachment; filename*=utf-8''notes.exe%00.txt

		hello
	} = 550 ~ "program notes.exe"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: a program by content
		MIME-Version: 1.0
		Content-Type: image/png; name="a.png"
		Content-Transfer-Encoding: base64

		TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
		AAAAgAAAAA==
	} = 550 ~ "a.png"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: a program in a zip
		MIME-Version: 1.0
		Content-Type: application/zip; name="a.zip"
		Content-Transfer-Encoding: base64

		UEsDBAoAAAAAAAAAIQCGphA2BQAAAAUAAAAEABwAYS5qc1VUCQADAAAAAAAAAAB1eAsAAQQAAAAABAAAAABoZWxsb1BLAQIeAwoAAAAAAAAAIQCGphA2BQAAAAUAAAAEABgAAAAAAAEAAACkgQAAAABhLmpzVVQFAAMAAAAAdXgLAAEEAAAAAAQAAAAAUEsFBgAAAAABAAEASgAAAEMAAAAAAA==
	} = 550 ~ "a.js"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: a document that is none
		MIME-Version: 1.0
		Content-Type: application/pdf; name="a.pdf"

		<html><body>hello</body></html>
	} = 250
	quit }
drain g1
expect n1.messages == 1	n1.message[0].header "X-Types" == "text/html"	n1.message[0].header "X-Mismatch" == yes
