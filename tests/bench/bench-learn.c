/*
 * The learning filter on labelled mail. tests/bench/learn runs it, beside bogofilter.
 *
 *   bench-learn online LIST                 each message is judged, then learnt, in the order of the list
 *   bench-learn blocks TRAIN-LIST LIST      all spam of the first list is learnt, then all ham; the second is judged
 *   bench-learn folds LIST                  the same with every other message of the list, and with the others
 *
 * A line of a list is "LABEL PATH", LABEL is spam or ham. Prints ROC area, catch rate at 0.1 % and 0.2 %
 * false positives, how well the probabilities fit (mean loss of the logarithm, and how many were spam of those
 * that were judged to be so likely), and the CPU time of a message: parsing, features and model, and the medians of
 * the last two for messages of 9 to 11 KB.
 * online also prints the rates of its second half, when what there is to know was learnt. With -v also the ham
 * that was judged worst and the spam that was judged best. With --rules GLOB the rules of those files run before,
 * and those that hit are features.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/chain.h"
#include "core/content/content.h"
#include "rules/learn/learner.h"

struct mail {
	struct str path;
	bool is_spam;
	double odds, probability;
};

struct list {
	struct mail *v;
	size_t n, ham, spam;
};

enum { NEAR_MAX = 100000 };

struct cost {
	int64_t parse, features, model, bytes;
	int64_t *near_features, *near_model; /* of messages of about 10 KB */
	size_t near_count;
};

extern const struct filter rules_filter;

static struct arena *arena;
static struct chain *chain;

static struct list read_list(const char *path)
{
	struct list list = {0};
	char line[4096], file[3000], label[16];
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%15s %2999s", label, file) != 2)
			continue;
		list.v = realloc(list.v, (list.n + 1) * sizeof *list.v);
		list.v[list.n] = (struct mail){.path = arena_str(arena, str_of(file)), .is_spam = strcmp(label, "spam") == 0};
		list.spam += list.v[list.n].is_spam;
		list.ham += !list.v[list.n].is_spam;
		list.n++;
	}
	fclose(f);
	return list;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct str map_file(struct str path)
{
	int fd = open(path.p, O_RDONLY);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
		perror(path.p);
		exit(1);
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	return (struct str){map, (size_t)st.st_size};
}

static struct cost cost_start(void)
{
	struct cost cost = {0};

	cost.near_features = arena_array(arena, NEAR_MAX, sizeof(int64_t));
	cost.near_model = arena_array(arena, NEAR_MAX, sizeof(int64_t));
	return cost;
}

static void cost_add(struct cost *cost, const int64_t t[4], size_t bytes)
{
	cost->parse += t[1] - t[0];
	cost->features += t[2] - t[1];
	cost->model += t[3] - t[2];
	cost->bytes += (int64_t)bytes;
	if (bytes < 9000 || bytes > 11000 || cost->near_count == NEAR_MAX)
		return;
	cost->near_features[cost->near_count] = t[2] - t[1];
	cost->near_model[cost->near_count++] = t[3] - t[2];
}

static int by_size(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return (a > b) - (a < b);
}

static double median_us(int64_t *v, size_t n)
{
	qsort(v, n, sizeof *v, by_size);
	return n ? (double)v[n / 2] / 1000 : 0;
}

