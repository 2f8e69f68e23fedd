// SPDX-License-Identifier: MIT
/*
 * State userptr-remapped: the memory of a bound userptr was munmapped, and other
 * memory mapped at the same address.
 *
 * Legal for who keeps the bind: the next job sees the new memory, not the old
 * pages, which may be somebody else's by then.
 */
#include <errno.h>
#include <sys/mman.h>

#include "mem.h"
#include "userptr_change.h"

static int change(struct userptr_change *c)
{
	struct piece *r = &c->pieces[0];
	void *p = r->p;

	if (munmap(p, r->bytes))
		return scn_fail_errno(errno, "munmap of a userptr");
	p = mmap(p, r->bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == MAP_FAILED) {
		r->p = NULL;
		return scn_fail_errno(errno, "mmap at the address of a userptr");
	}
	r->seed = UC_SEED + 2;
	mem_fill(r->p, r->bytes, r->seed);
	return 0;
}

USERPTR_CHANGE("userptr-remapped", "a bound userptr with new memory at its address", change);
