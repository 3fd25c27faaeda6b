mailtest "limits of headers, parts, links and text hold at, below and above what is configured"
next n1 {}
file "local.cf" {
	mimeheader T_MARK  X-Mark =~ /deep/
	score      T_MARK  1
	uri        T_LINK  /last\.example/
	score      T_LINK  1
	body       T_TEXT  /finis/
	score      T_TEXT  1
}
gateway g1 {
	limits { headers 10; header-bytes 1K; mime-depth 2; mime-parts 4; urls 3; text 1K; }
	filter rules { load "$DIR/local.cf"; }
	policy { at message { reject 550 5.7.1 "seen" if score >= 1; accept; } }
}
# A header section of 9, 10 and 11 fields, then of 1,023, 1,024 and 1,025 octets.
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: 1\r\n"*9 "\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: 1\r\n"*10 "\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: 1\r\n"*11 "\r\nx\r\n" = 552 5.3.4
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: " "1"*900 "\r\n" "X-B: " "2"*109 "\r\n" "\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: " "1"*900 "\r\n" "X-B: " "2"*110 "\r\n" "\r\nx\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "X-A: " "1"*900 "\r\n" "X-B: " "2"*111 "\r\n" "\r\nx\r\n" = 552 5.3.4
	quit
}
# A mark in a part at depth 1, 2 and 3; then in the fourth and fifth part.
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nX-Mark: deep\r\n\r\nx\r\n--a--\r\n" = 550 ~ "seen"
	mail <a@example.com>
	rcpt <b@example.net>
	data "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX-Mark: deep\r\n\r\nx\r\n--b--\r\n--a--\r\n" = 550 ~ "seen"
	mail <a@example.com>
	rcpt <b@example.net>
	data "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nX-Mark: deep\r\n\r\nx\r\n--c--\r\n--b--\r\n--a--\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" "--a\r\n\r\nx\r\n"*1 "--a\r\nX-Mark: deep\r\n\r\nx\r\n--a--\r\n" = 550 ~ "seen"
	mail <a@example.com>
	rcpt <b@example.net>
	data "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" "--a\r\n\r\nx\r\n"*2 "--a\r\nX-Mark: deep\r\n\r\nx\r\n--a--\r\n" = 550 ~ "seen"
	mail <a@example.com>
	rcpt <b@example.net>
	data "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" "--a\r\n\r\nx\r\n"*3 "--a\r\nX-Mark: deep\r\n\r\nx\r\n--a--\r\n" = 250
	quit
}
# The second, third and fourth link; a word that ends at octet 1,023, 1,024 and 1,025.
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhttp://a.example/\r\nhttp://last.example/\r\n" = 550 ~ "seen"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhttp://a.example/\r\nhttp://b.example/\r\nhttp://last.example/\r\n" = 550 ~ "seen"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\nhttp://a.example/\r\nhttp://b.example/\r\nhttp://c.example/\r\nhttp://last.example/\r\n" = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "0"*1017 "1finis\r\n" = 550 ~ "seen"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "0"*1017 "12finis\r\n" = 550 ~ "seen"
	mail <a@example.com>
	rcpt <b@example.net>
	data "Subject: x\r\n\r\n" "0"*1017 "123finis\r\n" = 250
	quit
}
drain g1
expect n1.messages == 8
