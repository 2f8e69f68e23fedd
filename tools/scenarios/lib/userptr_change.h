/* SPDX-License-Identifier: MIT */
/*
 * States of a bound userptr whose memory the process has changed since: the bind
 * is userspace's to undo, munmap and its relatives only take pages away. What
 * differs between the states is the change and what the GPU sees after it.
 */
#ifndef SCENARIOS_USERPTR_CHANGE_H
#define SCENARIOS_USERPTR_CHANGE_H

#include "child.h"
#include "pair.h"

#define UC_PAGE		4096u
#define UC_BYTES	(64 * UC_PAGE)	/* of the range that is bound */
#define UC_SEED		120

struct userptr_change {
	struct xe xe;
	struct work work;
	struct pair pair;		/* for jobs that have nothing to do with the range */
	uint64_t va;			/* where the GPU sees piece 0 */
	bool visible;			/* it does see it: copies both ways must work */
	struct piece {			/* memory of the process that must keep its content */
		void *p;		/* NULL: none */
		uint64_t bytes;
		uint32_t seed;
	} pieces[2];
	struct child child;		/* of states that have a second process */
};

/*
 * Bind UC_BYTES at pieces[0], show by copies that the bind works, then
 * @change(u): 0 or -1, reported. It sets @u's fields to what holds afterwards.
 */
int userptr_change_setup(struct userptr_change *u, const char *device,
			 int (*change)(struct userptr_change *u));

int userptr_change_verify(struct userptr_change *u);
int userptr_change_gone(struct userptr_change *u);
int userptr_change_unmap(struct userptr_change *u);
int userptr_change_close(struct userptr_change *u);

/* The callbacks of one state, over one static struct userptr_change u. */
#define USERPTR_CHANGE(state, text, change)				\
	static struct userptr_change u = { .xe.fd = -1 };		\
	static int setup(const char *device)				\
	{ return userptr_change_setup(&u, device, change); }		\
	static int verify(void) { return userptr_change_verify(&u); }	\
	static int gone(void) { return userptr_change_gone(&u); }	\
	static int unmap(void) { return userptr_change_unmap(&u); }	\
	static int close_all(void) { return userptr_change_close(&u); }	\
	static const struct scenario scn = {				\
		.name = state,						\
		.summary = text,					\
		SCN_CALLBACKS,						\
		.unmap = unmap,						\
		.user_memory = true,					\
	};								\
	SCENARIO(scn)

#endif
