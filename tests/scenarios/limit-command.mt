mailtest "command lines: 2048 octets, not one more; a flood without a line end is cut off"
next n1 {}
gateway g1 { policy { at message { accept; } } }
session {
	ehlo mx.example.com
	line "NOOP " "x"*2040 = 250				# 2047 with its CRLF
	line "NOOP " "x"*2041 = 250				# 2048
	line "NOOP " "x"*2042 = 500|501				# 2049
	noop = 250
	close
}
session {
	ehlo mx.example.com
	line "NOOP " "x"*50000 = 500|501|421
	close
}
session {
	ehlo mx.example.com
	send "x"*1M
	reply = 500|421|closed
	close
}
