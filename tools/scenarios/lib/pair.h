/* SPDX-License-Identifier: MIT */
/*
 * Two BOs, and jobs that copy from the one to the other: how states show that jobs run.
 */
#ifndef SCENARIOS_PAIR_H
#define SCENARIOS_PAIR_H

#include "work.h"

struct pair {
	struct xe_bo src, dst;
};

/* Both of @bytes, as xe_bo_make() makes them; @vm 0: not bound. 0 or -1, reported. */
int pair_make(struct xe *xe, struct pair *p, uint64_t bytes, uint32_t vm);

/*
 * One copy job. Where the CPU has them mapped: work_copy_check() with the pattern of @seed.
 * @what names the job in failures. 0 or -1, reported.
 */
int pair_copy(struct xe *xe, struct work *w, struct pair *p, uint32_t seed, const char *what);

/*
 * After removal: gone_ioctls() with the source, gone_readable() of what is mapped, with
 * @seed and the facts "source" and "destination".
 */
void pair_gone(struct xe *xe, const struct work *w, const struct pair *p, uint32_t seed);

/* Take the CPU's mappings away; twice is fine. 0 or -1, reported. */
int pair_munmap(struct pair *p);

/* work_end() of a state that has nothing else. 0 or -1, reported. */
int pair_end(struct xe *xe, struct work *w, struct pair *p);

#endif
