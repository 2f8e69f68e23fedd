// SPDX-License-Identifier: MIT
/*
 * Threads, see thread.h.
 */
#include "thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, int keep, void *(*fn)(void *arg), void *arg)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	if (keep)
		sigdelset(&all, keep);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}
