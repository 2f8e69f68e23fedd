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
/* Accesses, messages and interrupts remembered: what went before an event. */
#define VGPU_WITNESS_RECENT 64u
/* They are kept for the first so many events of a kind under one mark ... */
#define VGPU_WITNESS_STORIES_EACH 4u
/* ... and for so many in all; then the oldest go. */
#define VGPU_WITNESS_STORIES 256u

/* vgpu_witness_new - empty log; NULL with errno set if there is no memory. */
struct vgpu_witness *vgpu_witness_new(void);
/* vgpu_witness_free - NULL is allowed. */
void vgpu_witness_free(struct vgpu_witness *w);
/* vgpu_witness_mark - label events from now on; truncated to fit. Any thread. */
void vgpu_witness_mark(struct vgpu_witness *w, const char *name);
/* vgpu_witness_guest_time - the guest's clock shows @us now; events carry its time from now on. */
void vgpu_witness_guest_time(struct vgpu_witness *w, uint64_t us);
/* vgpu_witness_guest_shift - *@us: from times of events to the guest's. False if that is not known. */
bool vgpu_witness_guest_shift(struct vgpu_witness *w, int64_t *us);
/* vgpu_witness_count - events of @kind since start, without those while dead. Any thread. */
uint64_t vgpu_witness_count(struct vgpu_witness *w, enum vgpu_witness_kind kind);
/*
 * vgpu_witness_json - object with "next", "counts", "while_dead",
 * "suppressed" and at most @max "events" with seq >= @since, oldest first;
 * with @stories those that have one say what went "before".
 * NULL if there is no memory. Any thread.
 */
json_t *vgpu_witness_json(struct vgpu *g, uint64_t since, unsigned int max, bool stories);

/*
 * vgpu_witness_recall - remember a register access, message or interrupt (DMA accesses would push
 * all else out). @addr as for vgpu_event(), @val: what was read, written or the first dword of a
 * message's payload. Any thread, any lock.
 */
void vgpu_witness_recall(struct vgpu_witness *w, enum vgpu_event_kind kind, uint64_t addr,
			 unsigned int len, uint64_t val);
/* vgpu_witness_recent - what was remembered last, oldest first, as an array. Any thread. */
json_t *vgpu_witness_recent(struct vgpu *g);

#endif
