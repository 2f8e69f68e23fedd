// SPDX-License-Identifier: MIT
/*
 * Threads that sleep in the kernel, see waiter.h.
 */
#define _GNU_SOURCE
#include "waiter.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "thread.h"

#define START_MS 2000
#define STOP_MS 2000

static void on_wake(int sig)
{
	(void)sig;
}

static void *run(void *arg)
{
	struct waiter *w = arg;
	uint64_t start = scn_now_ms();

	atomic_store(&w->tid, gettid());
	w->err = w->call(w->arg);
	w->slept_ms = scn_now_ms() - start;
	atomic_store(&w->done, true);
	return NULL;
}

/* The state letter of a thread of ours, 0 if unknown. */
static char thread_state(pid_t tid)
{
	char path[64], text[256], *p;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	p = strrchr(text, ')');
	return p && p[1] ? p[2] : 0;
}

static int wait_asleep(struct waiter *w)
{
	uint64_t end = scn_now_ms() + START_MS;
	unsigned int seen = 0;

	while (scn_now_ms() < end) {
		pid_t tid = atomic_load(&w->tid);

		if (atomic_load(&w->done))
			return scn_fail_errno(w->err, "%s returns at once", w->what);
		seen = tid && thread_state(tid) == 'S' ? seen + 1 : 0;
		if (seen == 3)
			return 0;
		scn_sleep_ms(5);
	}
	return scn_fail("%s does not go to sleep within %d ms", w->what, START_MS);
}

int waiter_begin(struct waiter *w)
{
	struct sigaction sa = { .sa_handler = on_wake };	/* no SA_RESTART */
	int err;

	sigaction(SIGUSR1, &sa, NULL);
	err = thread_start(&w->thread, SIGUSR1, run, w);
	if (err)
		return scn_fail_errno(err, "thread for %s", w->what);
	w->started = 1;
	return 0;
}

int waiter_start(struct waiter *w)
{
	return waiter_begin(w) || wait_asleep(w) ? -1 : 0;
}

int waiter_ended(struct waiter *w, unsigned int ms)
{
	uint64_t end = scn_now_ms() + ms;

	while (!atomic_load(&w->done) && scn_now_ms() < end)
		scn_sleep_ms(2);
	return atomic_load(&w->done);
}

int waiter_stop(struct waiter *w)
{
	uint64_t end = scn_now_ms() + STOP_MS;

	if (!w->started)
		return 0;
	while (!atomic_load(&w->done)) {
		if (scn_now_ms() > end)
			return scn_fail("%s is not ended by a signal within %d ms",
					w->what, STOP_MS);
		pthread_kill(w->thread, SIGUSR1);
		scn_sleep_ms(5);
	}
	pthread_join(w->thread, NULL);
	w->started = 0;
	return 0;
}
