mailtest "addresses: every form of the grammar, and its lengths at and above the limit"
next n1 {}
gateway g1 { policy { at message { accept; } } }
session {
	ehlo mx.example.com
	mail <> = 250
	rcpt "<\"joe bloggs\"@example.net>" = 250
	rcpt "<\"a\\\"b\\\\c\"@example.net>" = 250
	rcpt "<a.b+c=d_e-f!#$%&'*/?^`{|}~@example.net>" = 250
	rcpt "<.a@example.net>" = 5xx
	rcpt "<a.@example.net>" = 5xx
	rcpt "<a..b@example.net>" = 5xx
	rcpt "<a b@example.net>" = 5xx
	rcpt "<a(b)@example.net>" = 5xx
	rcpt "<\"a@example.net>" = 5xx
	rcpt "<a@example.net" = 5xx
	rcpt "a@example.net>" = 5xx
	rcpt "<a@-example.net>" = 5xx
	rcpt "<a@example-.net>" = 5xx
	rcpt "<a@exa_mple.net>" = 5xx
	rcpt "<a@example..net>" = 5xx
	rcpt "<@relay.example,@other.example:a@example.net>" = 250
	rcpt "<@relay.example:a@example.net" = 5xx
	quit
}
session {
	ehlo mx.example.com
	mail "<" "l"*64 "@example.com>" = 250
	rset
	mail "<" "l"*65 "@example.com>" = 501|553
	mail "<a@" "d"*63 "." "e"*63 "." "f"*63 "." "g"*57 ".example>" = 501|553|250
	rset
	mail "<a@" "d"*63 ".example.com>" = 250
	rset
	mail "<a@" "d"*64 ".example.com>" = 501|553
	mail <a@[192.0.2.1]> = 250
	rset
	mail "<a@[IPv6:2001:db8::1]>" = 250
	rset
	mail <a@[192.0.2.256]> = 501|553
	mail "<a@[IPv6:2001:db8::g]>" = 501|553
	mail <a@[> = 501|553
	mail <a> = 5xx|250
	rset
	mail "<gr\xc3\xbc\xc3\x9fe@example.com>" = 501|553|550		# needs SMTPUTF8
	mail "<gr\xc3\xbc\xc3\x9fe@b\xc3\xbccher.example>" SMTPUTF8 = 250
	rset
	mail "<gr\xff\xfee@example.com>" SMTPUTF8 = 501|553
	quit
}
