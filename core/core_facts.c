/* The facts that the mail model itself knows, whatever filters run. */
#include "core/chain.h"
#include "core/header.h"
#include "core/mailbox.h"

const struct fact_def core_facts[] = {
    {"client", FACT_IP, STAGE_CONNECT, NULL, "address of the client"},
    {"client.local", FACT_BOOL, STAGE_CONNECT, NULL, "the message was submitted on this host, without a client"},
    {"mta.daemon", FACT_TEXT, STAGE_CONNECT, NULL, "as a milter: the name of the MTA's listener"},
    {"score", FACT_NUMBER, STAGE_CONNECT, NULL, "sum of the scores of all findings so far"},
    {"helo", FACT_TEXT, STAGE_HELO, NULL, "name that the client gave with HELO or EHLO"},
    {"tls", FACT_BOOL, STAGE_MAIL, NULL, "the session is encrypted"},
    {"tls.version", FACT_TEXT, STAGE_MAIL, NULL, "TLS version, such as TLSv1.3"},
    {"tls.cipher", FACT_TEXT, STAGE_MAIL, NULL, "TLS cipher suite"},
    {"tls.peer", FACT_TEXT, STAGE_MAIL, NULL, "subject of the verified client certificate"},
    {"auth.user", FACT_TEXT, STAGE_MAIL, NULL, "authenticated user, when there is one"},
    {"sender", FACT_TEXT, STAGE_MAIL, NULL, "envelope sender; empty for the null sender"},
    {"sender.domain", FACT_TEXT, STAGE_MAIL, NULL, "domain of the envelope sender, in lower case"},
    {"sender.null", FACT_BOOL, STAGE_MAIL, NULL, "the envelope sender is empty, as in bounces"},
    {"rcpt", FACT_TEXT, STAGE_RCPT, NULL, "the recipient that is being decided"},
    {"rcpt.domain", FACT_TEXT, STAGE_RCPT, NULL, "domain of the recipient, in lower case"},
    {"size", FACT_INT, STAGE_MESSAGE, NULL, "octets of the message as it came in"},
    {"mta.queue-id", FACT_TEXT, STAGE_MESSAGE, NULL, "as a milter: the queue id of the MTA"},
    {"subject", FACT_TEXT, STAGE_HEADER, NULL, "decoded Subject"},
    {"from", FACT_TEXT, STAGE_HEADER, NULL, "first address of the From field"},
    {"from.domain", FACT_TEXT, STAGE_HEADER, NULL, "domain of that address, in lower case"},
    {"from.name", FACT_TEXT, STAGE_HEADER, NULL, "decoded display name of that address"},
    {0},
};

static void set_tls(struct session *s, struct facts *f)
{
	fact_set_bool(f, "tls", s->tls_version.n > 0);
	if (!s->tls_version.n)
		return;
	fact_set_text(f, "tls.version", s->tls_version);
	fact_set_text(f, "tls.cipher", s->tls_cipher);
	if (s->tls_peer.n)
		fact_set_text(f, "tls.peer", s->tls_peer);
}

static void set_sender(struct session *s, struct facts *f)
{
	const struct address *sender = &s->message->sender;

	set_tls(s, f);
	if (s->auth_user.n)
		fact_set_text(f, "auth.user", s->auth_user);
	fact_set_text(f, "sender", sender->text);
	fact_set_text(f, "sender.domain", sender->domain);
	fact_set_bool(f, "sender.null", sender->text.n == 0);
}

static void set_from(struct message *m, struct facts *f)
{
	const struct header *from = headers_get(&m->headers, "From", 0);
	struct mailboxes list;

	if (!from)
		return;
	mailboxes_parse(m->arena, from->value, &list);
	if (list.n == 0)
		return;
	fact_set_text(f, "from", list.v[0].address);
	fact_set_text(f, "from.domain", list.v[0].domain);
	fact_set_text(f, "from.name", list.v[0].name);
}

static void set_header(struct session *s, struct facts *f)
{
	struct message *m = s->message;
	const struct header *subject = headers_get(&m->headers, "Subject", 0);

	set_from(m, f);
	if (subject)
		fact_set_text(f, "subject", header_decode(m->arena, subject->value));
}

void core_facts_set(struct session *s, enum stage stage)
{
	struct facts *f = stage_facts(s, stage);

	switch (stage) {
	case STAGE_CONNECT:
		fact_set_ip(f, "client", &s->client);
		fact_set_bool(f, "client.local", s->client.family == 0);
		if (s->mta_daemon.n)
			fact_set_text(f, "mta.daemon", s->mta_daemon);
		break;
	case STAGE_HELO:
		fact_set_text(f, "helo", s->helo);
		break;
	case STAGE_MAIL:
		set_sender(s, f);
		break;
	case STAGE_RCPT:
		fact_set_text(f, "rcpt", s->message->current->address.text);
		fact_set_text(f, "rcpt.domain", s->message->current->address.domain);
		break;
	case STAGE_HEADER:
		set_header(s, f);
		break;
	case STAGE_MESSAGE:
		fact_set_int(f, "size", (int64_t)spool_size(s->message->spool));
		if (s->message->queue_id.n)
			fact_set_text(f, "mta.queue-id", s->message->queue_id);
		break;
	case STAGE_COUNT:
		break;
	}
}
