mailtest "only the configured domains get mail, however the recipient is written"
next n1 {}
gateway g1 {
	relay example.net { to $n1; max-connections 1; }
	relay .sub.example.org { to $n1; max-connections 1; }
	relay * { to $n1; }						# for our reports only
	policy { at message { accept; } }
}
session {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@elsewhere.example> = 550|551|554
	rcpt <b@notexample.net> = 550|554
	rcpt <b@example.net.elsewhere.example> = 550|554
	rcpt <b@sub.example.org> = 550|554				# .sub.example.org is what lies below
	rcpt <b@example.org> = 550|554
	rcpt <b%elsewhere.example@example.net> = 550|250		# a local part like any other: see the end
	rcpt "<\"b@elsewhere.example\"@example.net>" = 550|250
	rcpt "<elsewhere.example!b@example.net>" = 550|250
	rcpt <elsewhere.example!b> = 5xx
	rcpt <b%elsewhere.example> = 5xx
	rcpt <b> = 5xx
	rcpt "<@example.net:b@elsewhere.example>" = 550|554		# source routes are stripped, then judged
	rcpt "<@elsewhere.example:b@example.net>" = 250
	rcpt "<@a.example,@b.example:c@elsewhere.example>" = 550|554
	rcpt <b@[192.0.2.1]> = 5xx
	rcpt <b@[127.0.0.1]> = 5xx
	rcpt "<b@[IPv6:::1]>" = 5xx
	rcpt <b@192.0.2.1> = 5xx
	rcpt <b@1234567890> = 5xx
	rcpt <b@localhost> = 5xx
	rcpt <b@elsewhere.example.> = 5xx
	rcpt <b@> = 501|553
	rcpt <@example.net> = 501|553
	rcpt <> = 5xx
	rcpt "<b@example.net@elsewhere.example>" = 5xx
	rcpt "<b@elsewhere.example,b@example.net>" = 5xx
	rcpt "<b@elsewhere.example b@example.net>" = 5xx
	rcpt "<b@elsewhere.example\x00@example.net>" = 5xx
	close
}
session {
	ehlo mx.example.com
	mail <a@example.net>						# one of ours as the sender opens nothing
	rcpt <b@elsewhere.example> = 550|554
	rset
	mail <>
	rcpt <b@elsewhere.example> = 550|554
	rset
	mail <postmaster@example.net>
	rcpt <b@elsewhere.example> = 550|554
	rset
	mail <a@example.com>
	rcpt <b@EXAMPLE.Net> = 250
	rcpt <c@deep.sub.example.org> = 250
	rcpt <postmaster> = 250
	rcpt <PostMaster@example.net> = 250
	data {
		Subject: ours

		x
	} = 250
	quit
}
session from 192.0.2.9 {						# and not by the client's address either
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@elsewhere.example> = 550|554
	quit
}
drain g1
expect n1.messages >= 1	n1.commands !~ "RCPT TO:<[^>]*@(elsewhere\.example|\[|localhost|192)"
expect g1.log ~ "refused.*\"rcpt\":\"b@elsewhere.example\",\"verdict\":\"reject\",\"reply\":\"550 5.7.1 relaying denied \\("
