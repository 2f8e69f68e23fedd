// SPDX-License-Identifier: MIT
/*
 * State userptr-moved: the memory of a bound userptr was moved by mremap.
 *
 * The bind is of the old address, where nothing is now; it does not follow. The
 * pages are bound anew at their new address, and both binds are held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "userptr_change.h"

static int change(struct userptr_change *c)
{
	struct piece *r = &c->pieces[0];
	struct drm_xe_vm_bind_op op;
	void *to, *p;

	to = mmap(NULL, r->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (to == MAP_FAILED)
		return scn_fail_errno(errno, "mmap of a new place");
	p = mremap(r->p, r->bytes, r->bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (p == MAP_FAILED)
		return scn_fail_errno(errno, "mremap of a userptr");
	r->p = p;
	c->visible = false;
	if (userptr_change_verify(c))
		return -1;
	c->va = xe_va(&c->xe, r->bytes);
	op = xe_op_userptr(&c->xe, p, r->bytes, c->va);
	c->visible = true;
	return xe_vm_bind(&c->xe, c->work.vm, &op, 1, NULL);
}

USERPTR_CHANGE("userptr-moved", "a bound userptr whose memory was moved by mremap", change);
