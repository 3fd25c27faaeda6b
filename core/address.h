/*
 * The mail addresses of the envelope (RFC 5321 part 4.1.2, RFC 6531 for UTF-8).
 */
#ifndef REEVE_CORE_ADDRESS_H
#define REEVE_CORE_ADDRESS_H

#include <stdbool.h>

#include "lib/arena.h"
#include "lib/str.h"

enum { ADDRESS_LOCAL_MAX = 64, ADDRESS_DOMAIN_MAX = 255, ADDRESS_PATH_MAX = 254 };

struct address {
	struct str text;   /* local@domain as it was written, without route and brackets; "" is null */
	struct str local;  /* as written, quotes included */
	struct str domain; /* lower case; "[192.0.2.1]" for a literal; "" for null and bare postmaster */
	bool is_utf8;	   /* needs SMTPUTF8 */
};

/*
 * "<path>" at the start of *rest, as behind MAIL FROM: and RCPT TO:. *rest then stands behind it.
 * A source route is read and dropped. NULL, or what is wrong in a few words.
 */
const char *address_path(struct arena *a, struct str *rest, bool allow_null, bool allow_utf8,
    struct address *ret_address);
/* A bare local@domain (options, lists, configuration); same grammar. */
const char *address_parse(struct arena *a, struct str text, bool allow_utf8, struct address *ret_address);
/* A domain name by RFC 5321 (letters, digits, hyphens; U-labels with allow_utf8), lengths checked. */
bool domain_is_valid(struct str domain, bool allow_utf8);
/* Lower-case A-labels (IDNA 2008, UTS 46 non-transitional); false when it cannot be. */
bool domain_to_ascii(struct arena *a, struct str domain, struct str *ret_ascii);
/* Of a directive: true when all are domains, in either spelling; else an error at each that is none. */
struct conf_strings;
struct conf_load;
bool domains_check(const struct conf_strings *list, struct conf_load *load);
/* Labels in punycode as UTF-8, as a reader sees them; false when it cannot be or has none. */
bool domain_to_unicode(struct arena *a, struct str domain, struct str *ret_unicode);

#endif
