/* SPDX-License-Identifier: MIT */
/* Armed triggers: which event they wait for, what they do to it. No locks: events.c holds one. */
#ifndef VGPU_TRIGGER_H
#define VGPU_TRIGGER_H

#include "events.h"

struct trigger_event {
	enum vgpu_event_kind kind;
	uint64_t addr, len, time_us;
	const char *who; /* valid only during the call */
	int guc_id;
};

struct armed {
	int id; /* 0: free */
	struct trigger t;
	uint64_t seen, fired;
	struct trigger_event last; /* the event it acted on; its name is in last_who */
	char last_who[16];
};

struct triggers {
	int next_id;
	struct armed armed[EVENTS_TRIGGERS];
};

/* Name of an action on the control socket. */
const char *trigger_action_name(enum vgpu_action a);
/* Action of that name; ACTION_NONE if there is none. */
enum vgpu_action trigger_action(const char *name);
/* Fault of that name; FAULT_COUNT if there is none. */
enum vgpu_fault trigger_fault(const char *name);

/* Returns the id, -EINVAL or -ENOSPC (spent triggers make room). */
int triggers_arm(struct triggers *s, const struct trigger *t);
/* @id 0: all. Returns 0 or -ENOENT. */
int triggers_disarm(struct triggers *s, int id);
/* Mask of the kinds that live triggers wait for. */
unsigned int triggers_kinds(const struct triggers *s);
/*
 * Shows the event to every trigger; *@v is what the first that acts wants. Returns true if a
 * trigger is spent now.
 */
bool triggers_event(struct triggers *s, const struct trigger_event *ev, struct vgpu_verdict *v);

#endif