static void one(struct learner *l, struct mail *mail, bool judges, bool learns, struct cost *cost)
{
	struct str file = map_file(mail->path), data = file;
	struct session *s = session_new(chain, NULL, FACE_SCAN);
	struct message *m = message_start(s);
	struct learner_verdict v = {.probability = 0.5};
	struct feature_source source = {.learner = l};
	struct features f;
	int64_t t[4], before_rules;

	if (str_starts(data, STR("From "))) /* of an mbox */
		data = str_from(data, (size_t)str_chr(data, '\n') + 1);
	t[0] = cpu_ns();
	m->spool = spool_of(data);
	headers_parse(m->arena, data, &m->headers);
	message_content(m);
	before_rules = cpu_ns();
	chain_run(s, STAGE_MESSAGE);
	feature_source_take(&source, m);
	t[1] = cpu_ns();
	t[0] += t[1] - before_rules;
	features_make(m->arena, m, &source, &f);
	t[2] = cpu_ns();
	if (judges)
		learner_judge(l, STR(""), 1, &f, &v);
	t[3] = cpu_ns();
	cost_add(cost, t, data.n);
	if (judges) {
		mail->odds = v.odds;
		mail->probability = v.probability;
	}
	if (learns)
		learner_learn(l, STR(""), &f, mail->is_spam);
	session_free(s);
	munmap((void *)file.p, file.n);
}

static int by_odds(const void *x, const void *y)
{
	const struct mail *a = x, *b = y;

	return (a->odds < b->odds) - (a->odds > b->odds);
}

static double catch_at(const struct list *list, double rate)
{
	size_t allowed = (size_t)(rate * (double)list->ham), wrong = 0, caught = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].is_spam)
			caught++;
		else if (++wrong > allowed)
			break;
	}
	return 100.0 * (double)caught / (double)list->spam;
}

static double area(const struct list *list)
{
	double above = 0, sum = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->v[i].is_spam)
			above++;
		else
			sum += above;
	}
	return sum / ((double)list->spam * (double)list->ham);
}

static double loss(const struct list *list)
{
	double sum = 0;

	for (size_t i = 0; i < list->n; i++)
		sum += log1p(exp(list->v[i].is_spam ? -list->v[i].odds : list->v[i].odds));
	return sum / (double)list->n;
}

static void worst(const struct list *list)
{
	size_t left = 15;

	for (size_t i = 0; i < list->n && left; i++)
		if (!list->v[i].is_spam && left--)
			printf("  ham judged %.2f  %s\n", list->v[i].odds, list->v[i].path.p);
	left = 15;
	for (size_t i = list->n; i > 0 && left; i--)
		if (list->v[i - 1].is_spam && left--)
			printf("  spam judged %.2f  %s\n", list->v[i - 1].odds, list->v[i - 1].path.p);
}

/* Of the messages with such a probability, how many were spam? */
static void reliability(const struct list *list)
{
	static const double edges[] = {0, 0.01, 0.1, 0.5, 0.9, 0.99, 1.01};

	for (size_t e = 0; e + 1 < sizeof edges / sizeof *edges; e++) {
		size_t n = 0, spam = 0;

		for (size_t i = 0; i < list->n; i++) {
			if (list->v[i].probability < edges[e] || list->v[i].probability >= edges[e + 1])
				continue;
			n++;
			spam += list->v[i].is_spam;
		}
		printf("%s up to %.0f %%: %.2f %% of %zu", e ? "," : "  were spam of those judged", fmin(100, 100 * edges[e + 1]),
		    n ? 100.0 * (double)spam / (double)n : 0, n);
	}
	printf("\n");
}

static struct list part(const struct list *whole, size_t from)
{
	struct list list = {.v = whole->v + from, .n = whole->n - from};

	for (size_t i = 0; i < list.n; i++)
		list.spam += list.v[i].is_spam;
	list.ham = list.n - list.spam;
	return list;
}

static void second_half(const struct list *whole)
{
	struct list list = part(whole, whole->n / 2);

	qsort(list.v, list.n, sizeof *list.v, by_odds);
	printf("  of the second half caught at 0.1 %% %.2f %%, at 0.2 %% %.2f %%\n", catch_at(&list, 0.001), catch_at(&list, 0.002));
}

