// SPDX-License-Identifier: MIT
/*
 * Witness: exact counters for every kind of violation, and a bounded ring of
 * the events themselves.
 */
#include "witness.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "log.h"

static const char *const kind_names[WITNESS_KINDS] = {
	[WITNESS_DMA_AFTER_UNMAP] = "dma_after_unmap",
	[WITNESS_DMA_NEVER_MAPPED] = "dma_never_mapped",
	[WITNESS_DMA_READ_ONLY] = "dma_read_only",
	[WITNESS_DMA_NO_BUS_MASTER] = "dma_no_bus_master",
	[WITNESS_MMIO_AFTER_REMOVE] = "mmio_after_remove",
	[WITNESS_DMA_AFTER_REMOVE] = "dma_after_remove",
	[WITNESS_MMIO_BAD_ACCESS] = "mmio_bad_access",
	[WITNESS_CTB_PROTOCOL] = "ctb_protocol",
	[WITNESS_UNKNOWN_COMMAND] = "unknown_command",
	[WITNESS_PPGTT_FAULT] = "ppgtt_fault",
	[WITNESS_GGTT_FAULT] = "ggtt_fault",
	[WITNESS_VRAM_FAULT] = "vram_fault",
	[WITNESS_VRAM_AFTER_REMOVE] = "vram_after_remove",
	[WITNESS_DMA_DEREGISTERED] = "dma_deregistered",
};

struct event {
	uint64_t seq, time_us, addr, len;
	int64_t guest_us; /* -1: not known */
	enum vgpu_witness_kind kind;
	bool write;
	int guc_id;
	char engine[16];
	char mark[VGPU_WITNESS_MARK];
	char detail[200];
};

struct recent {
	uint64_t time_us, addr, val;
	uint32_t len;
	uint8_t kind;
};

struct story {
	uint64_t seq; /* of the event */
	unsigned int n;
	struct recent before[VGPU_WITNESS_RECENT];
};

struct vgpu_witness {
	pthread_mutex_t lock;
	uint64_t next; /* seq of the next event */
	uint64_t counts[WITNESS_KINDS], dead[WITNESS_KINDS];
	uint64_t suppressed;
	uint32_t burst[WITNESS_KINDS]; /* events kept under the present mark */
	char mark[VGPU_WITNESS_MARK];
	struct event ring[VGPU_WITNESS_RING];
	int64_t guest_offset; /* guest's clock minus ours, valid if has_guest */
	bool has_guest;
	uint64_t nrecent;
	struct recent recent[VGPU_WITNESS_RECENT];
	uint64_t nstories;
	struct story stories[VGPU_WITNESS_STORIES];
};

struct vgpu_witness *vgpu_witness_new(void)
{
	struct vgpu_witness *w = calloc(1, sizeof(*w));

	if (w)
		pthread_mutex_init(&w->lock, NULL);
	return w;
}

void vgpu_witness_free(struct vgpu_witness *w)
{
	if (!w)
		return;
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Copies text from anywhere so that it is valid UTF-8 (jansson refuses other strings). */
static void copy_text(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; i + 1 < size && from[i]; i++)
		to[i] = (unsigned char)from[i] < 0x20 || (unsigned char)from[i] > 0x7e ? '?' : from[i];
	to[i] = 0;
}

void vgpu_witness_mark(struct vgpu_witness *w, const char *name)
{
	pthread_mutex_lock(&w->lock);
	copy_text(w->mark, sizeof(w->mark), name);
	memset(w->burst, 0, sizeof(w->burst));
	pthread_mutex_unlock(&w->lock);
}

uint64_t vgpu_witness_count(struct vgpu_witness *w, enum vgpu_witness_kind kind)
{
	uint64_t n;

	if ((unsigned int)kind >= WITNESS_KINDS)
		return 0;
	pthread_mutex_lock(&w->lock);
	n = w->counts[kind];
	pthread_mutex_unlock(&w->lock);
	return n;
}

/* ---- what went before -------------------------------------------------------------- */

/* Copies what is remembered, oldest first; returns how many. Lock held. */
static unsigned int copy_recent(const struct vgpu_witness *w, struct recent out[VGPU_WITNESS_RECENT])
{
	uint64_t first = w->nrecent > VGPU_WITNESS_RECENT ? w->nrecent - VGPU_WITNESS_RECENT : 0;
	unsigned int n = 0;

	for (uint64_t i = first; i < w->nrecent; i++)
		out[n++] = w->recent[i % VGPU_WITNESS_RECENT];
	return n;
}

/* Lock held. */
static void keep_story(struct vgpu_witness *w, uint64_t seq)
{
	struct story *s = &w->stories[w->nstories++ % VGPU_WITNESS_STORIES];

	s->seq = seq;
	s->n = copy_recent(w, s->before);
}

static const char *what(struct vgpu *g, const struct recent *r)
{
	const char *name = NULL;

	if (r->kind == EVENT_H2G || r->kind == EVENT_G2H)
		name = vgpu_action_name((uint32_t)r->addr);
	else if (r->kind != EVENT_IRQ)
		name = vgpu_mmio_name(g, (uint32_t)r->addr);
	return name ? name : "";
}

static json_t *recent_json(struct vgpu *g, const struct recent *r, unsigned int n)
{
	json_t *list = json_array();

	for (unsigned int i = 0; list && i < n; i++)
		json_array_append_new(
			list, json_pack("{sI ss ss sI si sI}", "time_us", (json_int_t)r[i].time_us, "kind",
					vgpu_event_kind_name((enum vgpu_event_kind)r[i].kind), "what",
					what(g, &r[i]), "addr", (json_int_t)r[i].addr, "len", (int)r[i].len,
					"val", (json_int_t)r[i].val));
	return list;
}

