/* SPDX-License-Identifier: MIT */
/* Engine threads and their queues. An engine with nothing to run sleeps on its condition. */
#define _GNU_SOURCE
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "device.h"
#include "eu_walker.h"
#include "guc_pagefault.h"

#define WAIT_NS	     1000000ull	 /* a blocked context looks again after this */
#define ENGINE_NICE  5		 /* more than the rest: an endless batch must not slow the guest's CPUs down */

static const struct {
	const char *name;
	uint32_t base, id;
	enum irq_source irq;
} layout[ENGINE_COUNT] = {
	/* ENGINE_ID: [9:4] instance, [2:0] class */
	[RCS0] = { "rcs0", 0x2000, 0, IRQ_RCS0 },
	[CCS0] = { "ccs0", 0x1a000, 5, IRQ_CCS0 },
	[BCS0] = { "bcs0", 0x22000, 3, IRQ_BCS0 },
	[BCS8] = { "bcs8", 0x3ee000, 8 << 4 | 3, IRQ_BCS8 },
};

static void update_others(struct engine *e)
{
	atomic_store(&e->others, e->head != NULL);
}

void engine_queue(struct guc_ctx *c)
{
	struct engine *e = c->e;

	c->wake_ns = 0; /* news: a waiting context may look at once */
	if (!c->enabled || c->hung || c->running || c->faulting)
		return;
	if (!c->queued) {
		c->queued = true;
		c->next = NULL;
		if (e->tail)
			e->tail->next = c;
		else
			e->head = c;
		e->tail = c;
		update_others(e);
	}
	pthread_cond_signal(&e->wake);
}

void engine_unqueue(struct guc_ctx *c)
{
	struct engine *e = c->e;
	struct guc_ctx **p = &e->head, *prev = NULL;

	if (!c->queued)
		return;
	while (*p != c) {
		prev = *p;
		p = &(*p)->next;
	}
	*p = c->next;
	if (e->tail == c)
		e->tail = prev;
	c->queued = false;
	c->next = NULL;
	update_others(e);
}

void engine_preempt(struct engine *e)
{
	atomic_store(&e->preempt, true);
	pthread_cond_signal(&e->wake);
}

/* First context that may run now; otherwise NULL and when to look again (0: never). */
static struct guc_ctx *pick(struct engine *e, uint64_t *again)
{
	uint64_t now = 0;

	*again = 0;
	for (struct guc_ctx *c = e->head; c; c = c->next) {
		if (c->wake_ns) {
			if (!now)
				now = hw_now_ns();
			if (c->wake_ns > now) {
				if (!*again || c->wake_ns < *again)
					*again = c->wake_ns;
				continue;
			}
		}
		engine_unqueue(c);
		return c;
	}
	return NULL;
}

static void sleep_until(struct engine *e, pthread_mutex_t *lock, uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000u),
			       .tv_nsec = (long)(ns % 1000000000u) };

	if (ns)
		pthread_cond_timedwait(&e->wake, lock, &ts);
	else
		pthread_cond_wait(&e->wake, lock);
}

void engine_pause(struct engine *e)
{
	struct guc_submit *s = &e->h->guc.submit;

	pthread_mutex_lock(&s->lock);
	if (!atomic_load(&e->preempt))
		sleep_until(e, &s->lock, hw_now_ns() + WAIT_NS);
	pthread_mutex_unlock(&s->lock);
}

void engine_context_lost(struct vgpu_hw *h, struct guc_ctx *c, enum run_result r)
{
	uint32_t id = c->guc_id;

	c->hung = true;
	engine_unqueue(c);
	eu_walk_drop(c);
	if (r == RUN_FAULT) {
		h->guc.cat_errors++;
		if (c->fault.valid)
			vgpu_witness(h->g, WITNESS_PPGTT_FAULT, &c->who, c->fault.addr, 0,
				     c->fault.write, "%s, level %u",
				     c->fault.read_only ? "read-only" : "not present",
				     c->fault.level);
		guc_send_event(h, GUC_MEMORY_CAT_ERROR, &id, 1);
	} else {
		guc_send_event(h, GUC_CONTEXT_RESET, &id, 1);
	}
}

