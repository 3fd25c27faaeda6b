/* Eval functions that know what large mail services' messages look like when they are real. */
#include "rules/evals/evals_private.h"

/* Received fields as one line with single blanks. */
static struct str received_line(struct eval_call *c, const char *name)
{
	struct str s = eval_header(c, name, 0);
	char *p = arena_alloc(c->m->t->arena, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (is_space(s.p[i])) {
			if (n == 0 || p[n - 1] != ' ')
				p[n++] = ' ';
		} else {
			p[n++] = s.p[i];
		}
	}
	return (struct str){p, n};
}

static double gated(struct eval_call *c)
{
	struct str received = eval_header(c, "Received", 0);

	if (eval_like(c, P_EZMLM, eval_header(c, "Mailing-List", 0)) &&
	    eval_like(c, P_EZMLM_TO, eval_header(c, "Delivered-To", 0)) && eval_like(c, P_EZMLM_RCVD, received))
		return 1;
	return !eval_has_header(c, "Received") || eval_like(c, P_MSN_GROUPS, received);
}

static double fake_aol_relay(struct eval_call *c)
{
	struct str received = received_line(c, "Received");

	return eval_like(c, P_AOL_RELAY, received) && !eval_like(c, P_AOL_VIA, received) &&
	       !eval_like(c, P_AOL_ID, received);
}

static bool from_ends(struct eval_call *c, const char *domain)
{
	struct str from = eval_header(c, "From", HEADER_ADDR), d = str_of(domain);

	while (from.n && is_space(from.p[from.n - 1]))
		from.n--;
	return str_iends(from, d) && (from.n == d.n || !is_alnum(from.p[from.n - d.n - 1]));
}

static void look_at_hotmail(struct eval_call *c, struct eval_state *s)
{
	struct str received = received_line(c, "Received");
	bool has_ip = eval_like(c, P_IP, eval_header(c, "X-Originating-Ip", 0));
	bool has_org = eval_like(c, P_ORIGINATOR_ORG, eval_header(c, "X-OriginatorOrg", 0));

	if (eval_like(c, P_HOTMAIL_PICKUP, received) || gated(c) > 0)
		return;
	if ((has_ip && (eval_like(c, P_HOTMAIL_RCVD, received) || eval_like(c, P_HOTMAIL_WEB, received))) ||
	    (has_org && eval_like(c, P_HOTMAIL_PROTECT, received)))
		return;
	if (eval_like(c, P_HOTMAIL_CLAIM, received))
		s->forged_hotmail = 1;
	else if (from_ends(c, "hotmail.com"))
		s->no_hotmail = 1;
}

static struct eval_state *hotmail(struct eval_call *c)
{
	struct eval_state *s = eval_state(c);

	if (!s->has_hotmail)
		look_at_hotmail(c, s);
	s->has_hotmail = true;
	return s;
}

static double forged_hotmail(struct eval_call *c)
{
	return hotmail(c)->forged_hotmail;
}

static double no_hotmail(struct eval_call *c)
{
	return hotmail(c)->no_hotmail;
}

static double forged_eudoramail(struct eval_call *c)
{
	if (!from_ends(c, "eudoramail.com") || gated(c) > 0)
		return 0;
	return !(eval_like(c, P_WHOWHERE, received_line(c, "Received")) &&
	         eval_like(c, P_IP, eval_header(c, "X-Sender-Ip", 0)));
}

static double forged_yahoo(struct eval_call *c)
{
	const struct relays *r;
	struct str received;
	bool was_resent = eval_has_header(c, "Resent-From") && eval_has_header(c, "Resent-To");

	if (!from_ends(c, "yahoo.com"))
		return 0;
	received = received_line(c, was_resent && eval_has_header(c, "X-Received") ? "X-Received" : "Received");
	if (gated(c) > 0)
		return 0;
	r = fields_relays(&c->m->fields);
	for (size_t i = 0; i < r->n && i <= r->trusted; i++)
		if (str_iends(r->all[i].rdns, STR(".yahoo.com")))
			return 0;
	if (eval_like(c, P_YAHOO_RCVD, received))
		return 0;
	return !(eval_like(c, P_YAHOO_BULK, received) && from_ends(c, "reply.yahoo.com"));
}

static double forged_juno(struct eval_call *c)
{
	struct str origin, mailer, received;

	if (!from_ends(c, "juno.com") || gated(c) > 0)
		return 0;
	origin = eval_header(c, "X-Originating-IP", 0);
	mailer = eval_header(c, "X-Mailer", 0);
	received = eval_header(c, "Received", 0);
	if (origin.n) {
		if (!eval_like(c, P_JUNO_RCVD, received) && !eval_like(c, P_JUNO_COOKIE, received))
			return 1;
		return str_find(mailer, STR("Juno ")) < 0;
	}
	if (eval_like(c, P_MAILCOM_RCVD, received)) {
		if (str_find(mailer, STR("mail.com")) < 0)
			return 1;
	} else if (eval_like(c, P_UNTD_RCVD, received)) {
		if (!str_starts(mailer, STR("Webmail Version ")))
			return 1;
	}
	return 1;
}

static double forged_gmail(struct eval_call *c)
{
	if (!from_ends(c, "gmail.com"))
		return 0;
	if (eval_like(c, P_GMAIL_XRCVD, eval_header(c, "X-Received", 0)) ||
	    eval_like(c, P_GMAIL_RCVD, eval_header(c, "Received", 0)))
		return 0;
	return eval_header(c, "X-Gm-Message-State", 0).n < 60 || eval_header(c, "X-Google-Smtp-Source", 0).n < 60;
}

static double from_domain_in_received(struct eval_call *c)
{
	struct str domain = eval_arg(c, 0), from = eval_header(c, "From", HEADER_ADDR);
	const struct relays *r = fields_relays(&c->m->fields);
	bool found = false;

	if (str_ifind(from, domain) < 0)
		return 0;
	for (size_t i = 0; i < r->n; i++)
		found |= str_iends(r->all[i].rdns, domain) && str_iends(r->all[i].by, domain);
	return found == str_is(eval_arg(c, 1), "true");
}

const struct eval_def eval_forged_table[] = {
    {"check_for_fake_aol_relay_in_rcvd", fake_aol_relay, NULL},
    {"check_for_forged_eudoramail_received_headers", forged_eudoramail, NULL},
    {"check_for_forged_gmail_received_headers", forged_gmail, NULL},
    {"check_for_forged_hotmail_received_headers", forged_hotmail, NULL},
    {"check_for_forged_juno_received_headers", forged_juno, NULL},
    {"check_for_forged_yahoo_received_headers", forged_yahoo, NULL},
    {"check_for_from_domain_in_received_headers", from_domain_in_received, NULL},
    {"check_for_no_hotmail_received_headers", no_hotmail, NULL},
    {"gated_through_received_hdr_remover", gated, NULL},
    {NULL, NULL, NULL},
};
