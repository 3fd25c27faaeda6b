/* Replies of next hops, which may be hostile. */
#include "gateway/relay/reply.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str in = fuzz_input(p, n);
	struct reply reply;

	while (in.n && reply_parse(in, &reply) == REPLY_DONE) {
		assert(reply.code >= 200 && reply.code <= 599 && reply.length > 0 && reply.length <= in.n);
		assert(reply.text_length <= REPLY_TEXT_MAX);
		for (size_t i = 0; i < reply.text_length; i++)
			assert(reply.text[i] == '\n' || (unsigned char)reply.text[i] >= 0x20);
		in = str_from(in, reply.length);
	}
	return 0;
}
