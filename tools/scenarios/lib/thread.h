/* SPDX-License-Identifier: MIT */
/*
 * Threads beside the main one.
 */
#ifndef SCENARIOS_THREAD_H
#define SCENARIOS_THREAD_H

#include <pthread.h>

/*
 * Start a thread that runs @fn(@arg). No signal goes to it but @keep (0: none): SIGALRM,
 * the watchdog's, is the main thread's. 0 or an errno value, not reported.
 */
int thread_start(pthread_t *thread, int keep, void *(*fn)(void *arg), void *arg);

#endif
