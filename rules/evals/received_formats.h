/*
 * The formats of Received fields: %I, %H and the like stand for addresses and names, see compile() in
 * received.c, the only user. Each table ends with a row without a pattern.
 */
#ifndef REEVE_RULES_EVALS_RECEIVED_FORMATS_H
#define REEVE_RULES_EVALS_RECEIVED_FORMATS_H

enum format_flag {
	LOOKS_UP = 1,  /* the server looks up names: no name there is no name at all */
	SKIP = 2,      /* no hand-over between hosts */
	SAME_HELO = 4, /* the name is also the greeting, unless there is one of its own */
	FETCHED = 8,   /* a mail fetcher: trust starts again behind it */
	UNKNOWN_NAME = 16, /* "unknown" as a name says that it was looked up and not found */
	NO_ID = 32,
};

struct format {
	const char *needs; /* literal that must be there before the pattern is tried; NULL: none */
	const char *pattern;
	unsigned flags;
};

extern const struct format received_formats[];	 /* behind "from " */
extern const struct format received_fallbacks[]; /* lines that start with "FROM " or "(from " */
extern const struct format received_auths[];	 /* what says that the client gave a password */

#endif
