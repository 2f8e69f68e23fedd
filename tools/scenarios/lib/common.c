// SPDX-License-Identifier: MIT
/*
 * Frame of a guest program, see common.h.
 */
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WATCHDOG_DEFAULT 15	/* less than the rig waits for an answer */

static struct {
	const struct scenario *scn;
	uint64_t watchdog;		/* seconds a step may take */
	uint64_t pause_at;		/* number of the ioctl to wait before, 0: none */
	uint64_t ioctls;		/* made so far */
	char step[160];			/* read by the signal handler */
	char why[1600];			/* failures of this step, "; " between */
	unsigned int failures;		/* number of them */
	char facts[1200];		/* members of the JSON object */
	bool failed;			/* any step failed so far */
	bool misused;			/* an unknown command came */
	bool closed;
} me;

uint64_t scn_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

uint64_t scn_now_ms(void)
{
	return scn_now_ns() / 1000000;
}

void scn_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000l };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

const char *scn_errname(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "unknown errno";
}

/* Append to @buf what fits; a cut text is better than none. */
static void append(char *buf, size_t size, const char *fmt, va_list ap)
{
	size_t n = strlen(buf);

	vsnprintf(buf + n, size - n, fmt, ap);
}

static void appendf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append(buf, size, fmt, ap);
	va_end(ap);
}

/* The same complaint about two objects is said once. */
static void add_failure(int err, const char *fmt, va_list ap)
{
	char text[800] = "";

	append(text, sizeof(text), fmt, ap);
	if (err)
		appendf(text, sizeof(text), ": %s (%s)", scn_errname(err), strerror(err));
	if (me.failures++ && strstr(me.why, text))
		return;
	appendf(me.why, sizeof(me.why), "%s%s", me.why[0] ? "; " : "", text);
}

int scn_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_failure(0, fmt, ap);
	va_end(ap);
	return -1;
}

int scn_fail_errno(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_failure(err, fmt, ap);
	va_end(ap);
	return -1;
}

unsigned int scn_failures(void)
{
	return me.failures;
}

int scn_skip(const char *fmt, ...)
{
	va_list ap;

	me.why[0] = 0;
	va_start(ap, fmt);
	append(me.why, sizeof(me.why), fmt, ap);
	va_end(ap);
	return SCN_SKIP;
}

int scn_misuse(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_failure(0, fmt, ap);
	va_end(ap);
	return SCN_USAGE;
}

void scn_fact(const char *name, uint64_t value)
{
	appendf(me.facts, sizeof(me.facts), "%s\"%s\": %llu",
		me.facts[0] ? ", " : "", name, (unsigned long long)value);
}

void scn_fact_str(const char *name, const char *value)
{
	char clean[128];
	size_t i;

	for (i = 0; value[i] && i < sizeof(clean) - 1; i++) {
		unsigned char c = value[i];

		clean[i] = c < ' ' || c == '"' || c == '\\' || c > '~' ? '?' : c;
	}
	clean[i] = 0;
	appendf(me.facts, sizeof(me.facts), "%s\"%s\": \"%s\"",
		me.facts[0] ? ", " : "", name, clean);
}

void scn_step(const char *fmt, ...)
{
	va_list ap;

	alarm(0);
	va_start(ap, fmt);
	vsnprintf(me.step, sizeof(me.step), fmt, ap);
	va_end(ap);
	alarm(me.watchdog);
}

void scn_boundary(void)
{
	uint64_t n = __atomic_add_fetch(&me.ioctls, 1, __ATOMIC_RELAXED);
	int c;

	if (n != me.pause_at)
		return;
	alarm(0);
	printf("boundary %llu\n", (unsigned long long)n);
	fflush(stdout);
	do
		c = getchar();
	while (c != '\n' && c != EOF);
	alarm(me.watchdog);
}

/* Only async-signal-safe calls: the main thread may be anywhere. */
static void on_alarm(int sig)
{
	static const char head[] = "fail watchdog: ", tail[] = " takes too long\n";
	ssize_t n;

	(void)sig;
	n = write(STDOUT_FILENO, head, sizeof(head) - 1);
	n = write(STDOUT_FILENO, me.step, strlen(me.step));
	n = write(STDOUT_FILENO, tail, sizeof(tail) - 1);
	(void)n;
	_exit(SCN_FAIL);
}

/* Answer the running step with @good and the facts, or with fail. */
static bool answer(const char *good, int ret)
{
	alarm(0);
	if (ret || me.failures) {
		me.failed = true;
		printf("fail %s\n", me.failures ? me.why : "for an unsaid reason");
	} else {
		printf("%s {%s}\n", good, me.facts);
	}
	fflush(stdout);
	return !ret && !me.failures;
}

static void begin(const char *what)
{
	me.why[0] = 0;
	me.failures = 0;
	me.facts[0] = 0;
	scn_step("%s", what);
}

