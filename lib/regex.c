/* PCRE2 behind a small interface: compile once with JIT, match with limits, never allocate per match. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/regex.h"

#include <assert.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>

enum { JIT_STACK_FIRST = 32 * 1024, JIT_STACK_MOST = 512 * 1024, REGEX_MAGIC = 0x4e9e7001,
	SLOW_SHARE = REGEX_MATCH_LIMIT / REGEX_SLOW_MATCH_LIMIT };

struct regex {
	unsigned magic;
	bool is_fast;
	pcre2_code *code;
	size_t min_length, groups;
	const char **names; /* by group; NULL when no group has one */
};

struct regex_scratch {
	pcre2_match_data *data;
	pcre2_match_context *fast, *slow;
	pcre2_jit_stack *stack;
	int groups; /* of the last match; 0: none */
	unsigned limit;
	struct regex_scratch *next; /* in a pool */
};

struct regex_pool {
	pthread_mutex_t lock;
	struct regex_scratch *spare;
};

static void study(struct regex *re, struct arena *a);

static const struct {
	unsigned flag;
	uint32_t option;
} options[] = {
    {REGEX_CASELESS, PCRE2_CASELESS},
    {REGEX_MULTILINE, PCRE2_MULTILINE},
    {REGEX_DOTALL, PCRE2_DOTALL},
    {REGEX_EXTENDED, PCRE2_EXTENDED},
    {REGEX_UTF, PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C},
    {REGEX_UCP, PCRE2_UCP},
    {REGEX_ANCHORED, PCRE2_ANCHORED},
    {REGEX_NO_CAPTURE, PCRE2_NO_AUTO_CAPTURE},
};

static void regex_free(void *arg)
{
	struct regex *re = arg;

	re->magic = 0;
	pcre2_code_free(re->code);
}

struct regex *regex_new(struct arena *a, struct str pattern, unsigned flags, struct str *ret_error,
    size_t *ret_offset)
{
	struct regex *re;
	pcre2_code *code;
	uint32_t bits = 0;
	int error = 0;
	size_t offset = 0;

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (flags & options[i].flag)
			bits |= options[i].option;
	if (pattern.n > REGEX_PATTERN_MAX) {
		*ret_error = arena_printf(a, "longer than %d octets", REGEX_PATTERN_MAX);
		*ret_offset = REGEX_PATTERN_MAX;
		return NULL;
	}
	code = pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n, bits, &error, &offset, NULL);
	if (!code) {
		char text[200];
		pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
		*ret_error = arena_printf(a, "%s", text);
		*ret_offset = offset;
		return NULL;
	}
	re = arena_alloc(a, sizeof *re);
	*re = (struct regex){.magic = REGEX_MAGIC, .code = code};
	pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
	study(re, a);
	arena_defer(a, regex_free, re);
	return re;
}

static void study(struct regex *re, struct arena *a)
{
	uint32_t n = 0, count = 0, size = 0;
	PCRE2_SPTR table = NULL;
	size_t jit_size = 0;

	/* The compiler also says yes where it did nothing, as for (*NO_JIT). */
	pcre2_pattern_info(re->code, PCRE2_INFO_JITSIZE, &jit_size);
	re->is_fast = jit_size > 0;
	pcre2_pattern_info(re->code, PCRE2_INFO_MINLENGTH, &n);
	re->min_length = n;
	n = 0;
	pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &n);
	re->groups = n;
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMECOUNT, &count);
	if (count == 0)
		return;
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMETABLE, &table);
	pcre2_pattern_info(re->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	re->names = arena_array(a, re->groups + 1, sizeof *re->names);
	for (uint32_t i = 0; i < count; i++, table += size) {
		size_t group = (size_t)table[0] << 8 | table[1];
		if (group <= re->groups)
			re->names[group] = arena_cstr(a, str_of((const char *)table + 2));
	}
}

bool regex_is_fast(const struct regex *re)
{
	return re->is_fast;
}

size_t regex_min_length(const struct regex *re)
{
	return re->min_length;
}

size_t regex_group_count(const struct regex *re)
{
	return re->groups;
}

const char *regex_group_name(const struct regex *re, size_t group)
{
	return re->names && group <= re->groups ? re->names[group] : NULL;
}

static pcre2_match_context *context_new(void)
{
	pcre2_match_context *c = pcre2_match_context_create(NULL);

	if (!c)
		abort();
	pcre2_set_heap_limit(c, REGEX_HEAP_KIB);
	pcre2_set_depth_limit(c, REGEX_DEPTH_LIMIT);
	return c;
}

struct regex_scratch *regex_scratch_new(void)
{
	struct regex_scratch *s = calloc(1, sizeof *s);

