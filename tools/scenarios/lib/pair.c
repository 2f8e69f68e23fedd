// SPDX-License-Identifier: MIT
/*
 * Two BOs and copies between them, see pair.h.
 */
#include "pair.h"

#include "gone.h"

int pair_make(struct xe *xe, struct pair *p, uint64_t bytes, uint32_t vm)
{
	return xe_bo_make(xe, &p->src, bytes, vm) || xe_bo_make(xe, &p->dst, bytes, vm) ? -1 : 0;
}

int pair_copy(struct xe *xe, struct work *w, struct pair *p, uint32_t seed, const char *what)
{
	if (!p->src.map)
		return work_copy(xe, w, p->dst.va, p->src.va, p->src.size, what);
	return work_copy_check(xe, w, &p->dst, &p->src, seed, what);
}

void pair_gone(struct xe *xe, const struct work *w, const struct pair *p, uint32_t seed)
{
	gone_ioctls(xe, w, &p->src);
	if (p->src.map) {
		gone_readable(p->src.map, p->src.size, seed, "source");
		gone_readable(p->dst.map, p->dst.size, seed, "destination");
	}
}

int pair_munmap(struct pair *p)
{
	return xe_bo_munmap(&p->src) | xe_bo_munmap(&p->dst);
}

int pair_end(struct xe *xe, struct work *w, struct pair *p)
{
	return work_end(xe, w, &p->src, &p->dst, NULL);
}
