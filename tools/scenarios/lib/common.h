/* SPDX-License-Identifier: MIT */
/*
 * Frame of a guest program: options, the line protocol on stdin/stdout, the
 * watchdog, and how failures and facts are reported.
 *
 * One program holds one state. Everything here is process-wide on purpose: a
 * program has one device, one state, one step at a time. Only the main thread
 * may call these functions.
 */
#ifndef SCENARIOS_COMMON_H
#define SCENARIOS_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Exit statuses of the contract. */
#define SCN_PASS	0
#define SCN_FAIL	1
#define SCN_USAGE	2
#define SCN_SKIP	77

/*
 * One option of a program besides the common ones: "--name VALUE".
 * A number may end in K, M or G. @max includes.
 */
struct scn_option {
	const char *name;
	uint64_t *value;
	uint64_t min, max;
	const char *help;
	bool whole_pages;	/* bytes, of which only multiples of 4096 make sense */
};

/*
 * A state. Each callback returns 0, SCN_SKIP or SCN_USAGE (setup only), or -1 after it has
 * said why with scn_fail(). A check that fails need not return: scn_fail()
 * collects, and the step fails if it was called at all. All but setup may be NULL:
 * nothing to do.
 */
struct scenario {
	const char *name;
	const char *summary;
	const struct scn_option *options;	/* ends with a NULL name, may be NULL */
	int (*setup)(const char *device);
	int (*verify)(void);
	int (*gone)(void);
	int (*unmap)(void);
	int (*close)(void);
	bool user_memory;	/* unmap takes memory of the process, not of a BO, away */
};

/* The callbacks every state has, by their names in its file; unmap is named beside them. */
#define SCN_CALLBACKS .setup = setup, .verify = verify, .gone = gone, .close = close_all

/* The same of states that share theirs (lib/): functions PREFIX_verify and so on, unmap too. */
#define SCN_CALLBACKS_OF(prefix)						\
	.verify = prefix##_verify, .gone = prefix##_gone,			\
	.unmap = prefix##_unmap, .close = prefix##_close

/*
 * Register a state with the program it is linked into. A program of one state
 * runs it (main.c), xe_hotunplug_held has all of them.
 */
#define SCENARIO(scn)							\
	static const struct scenario *const scn##_entry			\
	__attribute__((used, section("scn_states"))) = &(scn)

/* The registered states, in the order of linking; the section is the linker's. */
extern const struct scenario *const __start_scn_states[];
extern const struct scenario *const __stop_scn_states[];
#define SCN_STATES_BEGIN __start_scn_states
#define SCN_STATES_END __stop_scn_states

/* Run @scn as the whole program. Returns the exit status. */
int scn_main(int argc, char **argv, const struct scenario *scn);

/*
 * Without the line protocol: make @scn the state of this process, then run its
 * set-up or one of its callbacks. Returns SCN_PASS, SCN_FAIL or (set-up) SCN_SKIP;
 * @why is set to the failures or the reason, valid until the next step.
 */
void scn_select(const struct scenario *scn);
int scn_try_setup(const char *device, const char **why);
int scn_try(const char *what, int (*fn)(void), const char **why);

/* Add a failure to the running step. Returns -1, so `return scn_fail(..)`. */
int scn_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* As scn_fail(), with ": NAME (text)" of @err (an errno value) at the end. */
int scn_fail_errno(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Failures of the running step so far. */
unsigned int scn_failures(void);

/* The state cannot be set up on this machine. Returns SCN_SKIP. */
int scn_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An option is wrong on this machine (setup only). Returns SCN_USAGE. */
int scn_misuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Facts of the running step; they go into the JSON of its answer. */
void scn_fact(const char *name, uint64_t value);
void scn_fact_str(const char *name, const char *value);

/*
 * Name what is done now, for the watchdog's line; the watchdog starts anew.
 * A step that takes longer than the watchdog's time ends the program with
 * `fail watchdog: ...` and status 1.
 */
void scn_step(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Called before each ioctl on the device, from any thread. At the one that --pause-at
 * names it prints `boundary N` and goes on when a line comes on stdin.
 */
void scn_boundary(void);

/* Symbolic name of an errno value ("ENODEV"), never NULL. */
const char *scn_errname(int err);

/* Milliseconds and nanoseconds of CLOCK_MONOTONIC. */
uint64_t scn_now_ms(void);
uint64_t scn_now_ns(void);

/* Sleep @ms milliseconds, whole, whatever signals come. */
void scn_sleep_ms(unsigned int ms);

#endif
