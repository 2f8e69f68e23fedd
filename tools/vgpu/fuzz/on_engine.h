/* SPDX-License-Identifier: MIT */
/* For targets that have an engine execute their input: a device, a context, and an end to each run. */
#ifndef VGPU_FUZZ_ON_ENGINE_H
#define VGPU_FUZZ_ON_ENGINE_H

#include "gpu.h"

#define ID 5

static struct harness *h;
static atomic_bool busy;

/* Nothing runs for ever: whatever an engine executes is told to stop every so often (@arg: timespec). */
static void *tick(void *arg)
{
	for (;;) {
		nanosleep(arg, NULL);
		for (int i = 0; atomic_load(&busy) && i < ENGINE_COUNT; i++)
			atomic_store(&h->g->hw->engines[i].preempt, true);
	}
	return arg;
}

/* The device, on the first call; runs are stopped every @tick_us microseconds. */
static void start(unsigned int tick_us)
{
	static struct timespec ts;
	pthread_t t;

	if (h)
		return;
	ts.tv_nsec = tick_us * 1000L;
	h = harness_new();
	gpu_boot(h);
	if (pthread_create(&t, NULL, tick, &ts))
		abort();
	pthread_detach(t);
}

/* Registers context ID, enabled, of GuC engine class @class; @c is it on engine @e. */
static void context(struct guc_ctx *c, uint32_t class, struct engine *e)
{
	ctx_make(h, ID, class, 1);
	H2G(h, 0x4503, ID);
	*c = (struct guc_ctx){ .guc_id = ID, .e = e };
	c->lrca = GPU_GGTT + lrc_off(ID) + RING_BYTES;
	c->who = (struct dma_origin){ .engine = e->name, .guc_id = ID };
}

/* As lrc_run(), until the context stops by itself or by the tick. */
static enum run_result run(struct engine *e, struct guc_ctx *c)
{
	enum run_result r;

	atomic_store(&e->preempt, false);
	atomic_store(&busy, true);
	r = lrc_run(e, c);
	atomic_store(&busy, false);
	return r;
}

#endif
