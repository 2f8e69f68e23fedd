// SPDX-License-Identifier: MIT
/*
 * Numbers events, records them, asks the triggers. The lock is innermost: events happen with
 * everybody else's locks held, so nothing is called under it.
 */
#define _GNU_SOURCE
#include "events.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "trigger.h"

static const char *const kind_names[EVENT_KINDS] = {
	[EVENT_MMIO_READ] = "mmio_read", [EVENT_MMIO_WRITE] = "mmio_write",
	[EVENT_H2G] = "h2g",		 [EVENT_G2H] = "g2h",
	[EVENT_DMA_READ] = "dma_read",	 [EVENT_DMA_WRITE] = "dma_write",
	[EVENT_IRQ] = "irq",
};

static const struct {
	const char *name;
	unsigned int kinds;
} groups[] = {
	{ "mmio", 1u << EVENT_MMIO_READ | 1u << EVENT_MMIO_WRITE },
	{ "ctb", 1u << EVENT_H2G | 1u << EVENT_G2H },
	{ "dma", 1u << EVENT_DMA_READ | 1u << EVENT_DMA_WRITE },
	{ "any", (1u << EVENT_KINDS) - 1 },
};

struct record {
	uint64_t time_us, addr, kn;
	uint32_t len;
	int guc_id;
	uint8_t kind;
	char who[8];
};

struct pending {
	uint64_t due_us;
	void (*fn)(struct vgpu *g, uint64_t arg);
	uint64_t arg;
};

struct vgpu_events {
	pthread_mutex_t lock;
	struct triggers triggers;
	/* recording */
	unsigned int record_kinds;
	uint64_t total, max, counts[EVENT_KINDS];
	struct record *list;
	/* deferred actions */
	int timer_fd;
	unsigned int nr_pending;
	struct pending pending[EVENTS_PENDING];
};

const char *vgpu_event_kind_name(enum vgpu_event_kind kind)
{
	return (unsigned int)kind < EVENT_KINDS ? kind_names[kind] : NULL;
}

unsigned int vgpu_event_kinds(const char *name)
{
	for (unsigned int k = 0; k < EVENT_KINDS; k++)
		if (!strcmp(name, kind_names[k]))
			return 1u << k;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (!strcmp(name, groups[i].name))
			return groups[i].kinds;
	return 0;
}

struct vgpu_events *vgpu_events_new(void)
{
	struct vgpu_events *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (e->timer_fd < 0) {
		free(e);
		return NULL;
	}
	pthread_mutex_init(&e->lock, NULL);
	return e;
}

void vgpu_events_free(struct vgpu_events *e)
{
	if (!e)
		return;
	close(e->timer_fd);
	pthread_mutex_destroy(&e->lock);
	free(e->list);
	free(e);
}

int vgpu_events_fd(const struct vgpu_events *e)
{
	return e->timer_fd;
}

/* ---- deferred actions ------------------------------------------------------------- */

/* Lock held. */
static void set_timer(struct vgpu_events *e)
{
	struct itimerspec ts = { 0 };
	uint64_t now = vgpu_now_us(), us = UINT64_MAX;

	for (unsigned int i = 0; i < e->nr_pending; i++)
		if (e->pending[i].due_us < us)
			us = e->pending[i].due_us;
	if (e->nr_pending) {
		us = us > now ? us - now : 0;
		ts.it_value.tv_sec = (time_t)(us / 1000000);
		/* a timer of zero would be none */
		ts.it_value.tv_nsec = (long)(us % 1000000 * 1000) + 1;
	}
	timerfd_settime(e->timer_fd, 0, &ts, NULL);
}

void vgpu_defer(struct vgpu *g, uint64_t us, void (*fn)(struct vgpu *g, uint64_t arg), uint64_t arg)
{
	struct vgpu_events *e = g->events;
	bool room;

	pthread_mutex_lock(&e->lock);
	room = e->nr_pending < EVENTS_PENDING;
	if (room) {
		e->pending[e->nr_pending++] = (struct pending){ vgpu_now_us() + us, fn, arg };
		set_timer(e);
	}
	pthread_mutex_unlock(&e->lock);
	if (!room)
		log_error("too many deferred actions, one is lost");
}

