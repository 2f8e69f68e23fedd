/* SPDX-License-Identifier: MIT */
/*
 * A thread that sleeps in a call into the kernel.
 */
#ifndef SCENARIOS_WAITER_H
#define SCENARIOS_WAITER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

struct waiter {
	const char *what;	/* names the call in failures */
	int (*call)(void *arg);	/* blocks; returns 0 or an errno value */
	void *arg;
	pthread_t thread;
	_Atomic pid_t tid;
	atomic_bool done;
	int err;		/* valid when @done */
	uint64_t slept_ms;	/* valid when @done */
	int started;
};

/*
 * Start the thread. @w->what, call and arg are set by the caller. 0, or -1
 * reported.
 */
int waiter_begin(struct waiter *w);

/* The same, and wait until it sleeps: a call that returns at once is a failure. */
int waiter_start(struct waiter *w);

/* Whether the call has returned, waiting for that up to @ms. */
int waiter_ended(struct waiter *w, unsigned int ms);

/*
 * End the call by a signal if it still sleeps, and the thread. A call that does
 * not react to signals is reported. Fine on a waiter never started.
 */
int waiter_stop(struct waiter *w);

#endif
