// SPDX-License-Identifier: MIT
/* Triggers: "act at the n-th event of this kind". */
#include "trigger.h"

#include <errno.h>
#include <string.h>

static const char *const action_names[ACTION_COUNT] = {
	[ACTION_NONE] = "none",	      [ACTION_DIE] = "die",   [ACTION_DELAY] = "delay",
	[ACTION_CORRUPT] = "corrupt", [ACTION_DROP] = "drop", [ACTION_FAULT] = "fault",
};

static const char *const fault_names[FAULT_COUNT] = {
	[FAULT_CAT_ERROR] = "cat_error",
	[FAULT_HANG] = "hang",
	[FAULT_ENGINE_FAILURE] = "engine_failure",
	[FAULT_GUC_CRASH] = "guc_crash",
	[FAULT_GUC_EXCEPTION] = "guc_exception",
	[FAULT_GUC_MUTE] = "guc_mute",
};

const char *trigger_action_name(enum vgpu_action a)
{
	return (unsigned int)a < ACTION_COUNT ? action_names[a] : "";
}

enum vgpu_action trigger_action(const char *name)
{
	for (int a = ACTION_DIE; a < ACTION_COUNT; a++)
		if (!strcmp(name, action_names[a]))
			return (enum vgpu_action)a;
	return ACTION_NONE;
}

enum vgpu_fault trigger_fault(const char *name)
{
	int f = 0;

	while (f < FAULT_COUNT && strcmp(name, fault_names[f]))
		f++;
	return (enum vgpu_fault)f;
}

static bool spent(const struct armed *a)
{
	return a->t.times && a->fired >= a->t.times;
}

static bool sensible(const struct trigger *t)
{
	if (!t->kinds || t->kinds >> EVENT_KINDS || !t->n)
		return false;
	switch (t->action) {
	case ACTION_DIE:
	case ACTION_DROP:
		return true;
	case ACTION_DELAY:
		return t->arg <= EVENTS_MAX_DELAY_US;
	case ACTION_CORRUPT:
		/* an interrupt carries no value */
		return t->arg && !(t->kinds >> EVENT_IRQ & 1);
	case ACTION_FAULT:
		return t->arg < FAULT_COUNT;
	default:
		return false;
	}
}

int triggers_arm(struct triggers *s, const struct trigger *t)
{
	struct armed *slot = NULL;

	if (!sensible(t))
		return -EINVAL;
	for (int i = 0; i < EVENTS_TRIGGERS; i++) {
		struct armed *a = &s->armed[i];

		if (!a->id) {
			slot = a;
			break;
		}
		if (spent(a) && (!slot || a->id < slot->id))
			slot = a;
	}
	if (!slot)
		return -ENOSPC;
	s->next_id = s->next_id < INT32_MAX ? s->next_id + 1 : 1;
	*slot = (struct armed){ .id = s->next_id, .t = *t };
	return slot->id;
}

int triggers_disarm(struct triggers *s, int id)
{
	bool found = !id;

	for (int i = 0; i < EVENTS_TRIGGERS; i++) {
		if (id && s->armed[i].id != id)
			continue;
		found = true;
		s->armed[i] = (struct armed){ 0 };
	}
	return found ? 0 : -ENOENT;
}

unsigned int triggers_kinds(const struct triggers *s)
{
	unsigned int kinds = 0;

	for (int i = 0; i < EVENTS_TRIGGERS; i++)
		if (s->armed[i].id && !spent(&s->armed[i]))
			kinds |= s->armed[i].t.kinds;
	return kinds;
}

static bool matches(const struct trigger *t, const struct trigger_event *ev)
{
	return t->kinds >> ev->kind & 1 && (!t->match_addr || t->addr == ev->addr) &&
	       (!t->who[0] || !strcmp(t->who, ev->who));
}

bool triggers_event(struct triggers *s, const struct trigger_event *ev, struct vgpu_verdict *v)
{
	bool done = false;

	for (int i = 0; i < EVENTS_TRIGGERS; i++) {
		struct armed *a = &s->armed[i];

		if (!a->id || spent(a) || !matches(&a->t, ev))
			continue;
		if (++a->seen < a->t.n)
			continue;
		a->fired++;
		a->last = *ev;
		a->last.who = NULL;
		strncpy(a->last_who, ev->who, sizeof(a->last_who) - 1);
		if (v->action == ACTION_NONE)
			*v = (struct vgpu_verdict){ a->t.action, a->t.arg };
		done |= spent(a);
	}
	return done;
}
