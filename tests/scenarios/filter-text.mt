mailtest "text: script and language, and what a reader cannot see"
next n1 {}
gateway g1 {
	filter text;
	policy { at message {
		tag header "X-Script" "{text.script}";
		tag header "X-Language" "{text.language}" if text.language-confidence >= 0.4;
		tag header "X-Hidden" "much" if text.hidden > 0.5;
		tag header "X-Score" "{score}";
		accept;
	} }
}
session via smtp milter {
	ehlo mx.example.com
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: de
		MIME-Version: 1.0
		Content-Type: text/plain; charset=utf-8

		Bitte lesen Sie den Bericht und sagen Sie uns, ob das für Sie so in Ordnung ist oder nicht.
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: hidden
		MIME-Version: 1.0
		Content-Type: text/html; charset=utf-8

		<p>click</p><div style="display:none">the news of the day that nobody is meant to read but filters may well count as
		good words, for they come from a paper: weather, garden, football, parliament, theatre, and many more of that kind of
		words that make the text of a message look like one that somebody wrote to somebody else</div>
	} = 250
	mail <a@example.com>
	rcpt <b@example.net>
	data {
		Subject: ru
		MIME-Version: 1.0
		Content-Type: text/plain; charset=utf-8

		Прошу вас не смотреть на это, и вы в это не верите, как и он
	} = 250
	quit
}
drain g1
expect n1.messages == 3	n1.message[0].header "X-Script" == latin	n1.message[0].header "X-Language" == de
expect n1.message[1].header "X-Hidden" == much	n1.message[2].header "X-Script" == cyrillic	n1.message[2].header "X-Language" == ru