void vgpu_events_ready(struct vgpu *g)
{
	struct pending due[EVENTS_PENDING];
	struct vgpu_events *e = g->events;
	unsigned int n = 0, keep = 0;
	uint64_t now = vgpu_now_us(), ticks;

	pthread_mutex_lock(&e->lock);
	if (read(e->timer_fd, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		log_error("timer: %s", strerror(errno));
	for (unsigned int i = 0; i < e->nr_pending; i++) {
		if (e->pending[i].due_us <= now)
			due[n++] = e->pending[i];
		else
			e->pending[keep++] = e->pending[i];
	}
	e->nr_pending = keep;
	set_timer(e);
	pthread_mutex_unlock(&e->lock);
	vgpu_settle(g);
	for (unsigned int i = 0; i < n; i++)
		due[i].fn(g, due[i].arg);
}

void vgpu_events_forget(struct vgpu_events *e)
{
	pthread_mutex_lock(&e->lock);
	e->nr_pending = 0;
	set_timer(e);
	pthread_mutex_unlock(&e->lock);
}

/* ---- events ------------------------------------------------------------------------ */

/* Lock held. */
static void update_watched(struct vgpu *g)
{
	atomic_store(&g->watched, g->events->record_kinds | triggers_kinds(&g->events->triggers));
}

static void record(struct vgpu_events *e, const struct trigger_event *ev)
{
	struct record *r;

	e->counts[ev->kind]++;
	if (e->total++ >= e->max)
		return;
	r = &e->list[e->total - 1];
	*r = (struct record){ .time_us = vgpu_now_us(),
			      .addr = ev->addr,
			      .kn = e->counts[ev->kind],
			      .len = (uint32_t)ev->len,
			      .guc_id = ev->guc_id,
			      .kind = (uint8_t)ev->kind };
	strncpy(r->who, ev->who, sizeof(r->who) - 1);
}

static void raise_fault(struct vgpu *g, uint64_t arg)
{
	vgpu_hw_fault(g, (enum vgpu_fault)(arg >> 32), (int)(uint32_t)arg);
}

static void sleep_us(uint64_t us)
{
	struct timespec ts = { (time_t)(us / 1000000), (long)(us % 1000000 * 1000) };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static bool sleeps(enum vgpu_event_kind kind)
{
	return kind == EVENT_MMIO_READ || kind == EVENT_MMIO_WRITE || kind == EVENT_DMA_READ ||
	       kind == EVENT_DMA_WRITE;
}

struct vgpu_verdict vgpu_event_slow(struct vgpu *g, enum vgpu_event_kind kind,
				    const struct dma_origin *who, uint64_t addr, uint64_t len)
{
	struct trigger_event ev = { .kind = kind,
				    .addr = addr,
				    .len = len,
				    .who = who && who->engine ? who->engine : "",
				    .guc_id = who ? who->guc_id : -1 };
	struct vgpu_verdict v = { ACTION_NONE, 0 };
	struct vgpu_events *e = g->events;

	if (vgpu_is_dead(g))
		return v;
	pthread_mutex_lock(&e->lock);
	if (e->record_kinds >> kind & 1)
		record(e, &ev);
	ev.time_us = vgpu_now_us();
	if (triggers_event(&e->triggers, &ev, &v))
		update_watched(g);
	pthread_mutex_unlock(&e->lock);

	switch (v.action) {
	case ACTION_DIE:
		vgpu_kill(g);
		break;
	case ACTION_DELAY:
		if (sleeps(kind))
			sleep_us(v.arg);
		break;
	case ACTION_FAULT:
		vgpu_defer(g, 0, raise_fault, v.arg << 32 | (uint32_t)ev.guc_id);
		break;
	default:
		break;
	}
	return v;
}

/* ---- recording --------------------------------------------------------------------- */

int vgpu_record_start(struct vgpu *g, unsigned int kinds, uint64_t max)
{
	struct vgpu_events *e = g->events;
	struct record *list;

	if (!kinds || kinds >> EVENT_KINDS || !max || max > EVENTS_MAX)
		return -EINVAL;
	list = calloc(max, sizeof(*list));
	if (!list)
		return -ENOMEM;
	pthread_mutex_lock(&e->lock);
	free(e->list);
	e->list = list;
	e->max = max;
	e->total = 0;
	memset(e->counts, 0, sizeof(e->counts));
	e->record_kinds = kinds;
	update_watched(g);
	pthread_mutex_unlock(&e->lock);
	return 0;
}

void vgpu_record_stop(struct vgpu *g)
{
	struct vgpu_events *e = g->events;

	pthread_mutex_lock(&e->lock);
	e->record_kinds = 0;
	update_watched(g);
	pthread_mutex_unlock(&e->lock);
}

/* What an event was about, in words. */
static const char *what(struct vgpu *g, enum vgpu_event_kind kind, uint64_t addr, const char *who)
{
	const char *name = NULL;

	switch (kind) {
	case EVENT_MMIO_READ:
	case EVENT_MMIO_WRITE:
		name = addr >= VGPU_GGTT_OFFSET ? "GGTT" : vgpu_mmio_name(g, (uint32_t)addr);
		break;
	case EVENT_H2G:
	case EVENT_G2H:
		name = vgpu_action_name((uint32_t)addr);
		break;
	case EVENT_IRQ:
		name = "MSI";
		break;
	default:
		name = who;
		break;
	}
	return name ? name : "";
}

json_t *vgpu_record_json(struct vgpu *g, uint64_t since)
{
	struct vgpu_events *e = g->events;
	json_t *list = json_array(), *counts = json_object(), *out;
	uint64_t n = since ? since : 1, kept, end;

	pthread_mutex_lock(&e->lock);
	kept = e->total < e->max ? e->total : e->max;
	end = n + EVENTS_REPLY;
	for (; n <= kept && n < end; n++) {
		const struct record *r = &e->list[n - 1];

		json_array_append_new(
			list,
			json_pack("{sI sI ss ss sI sI ss si sI}", "n", (json_int_t)n, "kn",
				  (json_int_t)r->kn, "kind", kind_names[r->kind], "what",
				  what(g, r->kind, r->addr, r->who), "addr", (json_int_t)r->addr,
				  "len", (json_int_t)r->len, "who", r->who, "guc_id", r->guc_id,
				  "time_us", (json_int_t)r->time_us));
	}
	for (unsigned int k = 0; k < EVENT_KINDS; k++)
		if (e->counts[k])
			json_object_set_new(counts, kind_names[k],
					    json_integer((json_int_t)e->counts[k]));
	out = json_pack("{sI sI sI so so}", "next", (json_int_t)n, "total", (json_int_t)e->total,
			"dropped", (json_int_t)(e->total - kept), "counts", counts, "events", list);
	pthread_mutex_unlock(&e->lock);
	return out;
}

/* ---- triggers ---------------------------------------------------------------------- */

int vgpu_trigger_arm(struct vgpu *g, const struct trigger *t)
{
	int id;

	pthread_mutex_lock(&g->events->lock);
	id = triggers_arm(&g->events->triggers, t);
	update_watched(g);
	pthread_mutex_unlock(&g->events->lock);
	return id;
}

int vgpu_trigger_disarm(struct vgpu *g, int id)
{
	int err;

	pthread_mutex_lock(&g->events->lock);
	err = triggers_disarm(&g->events->triggers, id);
	update_watched(g);
	pthread_mutex_unlock(&g->events->lock);
	return err;
}

json_t *vgpu_trigger_json(struct vgpu *g)
{
	struct triggers copy;
	json_t *list = json_array();

	pthread_mutex_lock(&g->events->lock);
	copy = g->events->triggers;
	pthread_mutex_unlock(&g->events->lock);
	for (int i = 0; i < EVENTS_TRIGGERS; i++) {
		const struct armed *a = &copy.armed[i];
		json_t *o;

		if (!a->id)
			continue;
		o = json_pack("{si sI ss sI sI}", "id", a->id, "n", (json_int_t)a->t.n, "action",
			      trigger_action_name(a->t.action), "seen", (json_int_t)a->seen, "fired",
			      (json_int_t)a->fired);
		if (a->fired)
			json_object_set_new(
				o, "event",
				json_pack("{ss ss sI sI si sI}", "kind", kind_names[a->last.kind],
					  "what", what(g, a->last.kind, a->last.addr, a->last_who),
					  "addr", (json_int_t)a->last.addr, "len",
					  (json_int_t)a->last.len, "guc_id", a->last.guc_id,
					  "time_us", (json_int_t)a->last.time_us));
		json_array_append_new(list, o);
	}
	return list;
}
