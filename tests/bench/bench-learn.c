/*
 * The learning filter on labelled mail: each message is judged, then learnt, in the order of the
 * index. Prints ROC area, catch rate at 0.1 % and 0.2 % false positives, microseconds a message.
 *
 *   bench-learn INDEX.tsv [TEST-INDEX.tsv]     with two: trains on the first, judges the second
 *
 * An index has the columns file, label (ham or spam) and seq; files are relative to its folder. With
 * one index the order is by a hash of the name, for corpora are sorted by kind.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/chain.h"
#include "lib/clock.h"
#include "rules/learner.h"

struct mail {
	struct str path;
	bool is_spam;
	uint64_t order;
};

struct result {
	double probability;
	bool is_spam;
};

static struct arena *arena;
static struct chain *chain;

static struct mail *read_index(const char *path, size_t *ret_n)
{
	struct mail *list = NULL;
	char *copy = strdup(path), line[4096], file[2048], label[16];
	const char *folder = dirname(copy);
	FILE *f = fopen(path, "r");
	size_t n = 0;

	if (!f) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%2047s %15s", file, label) != 2 || strcmp(label, "label") == 0)
			continue;
		list = realloc(list, (n + 1) * sizeof *list);
		list[n].path = arena_printf(arena, "%s/%s", folder, file);
		list[n].is_spam = strcmp(label, "spam") == 0;
		list[n].order = str_hash(str_of(file)) * 0x9e3779b97f4a7c15u;
		n++;
	}
	fclose(f);
	free(copy);
	*ret_n = n;
	return list;
}

static int by_order(const void *x, const void *y)
{
	const struct mail *a = x, *b = y;

	return (a->order > b->order) - (a->order < b->order);
}

static int by_probability(const void *x, const void *y)
{
	const struct result *a = x, *b = y;

	return (a->probability < b->probability) - (a->probability > b->probability);
}

/* Calls judge with the features; the clock runs for parsing, features and model. */
static double one(struct learner *l, const struct mail *mail, bool learns, int64_t *ns)
{
	int fd = open(mail->path.p, O_RDONLY);
	struct stat st;
	struct session *s;
	struct features f;
	void *map;
	double p;
	int64_t start;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		exit(1);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	start = clock_ticks_ns();
	s = session_new(chain, NULL, FACE_SCAN);
	message_start(s)->spool = spool_of((struct str){map, (size_t)st.st_size});
	headers_parse(s->message->arena, (struct str){map, (size_t)st.st_size}, &s->message->headers);
	features_make(s->message->arena, s->message, &f);
	p = learner_probability(l, &f);
	*ns += clock_ticks_ns() - start;
	if (learns)
		learner_learn(l, &f, mail->is_spam);
	session_free(s);
	munmap(map, (size_t)st.st_size);
	close(fd);
	return p;
}

static double catch_at(const struct result *r, size_t n, size_t ham, size_t spam, double rate)
{
	size_t allowed = (size_t)(rate * (double)ham), wrong = 0, caught = 0;

	for (size_t i = 0; i < n; i++) {
		if (r[i].is_spam)
			caught++;
		else if (++wrong > allowed)
			break;
	}
	return 100.0 * (double)caught / (double)spam;
}

static void report(struct result *r, size_t n, int64_t ns)
{
	size_t spam = 0, ham = 0;
	double area = 0;

	qsort(r, n, sizeof *r, by_probability);
	for (size_t i = 0; i < n; i++) {
		if (r[i].is_spam)
			spam++;
		else {
			ham++;
			area += (double)spam;
		}
	}
	printf("%zu messages, %zu spam: area %.5f, caught at 0.1 %% %.2f %%, at 0.2 %% %.2f %%, %.0f us a message\n", n, spam,
	    area / ((double)spam * (double)ham), catch_at(r, n, ham, spam, 0.001), catch_at(r, n, ham, spam, 0.002),
	    (double)ns / 1000 / (double)n);
}

int main(int argc, char **argv)
{
	struct filter_env env = {0};
	struct fact_registry *facts;
	struct learner *l = learner_new(NULL);
	struct result *results;
	struct mail *mails;
	int64_t ns = 0;
	size_t n;

	if (argc < 2)
		return 2;
	env.arena = arena = arena_new(0);
	facts = fact_registry_new(arena);
	fact_registry_add(facts, core_facts);
	chain = chain_new(arena, &env, facts);
	mails = read_index(argv[1], &n);
	qsort(mails, n, sizeof *mails, by_order);
	results = calloc(n, sizeof *results);
	for (size_t i = 0; i < n; i++)
		results[i] = (struct result){one(l, &mails[i], true, &ns), mails[i].is_spam};
	report(results, n, ns);
	if (argc > 2) {
		free(mails);
		free(results);
		mails = read_index(argv[2], &n);
		results = calloc(n, sizeof *results);
		ns = 0;
		for (size_t i = 0; i < n; i++)
			results[i] = (struct result){one(l, &mails[i], false, &ns), mails[i].is_spam};
		report(results, n, ns);
	}
	free(mails);
	free(results);
	learner_free(l);
	arena_free(arena);
	return 0;
}
