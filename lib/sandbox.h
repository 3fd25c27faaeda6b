/*
 * What a process may still do after it has settled: an allow-list of system calls (seccomp) and of
 * folders (Landlock, where the kernel has it), for good and for all its children. Call it before
 * there are threads. The lists are tables in sandbox.c, one row per kind of process.
 *
 * What is not allowed fails with EPERM; with REEVE_SECCOMP=kill in the environment (for tests) it
 * ends the process.
 */
#ifndef REEVE_LIB_SANDBOX_H
#define REEVE_LIB_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_kind {
	SANDBOX_GATEWAY,
	SANDBOX_MILTER,
	SANDBOX_RELAY,
	SANDBOX_REPORTS,
	SANDBOX_SUPERVISOR, /* of the scanner */
	SANDBOX_TEMPLATE,
	SANDBOX_WORKER,
	SANDBOX_KINDS,
};

struct sandbox_path {
	const char *path; /* a folder or file; one that is not there is left out */
	bool is_writable;
	bool may_lose; /* empty folders in it may be removed, nothing else */
};

struct sandbox {
	int landlock_abi;	    /* of the kernel; 0: it has none */
	bool has_landlock, has_seccomp; /* in force now */
	char error[200];	    /* what could not be done; "" nothing */
};

const char *sandbox_name(enum sandbox_kind kind);
/* False when a protection that the kernel offers could not be put in force. */
bool sandbox_enter(enum sandbox_kind kind, const struct sandbox_path *paths, size_t count, struct sandbox *ret);

/* What a settled process can still do, by trying: for the self-test. */
enum sandbox_probe {
	PROBE_EXECUTE,
	PROBE_TRACE,
	PROBE_SOCKET,	   /* a network socket */
	PROBE_FORK,
	PROBE_READ_OUTSIDE, /* /etc/passwd */
	PROBE_WRITE_OUTSIDE, /* a file in / or /tmp */
	PROBE_KERNEL,	   /* calls that open other parts of the kernel: namespaces, io_uring, keys, BPF */
	PROBE_RIGHTS,	   /* gain rights by running a program */
	PROBES,
};
const char *sandbox_probe_name(enum sandbox_probe probe);
bool sandbox_can(enum sandbox_probe probe);
/* It must not be possible, given what is in force. */
bool sandbox_denies(enum sandbox_kind kind, enum sandbox_probe probe, const struct sandbox *s);

#endif
