/*
 * mailreeved --self-test: puts each kind of process into its sandbox and tries what must not work.
 * Exit 1 when the kernel offers a protection that is not in force, or one does not hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gateway/role.h"
#include "gateway/selftest.h"
#include "lib/sandbox.h"

/* Bits of capabilities that are in force; 0 is what a role must have. */
static uint64_t capabilities(void)
{
	char line[200];
	unsigned long long bits = ~0ull;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "CapEff: %llx", &bits) == 1)
			break;
	if (f)
		fclose(f);
	return bits;
}

/* In a child: prints a line for each thing; the exit status is 1 when one is possible that must not be. */
static int try_all(const struct role_env *env, enum sandbox_kind kind, const struct sandbox_path *paths, size_t n)
{
	struct sandbox s;
	bool ok;
	uint64_t rights;

	if (env->is_root)
		role_give_up_root(env);
	rights = env->uid ? capabilities() : 0; /* started as root for root: nothing to give up */
	ok = sandbox_enter(kind, paths, n, &s) && rights == 0;
	printf("%s: account %u, capabilities %s, seccomp %s, Landlock %s%s%s\n", sandbox_name(kind), (unsigned)geteuid(),
	    !env->uid ? "all of root" : rights ? "NOT DROPPED" : "none", s.has_seccomp ? "in force" : "NOT IN FORCE",
	    s.has_landlock ? "in force" : s.landlock_abi ? "NOT IN FORCE" : "not offered by this kernel",
	    s.error[0] ? ": " : "", s.error);
	for (int probe = 0; probe < PROBES; probe++) {
		bool can, must_not;

		fflush(stdout); /* a process that a probe makes must not say it again */
		can = sandbox_can(probe);
		must_not = sandbox_denies(kind, probe, &s);

		printf("  %-18s %s%s\n", sandbox_probe_name(probe), can ? "yes" : "no", can && must_not ? "  <- MUST NOT BE POSSIBLE" : "");
		ok &= !(can && must_not);
	}
	fflush(stdout);
	return ok ? 0 : 1;
}

static bool test_kind(const struct role_env *env, enum sandbox_kind kind, const struct sandbox_path *paths, size_t n)
{
	int status = 1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(try_all(env, kind, paths, n));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (WIFSIGNALED(status))
		printf("%s: ended by signal %d\n", sandbox_name(kind), WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int self_test(const struct config *config)
{
	struct role_env env = {.config = config};
	struct arena *a = arena_new(0);
	struct sandbox_path paths[ROLE_PATHS], scanner[] = {{"/", false}}, worker[] = {{"/usr/lib", false}};
	size_t n = role_paths(&env, a, paths);
	bool ok = role_account(&env);

	unsetenv("REEVE_SECCOMP"); /* what is tried must be denied, not the end */
	for (int kind = 0; kind < SANDBOX_KINDS; kind++)
		ok &= kind == SANDBOX_WORKER ? test_kind(&env, kind, worker, 1) :
		    kind >= SANDBOX_SUPERVISOR ? test_kind(&env, kind, scanner, 1) : test_kind(&env, kind, paths, n);
	puts(ok ? "all that this kernel offers is in force" : "A PROTECTION IS MISSING");
	fflush(stdout);
	arena_free(a);
	return ok ? 0 : 1;
}
