/* reevectl mime FILE: the MIME structure of a message as one line of JSON. */
#include "auth/crypto.h"
#include "core/content/mime.h"
#include "gateway/ctl/ctl.h"
#include "lib/json.h"

static void sha256(struct str octets, uint8_t ret_hash[32])
{
	digest_of(CRYPTO_SHA256, octets, ret_hash);
}

int ctl_mime(struct ctl *ctl, int argc, char **argv)
{
	struct buf out = {0};
	struct json json = json_start(&out);
	struct mime *mime;
	struct str text;

	argc = ctl_options(ctl, argc, argv);
	if (argc != 2)
		return ctl_usage(ctl);
	if (!ctl_read_message(ctl, argv[1], &text))
		return 1;
	mime = mime_parse(ctl->arena, text, NULL);
	mime->base = ctl->skipped;
	mime_json(mime, &json, sha256);
	buf_addc(&out, '\n');
	ctl_print(buf_str(&out));
	buf_free(&out);
	return 0;
}
