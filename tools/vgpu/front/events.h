/* SPDX-License-Identifier: MIT */
/*
 * Events: every register access, CTB message, DMA access and interrupt passes vgpu_event() (vgpu.h)
 * before it happens. Here they are numbered and recorded, triggers act at the n-th of them, and
 * what must happen later or on the loop thread waits for its time.
 */
#ifndef VGPU_EVENTS_H
#define VGPU_EVENTS_H

#include "vgpu.h"

/* Events kept by a recording unless told otherwise, and at most. */
#define EVENTS_DEFAULT	  (1u << 18)
#define EVENTS_MAX	  (1u << 22)
/* Events in one reply to "events". */
#define EVENTS_REPLY	  5000u
#define EVENTS_TRIGGERS	  16
/* Deferred actions that wait at one time; more are dropped and logged. */
#define EVENTS_PENDING	  64
#define EVENTS_MAX_DELAY_US 10000000u

struct trigger {
	unsigned int kinds; /* mask of 1 << enum vgpu_event_kind */
	uint64_t n;	    /* acts at the n-th matching event, from 1 */
	uint64_t times;	    /* acts so often in a row; 0: for ever */
	bool match_addr;
	uint64_t addr;
	char who[16];	    /* "": everybody */
	enum vgpu_action action;
	uint64_t arg;	    /* delay: microseconds; corrupt: mask to XOR; fault: enum vgpu_fault */
};

/* vgpu_events_new - nothing is watched. NULL with errno set without memory or timer. */
struct vgpu_events *vgpu_events_new(void);
/* vgpu_events_free - NULL is allowed. */
void vgpu_events_free(struct vgpu_events *e);
/* vgpu_events_fd - to poll for POLLIN; then call vgpu_events_ready(). */
int vgpu_events_fd(const struct vgpu_events *e);
/* vgpu_events_ready - do the deferred actions whose time has come. Loop thread. */
void vgpu_events_ready(struct vgpu *g);
/* vgpu_events_forget - drop deferred actions: the device they were for is gone. Loop thread. */
void vgpu_events_forget(struct vgpu_events *e);

/* vgpu_event_kind_name - name on the control socket. */
const char *vgpu_event_kind_name(enum vgpu_event_kind kind);
/* vgpu_event_kinds - mask of kinds a kind or group is called by; 0 if there is none of that name. */
unsigned int vgpu_event_kinds(const char *name);

/*
 * vgpu_record_start - forget the last recording and begin one of the @kinds, at most @max events
 * (more are only counted). Returns 0, -EINVAL or -ENOMEM. Loop thread.
 */
int vgpu_record_start(struct vgpu *g, unsigned int kinds, uint64_t max);
/* vgpu_record_stop - the list stays until the next start. Loop thread. */
void vgpu_record_stop(struct vgpu *g);
/* vgpu_record_json - object with "next", "total", "dropped", "counts", "events" from number @since on. */
json_t *vgpu_record_json(struct vgpu *g, uint64_t since);

/* vgpu_trigger_arm - returns the trigger's id (> 0), -EINVAL (senseless) or -ENOSPC. Loop thread. */
int vgpu_trigger_arm(struct vgpu *g, const struct trigger *t);
/* vgpu_trigger_disarm - @id 0: all. Returns 0 or -ENOENT. Loop thread. */
int vgpu_trigger_disarm(struct vgpu *g, int id);
/* vgpu_trigger_json - array of all armed and fired triggers. */
json_t *vgpu_trigger_json(struct vgpu *g);

#endif
