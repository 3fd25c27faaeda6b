/*
 * A milter that takes every message, asks for the steps that Mailreeve asks for, and does nothing: what
 * libmilter and the MTA's side of the protocol cost by themselves, for `make bench`.
 *
 *     null-milter SOCKET
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <sys/stat.h>

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2,
    unsigned long f3, unsigned long *ret_actions, unsigned long *ret_steps, unsigned long *ret_f2, unsigned long *ret_f3)
{
	unsigned long wanted = SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_HDR |
	    SMFIP_NOEOH | SMFIP_NR_BODY | SMFIP_HDR_LEADSPC;

	(void)ctx;
	(void)f2;
	(void)f3;
	*ret_actions = actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS);
	*ret_steps = steps & wanted;
	*ret_f2 = *ret_f3 = 0;
	return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	(void)ctx;
	(void)name;
	(void)address;
	return SMFIS_NOREPLY;
}

static sfsistat on_word(SMFICTX *ctx, char *word)
{
	(void)ctx;
	(void)word;
	return SMFIS_NOREPLY;
}

static sfsistat on_words(SMFICTX *ctx, char **words)
{
	(void)ctx;
	(void)words;
	return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return SMFIS_NOREPLY;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *data, size_t n)
{
	(void)ctx;
	(void)data;
	(void)n;
	return SMFIS_NOREPLY;
}

static sfsistat on_end(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	struct smfiDesc callbacks = {.xxfi_name = (char *)"null", .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS, .xxfi_connect = on_connect, .xxfi_helo = on_word, .xxfi_envfrom = on_words,
	    .xxfi_envrcpt = on_words, .xxfi_header = on_header, .xxfi_body = on_body, .xxfi_eom = on_end, .xxfi_negotiate = on_negotiate};

	if (argc != 2) {
		fprintf(stderr, "usage: null-milter SOCKET\n");
		return 2;
	}
	umask(0);
	if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(callbacks) != MI_SUCCESS)
		return 1;
	return smfi_main() != MI_SUCCESS;
}
