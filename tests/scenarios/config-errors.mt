mailtest "all errors of a configuration in one run, each with its place, expectation and near name"
config g1 {hostnam mx.example.org;
limits { message 50X; recipients 10; }
listen 127.0.0.1:99999 {}
relay example.net { too 127.0.0.1; }
filter gret;
policy {
	at message {
		reject 550 5.7.1 "x" if scor >= 5;
		accept;
	}
}
} = 1 ~ "check.conf:1:1: error: .*hostnam.*hostname" ~ "check.conf:2:18: error: .*50X" ~ "check.conf:2:34: error: .*100" \
	~ "check.conf:3:\d+: error: " ~ "check.conf:4:21: error: .*too" ~ "check.conf:5:8: error: .*gret.*greet" ~ "check.conf:8:\d+: error: .*scor.*score"
config g1 { relay example.net { to 127.0.0.1; } include "not-there.conf"; } = 1 ~ "not-there.conf"
config g1 { relay example.net { to 127.0.0.1; } policy { at connect { reject 550 5.7.1 "x" if rcpt == "a"; } } } = 1 ~ "rcpt"
config g1 { relay example.net { to 127.0.0.1; } policy { at message { accept; reject 550 5.7.1 "x"; } } } = 0 ~ "warning: .*reach"
config g1 { relay example.net { to 127.0.0.1 } } = 1 ~ "error"
config g1 { relay example.net { to 127.0.0.1; } hostname a.example; hostname b.example; } = 1 ~ "hostname"
config g1 { relay example.net { to 127.0.0.1; } policy { at message { accept; } } policy { at message { accept; } } } = 1 ~ "'policy' is given twice" !~ "already"
config g1 { relay example.net { to 127.0.0.1; } } = 0 ~ "check.conf:1:1: warning: no mail can come in: .* add .listen"
config g1 { relay example.net { to 127.0.0.1; } listen 127.0.0.1:2525; } = 0 !~ "no mail"
config g1 { relay example.net { to 127.0.0.1; } milter unix:$DIR/m.sock; } = 0 !~ "no mail"
config g1 { relay example.net { to 127.0.0.1; } policy { at message { reject 250 5.7.1 "x"; accept; } } } = 1 ~ "250"
config g1 { relay example.net { to 127.0.0.1; } filter settings; settings b@example.net { filters-off greet grayist greylst; } } = 1 \
	~ "unknown filter 'grayist'" ~ "unknown filter 'greylst'; did you mean 'greylist'"
shell "$BUILD/reevectl dkim genkey --out $DIR/other.pem example.org x 2>&1" = 0
config g1 { relay example.net { to 127.0.0.1; } listen 127.0.0.1:2525 { tls certificate "$CERT" key "$DIR/other.pem"; } } = 1 ~ "TLS cannot be offered: (key|certificate) "
config g1 { relay example.net { to 127.0.0.1; } listen 127.0.0.1:2525 { tls certificate "$CERT" key "$CERT"; } } = 0
# What only the machine can say: a group that is not there, a key that is another certificate's.
config g1 { relay example.net { to 127.0.0.1; } milter unix:$DIR/m.sock { group no-such-group; } } = 1 ~ "there is no group 'no-such-group'"
config g1 { hostname mx.example.org; relay example.net { to 127.0.0.1; } } = 0
config g1 { relay example.net { to 127.0.0.1; } limits { message-size 1M; } } = 1 ~ "unknown directive 'message-size' in limits; did you mean 'message'"
# A list that nobody asks is a list that somebody forgot to ask for.
config g1 { relay example.net { to 127.0.0.1; recipients list users; } filter recipients; filter rate { limit messages 5 per 1h by client except friends; }
list users { a; } list friends { 192.0.2.1; } list partners { b.example; } list enemies { c.example; }
policy { at message { reject 550 5.7.1 "x" if sender in partners; accept; } } } = 0 ~ "check.conf:2:\d+: warning: list 'enemies' is used by no filter, relay or policy" !~ "'(users|friends|partners)'"
# What authentication and state filters cannot mean.
config g1 { relay example.net { to 127.0.0.1; } hostname mx.example.net;
filter spf; filter dkim { sign example.net selector a key "$DIR/other.pem"; sign Example.net selector A key "$DIR/other.pem"; }
filter arc { trusted lists.example.org "lists example"; }
filter dmarc { report-from dmarc; }
filter rate { limit messages 5 per 1h by sendr; }
filter greylist { known friend; }
list friends state;
} = 1 ~ "check.conf:2:\d+: error: selector 'A' of Example.net has a key already, line 2; each key needs a selector of its own" \
	~ "check.conf:3:\d+: error: 'lists example' is no domain name" !~ "'lists.example.org'" \
	~ "check.conf:4:\d+: error: report-from: 'dmarc' is no address; expected one such as dmarc@mx.example.net" \
	~ "check.conf:5:\d+: error: 'sendr' is no fact that a configured filter sets; did you mean 'sender'" \
	~ "check.conf:6:\d+: error: there is no list 'friend'; did you mean 'friends'"
config g1 { relay example.net { to 127.0.0.1; } filter spf; filter dkim; filter dmarc { report-skip "a b" münchen.example; } } = 1 ~ "'a b' is no domain name" !~ "nchen"
config g1 { relay example.net { to 127.0.0.1; } filter greylist { known nobody; } } = 1 ~ "there is no list 'nobody'; make one with: list nobody \"FILE\"; or: list nobody state;"
