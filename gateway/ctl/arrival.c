/* Reads the Received fields that we write, and those of MTAs that write them alike; reevectl scan asks. */
#include "gateway/ctl/arrival.h"

/* The address in brackets, as in (name [192.0.2.1]) or ([IPv6:2001:db8::1]). */
static void take_client(struct str word, struct arrival *a)
{
	ptrdiff_t from = str_chr(word, '['), to = str_chr(word, ']');
	struct str text;

	if (from < 0 || to < from || a->client.family)
		return;
	text = str_sub(word, (size_t)from + 1, (size_t)(to - from) - 1);
	if (str_istarts(text, STR("IPv6:")))
		text = str_from(text, 5);
	if (!ip_parse(text, &a->client))
		a->client = (struct ip){0};
}

static void take_rcpt(struct str word, struct arrival *a)
{
	ptrdiff_t to = str_chr(word, '>');

	if (to > 1 && word.p[0] == '<')
		a->rcpt = str_sub(word, 1, (size_t)to - 1);
}

/* Who it says the message is from, to where the name of the host stands; false when that is another. */
static bool read_field(struct str rest, struct str hostname, struct arrival *a)
{
	struct str word, last = STR("");
	bool is_ours = false;

	*a = (struct arrival){.helo = STR(""), .rcpt = STR("")};
	for (; str_word(&rest, &word); last = word) {
		if (str_is(last, "by") && !is_ours && !(is_ours = str_ieq(word, hostname)))
			return false;
		if (str_is(last, "from") && !a->helo.n)
			a->helo = word;
		if (str_is(last, "for") && is_ours)
			take_rcpt(word, a);
		if (!is_ours)
			take_client(word, a);
	}
	return is_ours;
}

bool arrival_read(const struct headers *headers, struct str hostname, struct arrival *ret)
{
	const struct header *field;

	for (size_t i = 0; (field = headers_get(headers, "Received", i)); i++)
		if (read_field(field->value, hostname, ret))
			return true;
	return false;
}
