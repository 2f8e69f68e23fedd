/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says while a subtest runs. A test that only looks at its own
 * calls passes on a kernel that oopses beside it.
 */
#ifndef SCENARIOS_IGT_JUDGE_H
#define SCENARIOS_IGT_JUDGE_H

#include <stdbool.h>

struct judge {
	int kmsg;			/* reads from where the subtest began */
	unsigned long dma_errors;	/* DMA-API error count then */
	bool dma_known;
	unsigned long taint;
};

/* DMA-API debugging reports one error a boot unless told otherwise. */
void judge_prepare(void);

/* Remember where the kernel stands. 0 or -1 (errno). */
int judge_begin(struct judge *j);

/*
 * Report each line of the kernel log at warning level or worse, and each DMA-API
 * error, since judge_begin() with igt_critical(). Returns their number.
 */
unsigned int judge_end(struct judge *j);

/* Whether the kernel has died in between (oops): later results prove nothing. */
bool judge_kernel_died(const struct judge *j);

/*
 * Whether a record of /dev/kmsg ("level,seq,usec,flags;text") is one a subtest
 * answers for; @text gets its text, cut at its end.
 */
bool judge_record(char *record, const char **text);

#endif