void vgpu_witness_recall(struct vgpu_witness *w, enum vgpu_event_kind kind, uint64_t addr,
			 unsigned int len, uint64_t val)
{
	pthread_mutex_lock(&w->lock);
	w->recent[w->nrecent++ % VGPU_WITNESS_RECENT] =
		(struct recent){ vgpu_now_us(), addr, val, len, (uint8_t)kind };
	pthread_mutex_unlock(&w->lock);
}

json_t *vgpu_witness_recent(struct vgpu *g)
{
	struct recent copy[VGPU_WITNESS_RECENT];
	unsigned int n;

	pthread_mutex_lock(&g->witness->lock);
	n = copy_recent(g->witness, copy);
	pthread_mutex_unlock(&g->witness->lock);
	return recent_json(g, copy, n);
}

void vgpu_witness_guest_time(struct vgpu_witness *w, uint64_t us)
{
	pthread_mutex_lock(&w->lock);
	w->guest_offset = (int64_t)us - (int64_t)vgpu_now_us();
	w->has_guest = true;
	pthread_mutex_unlock(&w->lock);
}

bool vgpu_witness_guest_shift(struct vgpu_witness *w, int64_t *us)
{
	bool known;

	pthread_mutex_lock(&w->lock);
	known = w->has_guest;
	*us = w->guest_offset;
	pthread_mutex_unlock(&w->lock);
	return known;
}

/* ---- events ------------------------------------------------------------------------- */

void vgpu_witness(struct vgpu *g, enum vgpu_witness_kind kind, const struct dma_origin *who,
		  uint64_t addr, uint64_t len, bool write, const char *fmt, ...)
{
	struct vgpu_witness *w = g->witness;
	char detail[sizeof(w->ring[0].detail)];
	struct event *e;
	va_list ap;

	if ((unsigned int)kind >= WITNESS_KINDS)
		return;
	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);

	pthread_mutex_lock(&w->lock);
	if (vgpu_is_dead(g)) {
		w->dead[kind]++;
		goto out;
	}
	w->counts[kind]++;
	if (w->burst[kind] >= VGPU_WITNESS_BURST) {
		w->suppressed++;
		goto out;
	}
	w->burst[kind]++;
	e = &w->ring[w->next % VGPU_WITNESS_RING];
	e->seq = w->next++;
	e->time_us = vgpu_now_us();
	e->guest_us = w->has_guest ? (int64_t)e->time_us + w->guest_offset : -1;
	if (w->burst[kind] <= VGPU_WITNESS_STORIES_EACH)
		keep_story(w, e->seq);
	e->kind = kind;
	e->addr = addr;
	e->len = len;
	e->write = write;
	e->guc_id = who ? who->guc_id : -1;
	copy_text(e->engine, sizeof(e->engine), who && who->engine ? who->engine : "");
	memcpy(e->mark, w->mark, sizeof(e->mark));
	copy_text(e->detail, sizeof(e->detail), detail);
	log_info("witness %s: %s: addr %#llx len %llu (%s %d) [%s]", kind_names[kind], detail,
		  (unsigned long long)addr, (unsigned long long)len, e->engine, e->guc_id, e->mark);
out:
	pthread_mutex_unlock(&w->lock);
}

static json_t *count_object(const uint64_t *counts)
{
	json_t *o = json_object();

	for (int k = 0; o && k < WITNESS_KINDS; k++)
		if (counts[k])
			json_object_set_new(o, kind_names[k], json_integer((json_int_t)counts[k]));
	return o;
}

static json_t *event_json(struct vgpu *g, const struct event *e, bool stories)
{
	const struct vgpu_witness *w = g->witness;
	json_t *o = json_pack("{sI sI ss ss ss sI sI sb ss si}", "seq", (json_int_t)e->seq, "time_us",
			      (json_int_t)e->time_us, "kind", kind_names[e->kind], "mark", e->mark,
			      "detail", e->detail, "iova", (json_int_t)e->addr, "len",
			      (json_int_t)e->len, "write", (int)e->write, "engine", e->engine, "guc_id",
			      e->guc_id);

	if (e->guest_us >= 0)
		json_object_set_new(o, "guest_us", json_integer(e->guest_us));
	for (size_t i = 0; stories && i < VGPU_WITNESS_STORIES && i < w->nstories; i++)
		if (w->stories[i].seq == e->seq)
			json_object_set_new(o, "before",
					    recent_json(g, w->stories[i].before, w->stories[i].n));
	return o;
}

json_t *vgpu_witness_json(struct vgpu *g, uint64_t since, unsigned int max, bool stories)
{
	json_t *out, *events = json_array();
	struct vgpu_witness *w = g->witness;
	uint64_t seq;

	if (!events)
		return NULL;
	pthread_mutex_lock(&w->lock);
	seq = w->next > VGPU_WITNESS_RING ? w->next - VGPU_WITNESS_RING : 0;
	if (seq < since)
		seq = since;
	for (; seq < w->next && max; seq++, max--)
		json_array_append_new(events,
				      event_json(g, &w->ring[seq % VGPU_WITNESS_RING], stories));
	if (seq > w->next)
		seq = w->next;
	out = json_pack("{sI so so sI so}", "next", (json_int_t)seq, "counts",
			count_object(w->counts), "while_dead", count_object(w->dead), "suppressed",
			(json_int_t)w->suppressed, "events", events);
	pthread_mutex_unlock(&w->lock);
	return out;
}
