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
};

struct event {
	uint64_t seq, time_us, addr, len;
	enum vgpu_witness_kind kind;
	bool write;
	int guc_id;
	char engine[16];
	char mark[VGPU_WITNESS_MARK];
	char detail[200];
};

struct access {
	uint64_t time_us, val;
	uint32_t off;
	uint8_t size;
	bool write;
};

struct vgpu_witness {
	pthread_mutex_t lock;
	uint64_t next; /* seq of the next event */
	uint64_t counts[WITNESS_KINDS], dead[WITNESS_KINDS];
	uint64_t suppressed;
	uint32_t burst[WITNESS_KINDS]; /* events kept under the present mark */
	char mark[VGPU_WITNESS_MARK];
	struct event ring[VGPU_WITNESS_RING];
	/* loop thread only, no lock */
	uint64_t naccess;
	struct access recent[VGPU_WITNESS_RECENT];
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

const char *vgpu_witness_name(enum vgpu_witness_kind kind)
{
	return (unsigned int)kind < WITNESS_KINDS ? kind_names[kind] : NULL;
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

json_t *vgpu_witness_json(struct vgpu_witness *w, uint64_t since, unsigned int max)
{
	json_t *out, *events = json_array();
	uint64_t seq;

	if (!events)
		return NULL;
	pthread_mutex_lock(&w->lock);
	seq = w->next > VGPU_WITNESS_RING ? w->next - VGPU_WITNESS_RING : 0;
	if (seq < since)
		seq = since;
	for (; seq < w->next && max; seq++, max--) {
		const struct event *e = &w->ring[seq % VGPU_WITNESS_RING];

		json_array_append_new(
			events, json_pack("{sI sI ss ss ss sI sI sb ss si}", "seq",
					  (json_int_t)e->seq, "time_us", (json_int_t)e->time_us, "kind",
					  kind_names[e->kind], "mark", e->mark, "detail", e->detail,
					  "iova", (json_int_t)e->addr, "len", (json_int_t)e->len,
					  "write", (int)e->write, "engine", e->engine, "guc_id",
					  e->guc_id));
	}
	if (seq > w->next)
		seq = w->next;
	out = json_pack("{sI so so sI so}", "next", (json_int_t)seq, "counts",
			count_object(w->counts), "while_dead", count_object(w->dead), "suppressed",
			(json_int_t)w->suppressed, "events", events);
	pthread_mutex_unlock(&w->lock);
	return out;
}

void vgpu_witness_access(struct vgpu_witness *w, uint32_t off, uint64_t val, unsigned int size,
			 bool write)
{
	w->recent[w->naccess++ % VGPU_WITNESS_RECENT] =
		(struct access){ vgpu_now_us(), val, off, (uint8_t)size, write };
}

json_t *vgpu_witness_recent(struct vgpu *g)
{
	struct vgpu_witness *w = g->witness;
	uint64_t n = w->naccess > VGPU_WITNESS_RECENT ? w->naccess - VGPU_WITNESS_RECENT : 0;
	json_t *list = json_array();

	for (; list && n < w->naccess; n++) {
		const struct access *a = &w->recent[n % VGPU_WITNESS_RECENT];
		const char *name = vgpu_mmio_name(g, a->off);

		json_array_append_new(list,
				      json_pack("{sI si sI si sb ss}", "time_us", (json_int_t)a->time_us,
						"off", (int)a->off, "val", (json_int_t)a->val, "size",
						a->size, "write", (int)a->write, "name", name ? name : ""));
	}
	return list;
}