static void report(struct list *list, struct cost *cost, bool is_verbose)
{
	double n = (double)list->n * 1000;

	qsort(list->v, list->n, sizeof *list->v, by_odds);
	printf("%zu ham, %zu spam: area %.5f, caught at 0.1 %% %.2f %%, at 0.2 %% %.2f %%, loss %.4f; "
	       "a message of %.1f KB costs %.0f us to read, %.0f us features, %.0f us model (median of 9 to 11 KB: %.0f and %.0f us)\n",
	    list->ham, list->spam, area(list), catch_at(list, 0.001), catch_at(list, 0.002), loss(list),
	    (double)cost->bytes / n, (double)cost->parse / n, (double)cost->features / n, (double)cost->model / n,
	    median_us(cost->near_features, cost->near_count), median_us(cost->near_model, cost->near_count));
	reliability(list);
	if (is_verbose)
		worst(list);
}

static void online(struct learner *l, const char *path, bool is_verbose)
{
	struct list list = read_list(path);
	struct cost cost = cost_start();

	for (size_t i = 0; i < list.n; i++)
		one(l, &list.v[i], true, true, &cost);
	second_half(&list);
	report(&list, &cost, is_verbose);
	free(list.v);
}

/* Learns the spam of some, then the ham. */
static void learn_blocks(struct learner *l, const struct list *list, size_t from, size_t step)
{
	struct cost unused = cost_start();

	for (int kind = 1; kind >= 0; kind--)
		for (size_t i = from; i < list->n; i += step)
			if (list->v[i].is_spam == kind)
				one(l, &list->v[i], false, true, &unused);
}

static void blocks(struct learner *l, const char *train, const char *test, bool is_verbose)
{
	struct list list = read_list(train);
	struct cost cost = cost_start();

	learn_blocks(l, &list, 0, 1);
	free(list.v);
	list = read_list(test);
	for (size_t i = 0; i < list.n; i++)
		one(l, &list.v[i], true, false, &cost);
	report(&list, &cost, is_verbose);
	free(list.v);
}

static void folds(const char *path, bool is_verbose)
{
	struct list list = read_list(path);
	struct cost cost = cost_start();

	for (size_t fold = 0; fold < 2; fold++) {
		struct learner *l = learner_new(NULL, NULL);

		learn_blocks(l, &list, fold, 2);
		for (size_t i = 1 - fold; i < list.n; i += 2)
			one(l, &list.v[i], true, false, &cost);
		learner_free(l);
	}
	report(&list, &cost, is_verbose);
	free(list.v);
}

/* With the rules of these files, if any. */
static void open_chain(const char *rules)
{
	static const struct filter *const known[] = {&rules_filter, NULL};
	static struct filter_env env;
	struct fact_registry *facts = fact_registry_new(arena);
	struct conf_load load;

	env.arena = arena;
	fact_registry_add(facts, core_facts);
	chain = chain_new(arena, &env, facts);
	conf_load_init(&load, arena);
	if (rules) {
		chain_add(chain, &load, conf_parse_text(&load, "bench", arena_printf(arena, "filter rules { load \"%s\"; }", rules)), known);
		env.chain = chain;
	}
	if (chain_open(chain, &load))
		return;
	conf_errors_tell(&load);
	exit(1);
}

int main(int argc, char **argv)
{
	struct learner *l = learner_new(NULL, NULL);
	bool is_verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	const char *rules = NULL;

	argc -= is_verbose;
	argv += is_verbose;
	if (argc > 2 && strcmp(argv[1], "--rules") == 0) {
		rules = argv[2];
		argc -= 2;
		argv += 2;
	}
	arena = arena_new(0);
	open_chain(rules);
	if (argc == 3 && strcmp(argv[1], "online") == 0)
		online(l, argv[2], is_verbose);
	else if (argc == 4 && strcmp(argv[1], "blocks") == 0)
		blocks(l, argv[2], argv[3], is_verbose);
	else if (argc == 3 && strcmp(argv[1], "folds") == 0)
		folds(argv[2], is_verbose);
	else
		return 2;
	learner_free(l);
	chain_close(chain);
	arena_free(arena);
	return 0;
}
