// SPDX-License-Identifier: MIT
/*
 * The outside of an IGT test program, see igt.h.
 */
#define _GNU_SOURCE
#include "igt.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define VERSION "2.0-xe-unplug"

static const struct igt_test *test;

/* The runner cuts the log at these markers. */
static void log_to_kernel(const char *fmt, ...)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char text[200];
	va_list ap;
	int n;

	if (fd < 0)
		return;
	n = snprintf(text, sizeof(text), "<6>[IGT] %s: ", test->name);
	va_start(ap, fmt);
	n += vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	if (write(fd, text, n) != n)
		fprintf(stderr, "kernel log: not written\n");
	close(fd);
}

void igt_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
}

void igt_critical(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "(%s:%d) CRITICAL: Failed assertion: ", test->name, (int)getpid());
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	fflush(stderr);
}

void igt_requirement(const char *fmt, ...)
{
	va_list ap;

	printf("Test requirement not met:\nTest requirement: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

bool igt_matches(const char *name, const char *patterns)
{
	char *copy = strdup(patterns), *rest = copy, *p;
	bool matches = false;

	while (copy && (p = strsep(&rest, ","))) {
		bool out = *p == '!';

		if (!fnmatch(p + out, name, 0))
			matches = !out;
	}
	free(copy);
	return matches;
}

static const char *word(int status)
{
	return status == IGT_EXIT_SUCCESS ? "SUCCESS" : status == IGT_EXIT_SKIP ? "SKIP" : "FAIL";
}

/* Both streams carry the markers: the runner joins them by these. */
static void say_both(const char *fmt, ...)
{
	FILE *const streams[] = { stdout, stderr };

	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		va_list ap;

		va_start(ap, fmt);
		vfprintf(streams[i], fmt, ap);
		va_end(ap);
		fflush(streams[i]);
	}
}

static int run_subtest(const struct igt_subtest *s)
{
	uint64_t began = scn_now_ms(), took;
	int status;

	log_to_kernel("starting subtest %s", s->name);
	say_both("Starting subtest: %s\n", s->name);
	status = test->run(s);
	took = scn_now_ms() - began;
	if (status != IGT_EXIT_SUCCESS && status != IGT_EXIT_SKIP)
		fprintf(stderr, "Subtest %s failed.\n", s->name);
	say_both("Subtest %s: %s (%llu.%03llus)\n", s->name, word(status),
		 (unsigned long long)took / 1000, (unsigned long long)took % 1000);
	log_to_kernel("finished subtest %s, ret=%s", s->name, word(status));
	return status;
}

static int run_all(const char *patterns, const char *device)
{
	unsigned int passed = 0, failed = 0, skipped = 0, matched = 0;
	struct utsname u;
	int status;

	for (unsigned int i = 0; i < test->count; i++)
		matched += !patterns || igt_matches(test->list[i].name, patterns);
	if (!matched) {
		fprintf(stderr, "Unknown subtest: %s\n", patterns);
		return IGT_EXIT_INVALID;
	}
	uname(&u);
	igt_info("IGT-Version: %s (%s) (Linux: %s %s)\n", VERSION, u.machine, u.release, u.machine);
	igt_info("Using IGT_SRANDOM=%lld for randomisation\n", (long long)time(NULL));
	log_to_kernel("executing");
	status = test->fixture(device);
	for (unsigned int i = 0; i < test->count && status == IGT_EXIT_SUCCESS; i++) {
		const struct igt_subtest *s = &test->list[i];
		int one;

		if (patterns && !igt_matches(s->name, patterns))
			continue;
		one = run_subtest(s);
		passed += one == IGT_EXIT_SUCCESS;
		skipped += one == IGT_EXIT_SKIP;
		failed += one != IGT_EXIT_SUCCESS && one != IGT_EXIT_SKIP;
		if (one == IGT_EXIT_ABORT)
			status = one;
	}
	if (status == IGT_EXIT_SUCCESS)
		status = failed ? IGT_EXIT_FAILURE : !passed && skipped ? IGT_EXIT_SKIP : status;
	log_to_kernel("exiting, ret=%d", status);
	return status;
}

static void list(const char *patterns, bool describe)
{
	if (describe && !patterns)
		printf("%s\n\n", test->describe);
	for (unsigned int i = 0; i < test->count; i++) {
		const struct igt_subtest *s = &test->list[i];

		if (patterns && !igt_matches(s->name, patterns))
			continue;
		if (describe)
			printf("SUB %s:\n  %s\n", s->name, s->describe);
		else
			printf("%s\n", s->name);
	}
}

static void help(FILE *to)
{
	fprintf(to,
		"Usage: %s [OPTIONS]\n"
		"  --list-subtests\n"
		"  --run-subtest <pattern>[,...]\n"
		"  --describe[=<pattern>]\n"
		"  --device <PCI address>\n"
		"  --debug[=domain], --interactive-debug[=domain], --skip-crc-compare: taken, without effect\n"
		"  --help-description\n"
		"  --version\n"
		"  --help\n", test->name);
}

int igt_main(int argc, char **argv, const struct igt_test *t)
{
	enum { LIST = 256, RUN, DESCRIBE, DEVICE, DEBUG, HELP_DESCRIPTION, SHOW_VERSION, HELP };
	static const struct option options[] = {
		{ "list-subtests", no_argument, NULL, LIST },
		{ "run-subtest", required_argument, NULL, RUN },
		{ "r", required_argument, NULL, RUN },
		{ "describe", optional_argument, NULL, DESCRIBE },
		{ "device", required_argument, NULL, DEVICE },
		{ "debug", optional_argument, NULL, DEBUG },
		{ "interactive-debug", optional_argument, NULL, DEBUG },
		{ "skip-crc-compare", no_argument, NULL, DEBUG },
		{ "help-description", no_argument, NULL, HELP_DESCRIPTION },
		{ "version", no_argument, NULL, SHOW_VERSION },
		{ "help", no_argument, NULL, HELP },
		{ 0 }
	};
	const char *patterns = NULL, *device = getenv("IGT_DEVICE");
	int o;

	test = t;
	while ((o = getopt_long_only(argc, argv, "", options, NULL)) >= 0) {
		switch (o) {
		case LIST:
			list(NULL, false);
			return IGT_EXIT_SUCCESS;
		case RUN:
			patterns = optarg;
			break;
		case DESCRIBE:
			list(optarg, true);
			return IGT_EXIT_SUCCESS;
		case DEVICE:
			device = optarg;
			break;
		case DEBUG:
			break;
		case HELP_DESCRIPTION:
			printf("%s\n", t->describe);
			return IGT_EXIT_SUCCESS;
		case SHOW_VERSION:
			printf("IGT-Version: %s\n", VERSION);
			return IGT_EXIT_SUCCESS;
		case HELP:
			help(stdout);
			return IGT_EXIT_SUCCESS;
		default:
			help(stderr);
			return IGT_EXIT_INVALID;
		}
	}
	if (optind < argc) {
		help(stderr);
		return IGT_EXIT_INVALID;
	}
	return run_all(patterns, device);
}
