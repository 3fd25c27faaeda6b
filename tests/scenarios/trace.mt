mailtest "a client's sessions are traced on demand, open ones too, for a while, without a reload"
next n1 {}
gateway g1 { log { level warning; } policy { at message { accept; } } }
session one from 192.0.2.1 keep { ehlo mx.example.com }
session two from 192.0.2.99 keep { ehlo mx.example.com }
reevectl g1 trace = 0 ~ "^$"
reevectl g1 trace 192.0.2.0/28 5m = 0 ~ "192.0.2.0/28 is traced for another (300|299) s"
reevectl g1 trace 192.0.2.0/28 10m --json = 0 ~ "\"network\":\"192.0.2.0/28\",\"seconds\":(600|599)"
session one keep { mail <one@example.com> }
session two keep { mail <two@example.com> }
expect g1.log ~ "\"event\":\"trace\".*\"client\":\"192.0.2.1\",\"direction\":\"in\",\"text\":\"MAIL FROM:<one@example.com>"
expect g1.log ~ "\"direction\":\"out\",\"text\":\"250 2.1.0"
expect g1.log !~ "two@example.com"
clock +4m
session three from 192.0.2.1 { ehlo three.example.com
	quit }
expect g1.log ~ "EHLO three.example.com"
clock +7m
reevectl g1 trace = 0 ~ "^$"
session four from 192.0.2.1 { ehlo four.example.com
	quit }
expect g1.log !~ "four.example.com"
reevectl g1 trace 192.0.2.1 = 0 ~ "192.0.2.1/32 is traced|192.0.2.1 is traced"
reevectl g1 trace off = 0 ~ "^$"
session five from 192.0.2.1 { ehlo five.example.com
	quit }
expect g1.log !~ "five.example.com"
reevectl g1 trace nonsense = 2 ~ "expected an address or a network"
reevectl g1 trace 192.0.2.1 soon = 2 ~ "expected a time"
