/* The result words of RFC 8601 for DKIM, ARC and DMARC, best first where one must be chosen. */
#ifndef REEVE_AUTH_RESULT_H
#define REEVE_AUTH_RESULT_H

enum auth_result {
	AUTH_NONE,
	AUTH_PASS,
	AUTH_FAIL,
	AUTH_POLICY,	/* sound, but we do not accept such (short keys, SHA-1) */
	AUTH_NEUTRAL,	/* cannot be made sense of */
	AUTH_TEMPERROR, /* the DNS did not answer */
	AUTH_PERMERROR, /* something that is needed is missing: a key, a field */
};

extern const char *const auth_result_words[]; /* NULL-terminated */

#endif
