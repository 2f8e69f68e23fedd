// SPDX-License-Identifier: MIT
/*
 * State userptr-partial: one page in the middle of a bound userptr was munmapped.
 *
 * The range cannot be pinned as a whole any more. Jobs that do not touch it go on,
 * the rest of the memory is the process's, and the bind can still be undone.
 */
#include <errno.h>
#include <sys/mman.h>

#include "mem.h"
#include "userptr_change.h"

static int change(struct userptr_change *c)
{
	char *p = c->pieces[0].p;
	uint64_t half = UC_BYTES / 2;

	if (munmap(p + half, UC_PAGE))
		return scn_fail_errno(errno, "munmap of a page of a userptr");
	c->visible = false;
	c->pieces[0].bytes = half;
	c->pieces[1].p = p + half + UC_PAGE;
	c->pieces[1].bytes = half - UC_PAGE;
	c->pieces[1].seed = UC_SEED + 1;
	mem_fill(c->pieces[1].p, c->pieces[1].bytes, c->pieces[1].seed);
	return 0;
}

USERPTR_CHANGE("userptr-partial", "a bound userptr with one page munmapped", change);
