/* SPDX-License-Identifier: MIT */
/*
 * How a test program of IGT talks: options, the words on stdout and stderr that
 * igt_runner reads, markers in the kernel log, exit statuses. A stand-alone
 * rendering of the conventions in IGT's documentation; nothing of IGT is linked.
 */
#ifndef SCENARIOS_IGT_H
#define SCENARIOS_IGT_H

#include <stdbool.h>

/* Exit statuses of IGT. */
#define IGT_EXIT_SUCCESS 0
#define IGT_EXIT_SKIP	77
#define IGT_EXIT_INVALID 79
#define IGT_EXIT_FAILURE 98
#define IGT_EXIT_ABORT	112

struct igt_subtest {
	char name[64];
	char describe[160];
	const void *data;	/* the test's own */
};

/*
 * A whole test program: @list has all subtests, @fixture runs once before the
 * first, @run runs one; both return an IGT_EXIT_* value. ABORT ends the program.
 */
struct igt_test {
	const char *name, *describe;
	const struct igt_subtest *list;
	unsigned int count;
	int (*fixture)(const char *device);
	int (*run)(const struct igt_subtest *s);
};

/* Options, then what they ask for. Returns the exit status of the program. */
int igt_main(int argc, char **argv, const struct igt_test *test);

/* A line of information; a reason for failure; a requirement that is not met. */
void igt_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void igt_critical(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void igt_requirement(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Whether @name is one of the comma-separated patterns of --run-subtest; those
 * with a leading '!' take names out again.
 */
bool igt_matches(const char *name, const char *patterns);

#endif
