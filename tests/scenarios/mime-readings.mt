mailtest "a program that only another reading of the message shows is found, and the message is known to be ambiguous"
next n1 {}
gateway g1 {
	filter attachment;
	filter url;
	policy { at message {
		quarantine "ambiguous MIME carrying a program" if mime.ambiguous and attachment.program;
		reject 550 5.7.1 "program" if attachment.program;
		reject 550 5.7.1 "link to {url.hosts}" if "evil.example.com" in url.hosts;
		accept;
	} }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: plain\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Disposition: attachment; filename=a.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nAAAAgAAAAA==\r\n--x--\r\n" = 550 ~ "program"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: two types\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Disposition: attachment; filename=a.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nAAAAgAAAAA==\r\n--x--\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: boundary that only begins alike\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--xyz\r\nContent-Disposition: attachment; filename=a.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nAAAAgAAAAA==\r\n--x--\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: two encodings\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nAAAAgAAAAA==\r\n--x--\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: multipart without subtype\r\nMIME-Version: 1.0\r\nContent-Type: multipart; boundary=x\r\n\r\n--x\r\nContent-Disposition: attachment; filename=a.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nAAAAgAAAAA==\r\n--x--\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: behind the end\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhello\r\n--x--\r\n--x\r\nContent-Disposition: attachment; filename=a.exe\r\nContent-Transfer-Encoding: base64\r\n\r\nTVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nAAAAgAAAAA==\r\n--x--\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: name in a second field\r\nMIME-Version: 1.0\r\nContent-Disposition: attachment; filename=a.txt\r\nContent-Disposition: attachment; filename=a.exe\r\n\r\nhello\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: link in a multipart without parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\nsee http://evil.example.com/\r\n" = 550 ~ "evil.example.com"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: link in the second type\r\nMIME-Version: 1.0\r\nContent-Type: application/x-nothing\r\nContent-Type: text/html\r\n\r\n<a href=http://evil.example.com/>x</a>\r\n" = 550 ~ "evil.example.com"
	quit
}
drain g1
expect n1.messages == 0
