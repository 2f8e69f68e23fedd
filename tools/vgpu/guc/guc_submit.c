/* SPDX-License-Identifier: MIT */
/*
 * Contexts as the GuC sees them: registered, enabled, disabled, deregistered. Answers that promise
 * "stopped" are sent by whoever sees the context stand still.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "eu_walker.h"

#define CLASS_RENDER  0
#define CLASS_BLITTER 3
#define CLASS_COMPUTE 4
#define LRCA_MASK     0xfffff000u

int submit_init(struct guc_submit *s)
{
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->stopped, NULL);
	s->ctx = calloc(GUC_MAX_CONTEXTS, sizeof(*s->ctx));
	s->faults_open = calloc(GUC_MAX_CONTEXTS, sizeof(*s->faults_open));
	return s->ctx && s->faults_open ? 0 : -ENOMEM;
}

static void ctx_free(struct guc_ctx *c)
{
	eu_walk_drop(c);
	free(c);
}

static void drop_all(struct guc_submit *s)
{
	for (size_t i = 0; s->nr && i < GUC_MAX_CONTEXTS; i++) {
		if (!s->ctx[i])
			continue;
		ctx_free(s->ctx[i]);
		s->ctx[i] = NULL;
		s->nr--;
	}
}

void submit_fini(struct guc_submit *s)
{
	if (s->ctx)
		drop_all(s);
	free(s->ctx);
	free(s->faults_open);
	s->ctx = NULL;
	s->faults_open = NULL;
}

void submit_reset(struct vgpu_hw *h)
{
	struct guc_submit *s = &h->guc.submit;

	pthread_mutex_lock(&s->lock);
	engines_drain(h);
	h->guc.contexts_dropped += s->nr;
	drop_all(s);
	memset(s->faults_open, 0, GUC_MAX_CONTEXTS * sizeof(*s->faults_open));
	pthread_mutex_unlock(&s->lock);
}

static struct engine *find_engine(struct vgpu_hw *h, uint32_t class, uint32_t mask)
{
	switch (class) {
	case CLASS_RENDER:
		return mask & 1 ? &h->engines[RCS0] : NULL;
	case CLASS_COMPUTE:
		return mask & 1 ? &h->engines[CCS0] : NULL;
	case CLASS_BLITTER:
		if (mask & 1)
			return &h->engines[BCS0];
		return mask & 2 ? &h->engines[BCS8] : NULL;
	default:
		return NULL;
	}
}

/* Payload: flags, id, class, instance mask, 5 dwords of work queue, hwlrca (xe_guc_submit.c). */
void submit_register(struct vgpu_hw *h, const uint32_t *p, size_t n)
{
	struct guc_submit *s = &h->guc.submit;
	struct guc_ctx *c;
	struct engine *e;

	if (n < 11 || p[1] >= GUC_MAX_CONTEXTS) {
		guc_protocol(h, "REGISTER_CONTEXT of %zu dwords, id %u", n, n > 1 ? p[1] : 0);
		return;
	}
	e = find_engine(h, p[2], p[3]);
	if (!e) {
		guc_protocol(h, "REGISTER_CONTEXT for class %u mask 0x%x", p[2], p[3]);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->guc_id = p[1];
	c->e = e;
	c->lrca = p[9] & LRCA_MASK;
	c->who = (struct dma_origin){ .engine = e->name, .guc_id = (int)c->guc_id };
	pthread_mutex_lock(&s->lock);
	if (s->ctx[c->guc_id]) {
		pthread_mutex_unlock(&s->lock);
		guc_protocol(h, "context %u registered twice", c->guc_id);
		free(c);
		return;
	}
	s->ctx[c->guc_id] = c;
	s->nr++;
	pthread_mutex_unlock(&s->lock);
	h->guc.contexts_registered++;
}

/* Finds the context an action names; complains and returns NULL otherwise. submit.lock held. */
static struct guc_ctx *lookup(struct vgpu_hw *h, const char *action, const uint32_t *p, size_t n,
			      size_t want)
{
	struct guc_ctx *c = NULL;

	if (n < want) {
		guc_protocol(h, "%s of %zu dwords", action, n);
		return NULL;
	}
	if (p[0] < GUC_MAX_CONTEXTS)
		c = h->guc.submit.ctx[p[0]];
	if (!c || c->deregister_pending) {
		guc_protocol(h, "%s for unknown context %u", action, p[0]);
		return NULL;
	}
	return c;
}

static void mode_done(struct vgpu_hw *h, uint32_t id, uint32_t runnable)
{
	guc_send_event(h, GUC_SCHED_MODE_DONE, (uint32_t[]){ id, runnable }, 2);
}

/* submit.lock held, context stands still. */
static void finish_deregister(struct vgpu_hw *h, struct guc_ctx *c)
{
	uint32_t id = c->guc_id;

	h->guc.submit.ctx[id] = NULL;
	h->guc.submit.nr--;
	ctx_free(c);
	guc_send_event(h, GUC_DEREGISTER_DONE, &id, 1);
}

void submit_deregister(struct vgpu_hw *h, const uint32_t *p, size_t n)
{
	struct guc_submit *s = &h->guc.submit;
	struct guc_ctx *c;

	pthread_mutex_lock(&s->lock);
	c = lookup(h, "DEREGISTER_CONTEXT", p, n, 1);
	if (c) {
		c->enabled = false;
		engine_unqueue(c);
		if (c->running) {
			/* a driver that waits for the answer is lucky; its memory may be gone before */
			vgpu_witness(h->g, WITNESS_DMA_DEREGISTERED, &c->who, c->lrca, 0, false,
				     "context deregistered while it runs: its accesses go on until it stops");
			c->deregister_pending = true;
			engine_preempt(c->e);
		} else {
			finish_deregister(h, c);
		}
	}
	pthread_mutex_unlock(&s->lock);
}

void submit_mode_set(struct vgpu_hw *h, const uint32_t *p, size_t n)
{
	struct guc_submit *s = &h->guc.submit;
	struct guc_ctx *c;

	pthread_mutex_lock(&s->lock);
	c = lookup(h, "SCHED_CONTEXT_MODE_SET", p, n, 2);
	if (c && p[1] & 1) {
		if (c->disable_pending) { /* answers stay in the order of the requests */
			c->disable_pending = false;
			mode_done(h, c->guc_id, 0);
		}
		c->enabled = true;
		c->kicked = true;
		mode_done(h, c->guc_id, 1);
		engine_queue(c);
	} else if (c) {
		c->enabled = false;
		engine_unqueue(c);
		if (c->running) {
			c->disable_pending = true;
			engine_preempt(c->e);
		} else {
			mode_done(h, c->guc_id, 0);
		}
	}
	pthread_mutex_unlock(&s->lock);
}

void submit_kick(struct vgpu_hw *h, const uint32_t *p, size_t n)
{
	struct guc_submit *s = &h->guc.submit;
	struct guc_ctx *c;

	pthread_mutex_lock(&s->lock);
	c = lookup(h, "SCHED_CONTEXT", p, n, 1);
	if (c) {
		c->kicked = true;
		engine_queue(c);
	}
	pthread_mutex_unlock(&s->lock);
}

void submit_stopped(struct vgpu_hw *h, struct guc_ctx *c)
{
	if (c->disable_pending) {
		c->disable_pending = false;
		mode_done(h, c->guc_id, 0);
	}
	if (c->deregister_pending)
		finish_deregister(h, c);
}

void submit_count(struct vgpu_hw *h, unsigned int *contexts, unsigned int *running)
{
	struct guc_submit *s = &h->guc.submit;

	pthread_mutex_lock(&s->lock);
	*contexts = s->nr;
	*running = 0;
	for (size_t i = 0, left = s->nr; left && i < GUC_MAX_CONTEXTS; i++) {
		const struct guc_ctx *c = s->ctx[i];

		if (!c)
			continue;
		left--;
		*running += c->running || c->queued || c->faulting;
	}
	pthread_mutex_unlock(&s->lock);
}

static const char *state_name(const struct guc_ctx *c)
{
	if (c->hung)
		return "lost";
	if (c->faulting)
		return "page fault";
	if (c->running)
		return "running";
	if (c->queued)
		return "queued";
	return c->enabled ? "idle" : "disabled";
}

json_t *submit_list(struct vgpu_hw *h)
{
	struct guc_submit *s = &h->guc.submit;
	json_t *list = json_array();

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0, left = s->nr; left && i < GUC_MAX_CONTEXTS; i++) {
		const struct guc_ctx *c = s->ctx[i];

		if (!c || json_array_size(list) == SUBMIT_LISTED)
			continue;
		left--;
		json_array_append_new(list, json_pack("{si ss ss si}", "guc_id", (int)c->guc_id, "engine",
						      c->e->name, "state", state_name(c), "page_faults",
						      (int)s->faults_open[i]));
	}
	pthread_mutex_unlock(&s->lock);
	return list;
}
