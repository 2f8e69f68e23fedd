/* SPDX-License-Identifier: MIT */
/* What the driver did wrong, as the device saw it. vgpu_witness() is in vgpu.h. */
#ifndef VGPU_WITNESS_H
#define VGPU_WITNESS_H

#include "vgpu.h"

/* Events kept; older ones are overwritten. */
#define VGPU_WITNESS_RING 4096u
/* Events of one kind kept for one mark; more are only counted, so a flood cannot push out the rest. */
#define VGPU_WITNESS_BURST 512u
/* Longest mark, with the final 0. */
#define VGPU_WITNESS_MARK 64
/* Accesses remembered for the context of an event. */
#define VGPU_WITNESS_RECENT 64u

/* vgpu_witness_new - empty log; NULL with errno set if there is no memory. */
struct vgpu_witness *vgpu_witness_new(void);
/* vgpu_witness_free - NULL is allowed. */
void vgpu_witness_free(struct vgpu_witness *w);
/* vgpu_witness_name - the kind's name on the control socket; NULL if @kind is none. */
const char *vgpu_witness_name(enum vgpu_witness_kind kind);
/* vgpu_witness_mark - label events from now on; truncated to fit. Any thread. */
void vgpu_witness_mark(struct vgpu_witness *w, const char *name);
/* vgpu_witness_count - events of @kind since start, without those while dead. Any thread. */
uint64_t vgpu_witness_count(struct vgpu_witness *w, enum vgpu_witness_kind kind);
/*
 * vgpu_witness_json - object with "next", "counts", "while_dead",
 * "suppressed" and at most @max "events" with seq >= @since, oldest first.
 * NULL if there is no memory. Any thread.
 */
json_t *vgpu_witness_json(struct vgpu_witness *w, uint64_t since, unsigned int max);

/* vgpu_witness_access - remember a trapped register access. Loop thread only. */
void vgpu_witness_access(struct vgpu_witness *w, uint32_t off, uint64_t val, unsigned int size,
			 bool write);
/* vgpu_witness_recent - the last register accesses, oldest first, as an array. Loop thread only. */
json_t *vgpu_witness_recent(struct vgpu *g);

#endif
