// SPDX-License-Identifier: MIT
/*
 * State userptr-forked: the process has forked, and written to the bound memory
 * since.
 *
 * Copy on write gives the parent new pages; the bind is the parent's, so the GPU
 * must see those, and never write to the pages that are the child's now. The child
 * lives, with the parent's mappings of BOs, and looks at its memory at the end.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "userptr_change.h"

#define ANSWER_MS 5000

/* What the child sees in its copy of the range, each time it is asked. */
static int child_main(int sock, void *arg)
{
	struct userptr_change *c = arg;
	int what;

	close(c->xe.fd);	/* its mappings are inherited, and stay */
	while (recv(sock, &what, sizeof(what), 0) == sizeof(what)) {
		what = mem_classify(c->pieces[0].p, UC_BYTES, UC_SEED);
		send(sock, &what, sizeof(what), 0);
	}
	return 0;
}

static int check_child(struct userptr_change *c)
{
	int what = 0;

	if (!c->child.pid)
		return 0;
	scn_step("answer of the child");
	if (send(c->child.sock, &what, sizeof(what), 0) != sizeof(what) ||
	    child_receive(&c->child, &what, sizeof(what), ANSWER_MS) != sizeof(what))
		return scn_fail("the child does not answer");
	if (what != MEM_DATA)
		return scn_fail("the child's memory reads %s", mem_content_name(what));
	return 0;
}

static int change(struct userptr_change *c)
{
	struct piece *r = &c->pieces[0];

	if (child_start(&c->child, child_main, c))
		return -1;
	r->seed = UC_SEED + 3;
	mem_fill(r->p, r->bytes, r->seed);
	if (userptr_change_verify(c))
		return -1;
	return check_child(c);
}

static struct userptr_change u = { .xe.fd = -1 };

static int setup(const char *device)
{
	return userptr_change_setup(&u, device, change);
}

static int verify(void)
{
	return userptr_change_verify(&u) || check_child(&u) ? -1 : 0;
}

static int gone(void)
{
	userptr_change_gone(&u);
	return check_child(&u);
}

static int unmap(void)
{
	return userptr_change_unmap(&u);
}

static int close_all(void)
{
	int ret = check_child(&u);

	return ret | userptr_change_close(&u);
}

static const struct scenario scn = {
	.name = "userptr-forked",
	.summary = "a bound userptr of a process that has forked and written to it",
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