/* submit.lock held. May free @c. */
static void after_run(struct engine *e, struct guc_ctx *c, enum run_result r)
{
	struct vgpu_hw *h = e->h;
	bool more = c->kicked;

	c->running = false;
	e->cur = NULL;
	if (r == RUN_FAULT)
		c->fault.valid = false; /* not for want of a page */
	else if (r == RUN_PAGE_FAULT && !vgpu_is_dead(h->g) && !pagefault_raise(h, c, &mem_fault))
		r = RUN_FAULT;
	switch (r) {
	case RUN_SLICE:
		e->slices++;
		more = true;
		break;
	case RUN_WAIT:
		more = true;
		break;
	case RUN_FAULT:
	case RUN_HANG:
		/* a bus that is gone or a switched-off master is not the context's fault */
		if (!vgpu_is_dead(h->g))
			engine_context_lost(h, c, r);
		break;
	case RUN_IDLE:
	case RUN_PAGE_FAULT:
		break;
	}
	if (more)
		engine_queue(c);
	if (r == RUN_WAIT && c->queued)
		c->wake_ns = hw_now_ns() + WAIT_NS;
	submit_stopped(h, c);
	pthread_cond_broadcast(&h->guc.submit.stopped);
}

static void *engine_main(void *arg)
{
	struct engine *e = arg;
	struct guc_submit *s = &e->h->guc.submit;
	char name[16];

	snprintf(name, sizeof(name), "vgpu-%s", e->name);
	pthread_setname_np(pthread_self(), name);
	/* per thread on Linux; failing changes nothing but fairness */
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid),
		    getpriority(PRIO_PROCESS, 0) + ENGINE_NICE);

	pthread_mutex_lock(&s->lock);
	e->up = true;
	pthread_cond_broadcast(&s->stopped);
	while (!e->exit) {
		struct guc_ctx *c = NULL;
		uint64_t again = 0;
		enum run_result r;

		if (!e->hold)
			c = pick(e, &again);
		if (!c) {
			sleep_until(e, &s->lock, again);
			continue;
		}
		c->running = true;
		c->kicked = false;
		e->cur = c;
		atomic_store(&e->preempt, false);
		pthread_mutex_unlock(&s->lock);
		r = lrc_run(e, c);
		pthread_mutex_lock(&s->lock);
		after_run(e, c, r);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void wait_standstill(struct vgpu_hw *h)
{
	for (int i = 0; i < ENGINE_COUNT; i++) {
		struct engine *e = &h->engines[i];

		while (e->cur) {
			engine_preempt(e);
			pthread_cond_wait(&h->guc.submit.stopped, &h->guc.submit.lock);
		}
	}
}

static void set_hold(struct vgpu_hw *h, bool on)
{
	for (int i = 0; i < ENGINE_COUNT; i++) {
		h->engines[i].hold = on;
		pthread_cond_signal(&h->engines[i].wake);
	}
}

void engines_hold(struct vgpu_hw *h, bool on)
{
	pthread_mutex_lock(&h->guc.submit.lock);
	set_hold(h, on);
	if (on)
		wait_standstill(h);
	pthread_mutex_unlock(&h->guc.submit.lock);
}

void engines_drain(struct vgpu_hw *h)
{
	bool held[ENGINE_COUNT];

	for (int i = 0; i < ENGINE_COUNT; i++) {
		held[i] = h->engines[i].hold;
		h->engines[i].hold = true;
	}
	wait_standstill(h);
	for (int i = 0; i < ENGINE_COUNT; i++) {
		struct engine *e = &h->engines[i];

		while (e->head)
			engine_unqueue(e->head);
		e->hold = held[i];
	}
}

void engines_init(struct vgpu_hw *h)
{
	for (int i = 0; i < ENGINE_COUNT; i++) {
		struct engine *e = &h->engines[i];

		e->h = h;
		e->id = (enum engine_id)i;
		e->name = layout[i].name;
		e->mmio_base = layout[i].base;
		e->engine_id_reg = layout[i].id;
		e->irq = layout[i].irq;
	}
}

int engines_start(struct vgpu_hw *h)
{
	pthread_condattr_t attr;
	int err;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (int i = 0; i < ENGINE_COUNT; i++) {
		struct engine *e = &h->engines[i];

		pthread_cond_init(&e->wake, &attr);
		err = pthread_create(&e->thread, NULL, engine_main, e);
		if (err) {
			pthread_condattr_destroy(&attr);
			return -err;
		}
		e->started = true;
	}
	pthread_condattr_destroy(&attr);
	/* a thread that is being born makes system calls a sandbox would not expect */
	pthread_mutex_lock(&h->guc.submit.lock);
	for (int i = 0; i < ENGINE_COUNT; i++)
		while (!h->engines[i].up)
			pthread_cond_wait(&h->guc.submit.stopped, &h->guc.submit.lock);
	pthread_mutex_unlock(&h->guc.submit.lock);
	return 0;
}

void engines_stop(struct vgpu_hw *h)
{
	for (int i = 0; i < ENGINE_COUNT; i++) {
		struct engine *e = &h->engines[i];

		if (!e->started)
			continue;
		pthread_mutex_lock(&h->guc.submit.lock);
		e->exit = true;
		engine_preempt(e);
		pthread_mutex_unlock(&h->guc.submit.lock);
		pthread_join(e->thread, NULL);
		e->started = false;
	}
}
