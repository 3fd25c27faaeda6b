mailtest "fuzzy: a mailing is known by its text although each copy differs; marks make known spam, and are taken back"
next n1 {}
file "one" {
	From: a@pills.example
	Subject: offer

	Dear Ann, order 1001: our warehouse has set aside a parcel for you, and only the small fee for customs is
	missing before the driver can bring it to your door. Please pay within two days at http://a.example/1001
}
gateway g1 {
	filter fuzzy { bulk-from 2; spam-count 1; }
	policy { at message {
		reject 554 5.7.1 "known spam" if fuzzy.known-spam;
		tag header "X-Count" "{fuzzy.count}";
		tag header "X-Bulk" "yes" if fuzzy.bulk;
		accept;
	} }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: a@pills.example
		Subject: offer

		Dear Bob, order 2345: our warehouse has set aside a parcel for you, and only the small fee for customs is
		missing before the driver can bring it to your door. Please pay within two days at http://b.example/7
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: c@pills.example
		Subject: another

		Dear Carol, order 99: our warehouse has set aside a parcel for you, and only the small fee for customs is
		missing before the driver can bring it to your door. Please pay within two days at http://c.example/8 now
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: d@friend.example
		Subject: other

		The garden needs some water this evening, could you please look after it and close the window of the kitchen
		before you leave? The key is where it always was, and the neighbours know that you will be around.
	} = 250
	quit
}
reevectl g1 fuzzy spam $DIR/one = 0 ~ "1 of 1"
clock +10s
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		From: e@pills.example
		Subject: more

		Dear Dave, order 5: our warehouse has set aside a parcel for you, and only the small fee for customs is
		missing before the driver can bring it to your door. Please pay within two days at http://d.example/9
	} = 554 ~ "known spam"
	quit
}
reevectl g1 fuzzy forget $DIR/one = 0
reevectl g1 fuzzy show $DIR/one = 0 ~ "0 spam"
drain g1
expect n1.messages == 3	n1.message[0].header "X-Count" == 0	n1.message[1].header "X-Count" == 1	n1.message[2].header "X-Count" == 0
