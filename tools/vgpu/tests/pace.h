/* SPDX-License-Identifier: MIT */
/* Whether something sleeps now and then. On a busy host the CPU time it got would not say. _GNU_SOURCE. */
#ifndef VGPU_TESTS_PACE_H
#define VGPU_TESTS_PACE_H

#include <sys/resource.h>

/* How often the other threads of the process went to sleep: what is paced does, what runs on does not. */
static inline long voluntary_switches(void)
{
	struct rusage all, own;

	getrusage(RUSAGE_SELF, &all);
	getrusage(RUSAGE_THREAD, &own);
	return all.ru_nvcsw - own.ru_nvcsw;
}

#endif