	if (!s)
		abort();
	s->data = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
	s->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MOST, NULL);
	s->fast = context_new();
	s->slow = context_new();
	regex_scratch_limit(s, 0);
	if (!s->data)
		abort();
	/* Without a stack of ours (no JIT in this build) PCRE2 takes 32 KiB of the machine's. */
	if (s->stack)
		pcre2_jit_stack_assign(s->fast, NULL, s->stack);
	return s;
}

void regex_scratch_limit(struct regex_scratch *s, unsigned limit)
{
	limit = limit ? limit : REGEX_MATCH_LIMIT;
	if (limit == s->limit)
		return;
	s->limit = limit;
	pcre2_set_match_limit(s->fast, limit);
	pcre2_set_match_limit(s->slow, limit / SLOW_SHARE);
}

void regex_scratch_free(struct regex_scratch *s)
{
	if (!s)
		return;
	pcre2_match_context_free(s->fast);
	pcre2_match_context_free(s->slow);
	pcre2_jit_stack_free(s->stack);
	pcre2_match_data_free(s->data);
	free(s);
}

/*
 * pcre2_jit_match() skips the checks of pcre2_match(): it is right here because the options are
 * always 0, the offset is inside, and UTF patterns are compiled for any octets.
 */
static int run(const struct regex *re, struct regex_scratch *s, struct str subject, size_t from)
{
	PCRE2_SPTR p = (PCRE2_SPTR)(subject.p ? subject.p : "");

	if (re->is_fast)
		return pcre2_jit_match(re->code, p, subject.n, from, 0, s->data, s->fast);
	if (subject.n > REGEX_SLOW_SUBJECT_MAX)
		subject.n = REGEX_SLOW_SUBJECT_MAX;
	if (from > subject.n)
		return PCRE2_ERROR_NOMATCH;
	return pcre2_match(re->code, p, subject.n, from, 0, s->data, s->slow);
}

enum regex_result regex_match(const struct regex *re, struct regex_scratch *s, struct str subject,
    size_t from, struct regex_hit *ret_hit)
{
	const size_t *ends;
	int rc;

	assert(re->magic == REGEX_MAGIC);
	s->groups = 0;
	if (from > subject.n)
		return REGEX_NO;
	rc = run(re, s, subject, from);
	/* Offsets inside a character of a UTF pattern and the like are no match either. */
	if (rc == PCRE2_ERROR_NOMATCH || rc == PCRE2_ERROR_BADUTFOFFSET)
		return REGEX_NO;
	if (rc < 0)
		return REGEX_LIMIT;
	s->groups = rc ? rc : REGEX_GROUPS_MAX;
	if (ret_hit) {
		ends = pcre2_get_ovector_pointer(s->data);
		*ret_hit = (struct regex_hit){ends[0], ends[1]};
	}
	return REGEX_MATCH;
}

struct str regex_group(const struct regex_scratch *s, struct str subject, size_t group)
{
	const size_t *ends = pcre2_get_ovector_pointer(s->data);

	if (group >= (size_t)s->groups || ends[2 * group] == PCRE2_UNSET)
		return STR_NONE;
	return str_sub(subject, ends[2 * group], ends[2 * group + 1] - ends[2 * group]);
}

static void pool_free(void *arg)
{
	struct regex_pool *pool = arg;

	while (pool->spare) {
		struct regex_scratch *s = pool->spare;
		pool->spare = s->next;
		regex_scratch_free(s);
	}
	pthread_mutex_destroy(&pool->lock);
}

struct regex_pool *regex_pool_new(struct arena *a)
{
	struct regex_pool *pool = arena_alloc(a, sizeof *pool);

	pthread_mutex_init(&pool->lock, NULL);
	arena_defer(a, pool_free, pool);
	return pool;
}

struct regex_scratch *regex_borrow(struct regex_pool *pool)
{
	struct regex_scratch *s;

	pthread_mutex_lock(&pool->lock);
	s = pool->spare;
	if (s)
		pool->spare = s->next;
	pthread_mutex_unlock(&pool->lock);
	return s ? s : regex_scratch_new();
}

void regex_give_back(struct regex_pool *pool, struct regex_scratch *s)
{
	pthread_mutex_lock(&pool->lock);
	s->next = pool->spare;
	pool->spare = s;
	pthread_mutex_unlock(&pool->lock);
}

bool regex_has_jit(void)
{
	struct arena *a = arena_new(0);
	struct str error;
	size_t offset;
	struct regex *re = regex_new(a, STR("^(?:a|ab)+c"), 0, &error, &offset);
	bool is_fast = re && re->is_fast;

	arena_free(a);
	return is_fast;
}
