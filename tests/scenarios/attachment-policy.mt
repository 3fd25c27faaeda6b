mailtest "policy for attachments: by type, name, extension, size, number, and a list of hashes"
next n1 {}
shell "printf hello | sha256sum | cut -d' ' -f1 > $DIR/hashes; echo 0000000000000000000000000000000000000000000000000000000000000000 >> $DIR/hashes; chmod 644 $DIR/hashes" = 0
gateway g1 {
	list blocked "$DIR/hashes";
	filter attachment;
	policy { at message {
		reject 550 5.7.1 "known to be bad" if attachment.hashes in blocked;
		reject 550 5.7.2 "no {attachment.extensions} here" if attachment.extensions in (docm, xlsm);
		reject 550 5.7.3 "type" if attachment.types == "image/png";
		reject 550 5.7.4 "name" if attachment.names =~ "(?i)invoice";
		reject 550 5.7.5 "too large: {attachment.largest}" if attachment.largest > 1000;
		reject 550 5.7.6 "too many: {attachment.count}" if attachment.count > 2;
		accept;
	} }
}
session via smtp milter { ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: by hash, of what is in the zip
		MIME-Version: 1.0
		Content-Type: application/zip; name="a.zip"
		Content-Transfer-Encoding: base64

		UEsDBAoAAAAAAAAAIQCGphA2BQAAAAUAAAAEABwAYS5qc1VUCQADAAAAAAAAAAB1eAsAAQQAAAAABAAAAABoZWxsb1BLAQIeAwoAAAAAAAAAIQCGphA2BQAAAAUAAAAEABgAAAAAAAEAAACkgQAAAABhLmpzVVQFAAMAAAAAdXgLAAEEAAAAAAQAAAAAUEsFBgAAAAABAAEASgAAAEMAAAAAAA==
	} = 550 5.7.1
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: by extension
		MIME-Version: 1.0
		Content-Type: application/octet-stream; name="a.DOCM"

		x
	} = 550 5.7.2 ~ "no docm here"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: by type
		MIME-Version: 1.0
		Content-Type: application/octet-stream; name="a.bin"
		Content-Transfer-Encoding: base64

		iVBORw0KGgoAAAAA
	} = 550 5.7.3
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: by a name in pieces and in another character set
		MIME-Version: 1.0
		Content-Type: application/octet-stream
		Content-Disposition: attachment; filename*0*=utf-8''my%20In; filename*1*=vo%69ce; filename*2=".bin"

		x
	} = 550 5.7.4
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: by size\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=a.bin\r\n\r\n" "abcdefgh\r\n"*101 = 550 5.7.5 ~ "too large: 10"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: by number
		MIME-Version: 1.0
		Content-Type: multipart/mixed; boundary=b

		--b
		Content-Type: application/octet-stream; name=1

		1
		--b
		Content-Type: application/octet-stream; name=2

		2
		--b
		Content-Type: application/octet-stream; name=3

		3
		--b--
	} = 550 5.7.6 ~ "too many: 3"
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: none of it
		MIME-Version: 1.0
		Content-Type: application/octet-stream; name="a.txt"

		hello, all
	} = 250
	quit }
drain g1
expect n1.messages == 1
