mailtest "TLS that is required by a reload needs a restart to be there: until then nothing is taken without it"
next n1 {}
gateway g1 {
	listen $HOST:$PORT {}
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com = 250 !~ "STARTTLS"
	mail <a@example.com> = 250
	quit
}
gateway g1 {
	listen $HOST:$PORT { tls certificate "$CERT" key "$CERT"; tls-required on; }
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com> = 454 4.7.0
	quit
}