void scn_select(const struct scenario *scn)
{
	struct sigaction sa = { .sa_handler = on_alarm };

	memset(&me, 0, sizeof(me));
	me.scn = scn;
	me.watchdog = WATCHDOG_DEFAULT;
	sigaction(SIGALRM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* The end of a step that nobody is answered about. */
static int conclude(int ret, const char **why)
{
	alarm(0);
	*why = me.why;
	if (ret == SCN_SKIP && !me.failures)
		return SCN_SKIP;
	if (ret && !me.failures)
		*why = "unsaid reason";
	return ret || me.failures ? SCN_FAIL : SCN_PASS;
}

int scn_try_setup(const char *device, const char **why)
{
	begin("setup");
	return conclude(me.scn->setup(device), why);
}

int scn_try(const char *what, int (*fn)(void), const char **why)
{
	int ret;

	begin(what);
	ret = fn ? fn() : 0;
	return conclude(ret ? -1 : 0, why);
}

static int do_nothing(void)
{
	return 0;
}

static int do_close(void)
{
	if (me.closed) {
		scn_fact("already_closed", 1);
		return 0;
	}
	me.closed = true;
	return me.scn->close ? me.scn->close() : 0;
}

/* Serve commands until `exit` or the end of stdin. */
static void serve(void)
{
	static const struct {
		const char *name;
		size_t off;
	} commands[] = {
		{ "verify", offsetof(struct scenario, verify) },
		{ "gone", offsetof(struct scenario, gone) },
		{ "munmap", offsetof(struct scenario, unmap) },
	};
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		uint64_t start = scn_now_ms();
		int (*fn)(void) = NULL;
		size_t i;
		int ret;

		line[strcspn(line, "\r\n")] = 0;
		if (!line[0])
			continue;
		begin(line);
		for (i = 0; i < ARRAY_SIZE(commands); i++)
			if (!strcmp(line, commands[i].name))
				fn = *(int (**)(void))((char *)me.scn + commands[i].off) ?: do_nothing;
		if (!strcmp(line, "close"))
			fn = do_close;
		if (!strcmp(line, "exit")) {
			answer("ok", 0);
			break;
		}
		if (!fn) {
			me.misused = true;
			answer("ok", scn_fail("unknown command \"%s\"", line));
			continue;
		}
		if (me.closed && fn != do_close) {
			me.misused = true;
			answer("ok", scn_fail("%s after close", line));
			continue;
		}
		ret = fn();
		scn_fact("ms", scn_now_ms() - start);
		scn_fact("ioctls", me.ioctls);
		answer("ok", ret);
	}
	free(line);
}

static int usage(const char *fmt, ...)
{
	const struct scn_option *o;
	va_list ap;

	fprintf(stderr, "%s: ", me.scn->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; usage: %s --device /dev/dri/renderDN [--watchdog S]",
		me.scn->name);
	for (o = me.scn->options; o && o->name; o++)
		fprintf(stderr, " [--%s N]", o->name);
	fprintf(stderr, "\n");
	return SCN_USAGE;
}

static void help(const struct scn_option *common)
{
	const struct scn_option *o;
	int i;

	printf("%s: %s\n", me.scn->name, me.scn->summary);
	printf("  %-18s %s\n", "--device PATH", "render node of the GPU");
	for (i = 0; i < 2; i++)
		for (o = i ? me.scn->options : common; o && o->name; o++)
			printf("  --%-10s N     %s%s (%llu to %llu, now %llu)\n",
			       o->name, o->help, o->whole_pages ? ", whole pages" : "",
			       (unsigned long long)o->min,
			       (unsigned long long)o->max,
			       (unsigned long long)*o->value);
}

/* A number with an optional K, M or G. False if it is none or not one that @o may have. */
static bool parse_number(const char *text, const struct scn_option *o)
{
	unsigned long long v;
	unsigned int shift;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 0);
	shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	if (shift)
		end++;
	if (errno || *end || v > (UINT64_MAX >> shift))
		return false;
	v <<= shift;
	if (v < o->min || v > o->max || (o->whole_pages && v % 4096))
		return false;
	*o->value = v;
	return true;
}

static const struct scn_option *find_option(const struct scn_option *o,
					    const char *name)
{
	for (; o && o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

int scn_main(int argc, char **argv, const struct scenario *scn)
{
	const struct scn_option common[] = {
		{ "watchdog", &me.watchdog, 1, 3600, "seconds a step may take" },
		{ "pause-at", &me.pause_at, 0, UINT32_MAX, "wait for a line before the N-th ioctl" },
		{ 0 }
	};
	const char *device = NULL;
	uint64_t start = scn_now_ms();
	int i, ret;

	scn_select(scn);
	for (i = 1; i < argc; i++) {
		const struct scn_option *o;

		if (!strcmp(argv[i], "--help")) {
			help(common);
			return SCN_PASS;
		}
		if (strncmp(argv[i], "--", 2))
			return usage("unexpected \"%s\"", argv[i]);
		o = find_option(common, argv[i] + 2);
		if (!o)
			o = find_option(scn->options, argv[i] + 2);
		if (!o && strcmp(argv[i], "--device"))
			return usage("unknown option \"%s\"", argv[i]);
		if (i + 1 == argc)
			return usage("%s needs a value", argv[i]);
		i++;
		if (!o)
			device = argv[i];
		else if (!parse_number(argv[i], o))
			return usage("--%s \"%s\" is not a number from %llu to %llu%s",
				     o->name, argv[i], (unsigned long long)o->min,
				     (unsigned long long)o->max,
				     o->whole_pages ? ", whole pages" : "");
	}
	if (!device || !device[0])
		return usage("no --device given");

	begin("setup");
	ret = scn->setup(device);
	if (ret == SCN_SKIP && !me.failures) {
		alarm(0);
		printf("skip %s\n", me.why);
		return SCN_SKIP;
	}
	if (ret == SCN_USAGE) {
		alarm(0);
		return usage("%s", me.why);
	}
	scn_fact("setup_ms", scn_now_ms() - start);
	scn_fact("ioctls", me.ioctls);
	if (!answer("held", ret))
		return SCN_FAIL;

	serve();
	alarm(0);
	fflush(stdout);
	if (me.failed && !me.misused)
		return SCN_FAIL;
	return me.misused ? SCN_USAGE : SCN_PASS;
}
