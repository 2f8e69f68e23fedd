/* SPDX-License-Identifier: MIT */
/*
 * Engines: a thread each, with a FIFO of runnable contexts. A context runs until it is idle, its
 * slice ends while others wait, it waits for memory, or somebody wants it to stop.
 */
#ifndef VGPU_ENGINE_H
#define VGPU_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gfx_state.h"
#include "irq.h"
#include "lrc_regs.h"
#include "mem.h"
#include "vgpu.h"

enum engine_id { RCS0, CCS0, BCS0, BCS8, ENGINE_COUNT };

#define LRC_LEVELS 3 /* ring, batch, second-level batch */
#define LRC_GPRS   16

struct engine;

/* Where a context stands; kept from one run to the next, so that it resumes. */
struct lrc_level {
	uint64_t ip;
	bool ggtt;
};

struct guc_ctx {
	uint32_t guc_id;
	struct engine *e;
	uint64_t lrca; /* GGTT address of the PPHWSP page */
	struct dma_origin who;

	/* under submit.lock */
	bool enabled, queued, running, kicked, hung, disable_pending, deregister_pending;
	bool faulting; /* waits for the answer to its page fault */
	struct mem_fault fault; /* the last one */
	unsigned int fault_repeats;
	uint64_t wake_ns; /* not runnable before; 0 = now */
	struct guc_ctx *next;

	/* owned by the engine thread while running, by submit.lock holders otherwise */
	uint32_t ring_head, ring_tail, ring_size, saved_head;
	uint64_t ring_start, root;
	uint32_t asid;
	struct lrc_level batch[LRC_LEVELS - 1];
	int depth;	   /* 0: in the ring */
	uint64_t gpr[LRC_GPRS];
	struct lrc_regs regs;
	struct gfx_state gfx;
	struct eu_walk *walk; /* COMPUTE_WALKER under way, NULL if none */
	bool large_regs;      /* 256 registers a thread */
	bool in_setup;	      /* runs the batch of the switch-in: nothing that takes long */
	uint64_t ts_base, ts_start_ns; /* context timestamp at, and time of, switch-in */
	uint32_t loops;		       /* batch jumps since the last finished job */
	uint64_t jobs;
};

struct engine {
	struct vgpu_hw *h;
	enum engine_id id;
	const char *name;
	uint32_t mmio_base;
	uint32_t engine_id_reg;
	enum irq_source irq;
	pthread_t thread;
	bool started;

	/* under submit.lock */
	pthread_cond_t wake;
	struct guc_ctx *head, *tail;
	struct guc_ctx *cur;
	bool up;	 /* the thread has got as far as waiting for work */
	bool exit, hold; /* hold: quiesced, run nothing */

	atomic_bool preempt; /* stop at the next command boundary */
	atomic_bool others;  /* another context waits: slices matter */
	/* of the running context, for MMIO reads: context timestamp = base + ticks since start */
	_Atomic uint64_t ts_base, ts_start_ns;
	atomic_bool active;
	_Atomic uint64_t jobs_done, commands, slices, unknown_commands, instructions;
};

enum run_result {
	RUN_IDLE,  /* ring empty; or, of the switch-in, all well */
	RUN_SLICE, /* would go on */
	RUN_WAIT,  /* waits for memory to change while others could run */
	RUN_PAGE_FAULT, /* a page is missing: mem_fault of this thread; the same command comes next */
	RUN_FAULT, /* access failed: context is lost */
	RUN_HANG,  /* cannot be executed: context is lost */
};

/* Gives the engines their names and registers. */
void engines_init(struct vgpu_hw *h);
/* Starts the threads and waits until they are ready for work. Returns 0 or -errno. */
int engines_start(struct vgpu_hw *h);
/* Stops and joins the threads. Works after a failed engines_start(). */
void engines_stop(struct vgpu_hw *h);
/* @on: returns once no engine runs and none starts; !@on: lets them go. */
void engines_hold(struct vgpu_hw *h, bool on);
/* Puts @c at the end of its engine's queue if it may run and is not there. submit.lock held. */
void engine_queue(struct guc_ctx *c);
/* Takes @c out of its engine's queue. submit.lock held. */
void engine_unqueue(struct guc_ctx *c);
/* Asks the engine to leave @c at the next command boundary; does not wait. submit.lock held. */
void engine_preempt(struct engine *e);
/* For the running context: sleeps a moment, less when the engine is wanted. No lock held. */
void engine_pause(struct engine *e);
/* @c is lost as @r says: tells the driver, as the hardware would. submit.lock held. */
void engine_context_lost(struct vgpu_hw *h, struct guc_ctx *c, enum run_result r);
/* Waits until no engine runs anything and drops what is queued. submit.lock held (and kept). */
void engines_drain(struct vgpu_hw *h);

/* lrc.c: runs @c on its engine thread until one of the above. No lock held. */
enum run_result lrc_run(struct engine *e, struct guc_ctx *c);
/* 64-bit context timestamp of @c while it runs. */
uint64_t lrc_timestamp(const struct guc_ctx *c);

/* How one command ended. */
enum step {
	STEP_NEXT, /* go on behind it */
	STEP_JUMP, /* position was set */
	STEP_AGAIN, /* stopped in the middle: do it again */
	STEP_WAIT,
	STEP_FAULT,
	STEP_HANG,
};

/* Longest command: MI_STORE_DATA_IMM has a length field of ten bits. */
#define CMD_MAX_DWORDS 1025
/* Length in dwords of a command from its first dword; 0 if no engine has such a command. */
uint32_t cmd_length(uint32_t dw0);
/*
 * Execute the command of @n = cmd_length() dwords at @dw. The position of @c is behind the command
 * already. Engine thread, no lock held. MI commands, those of the render and compute pipelines.
 */
enum step cmd_mi(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n);
/* MI_ATOMIC on memory of @sp. */
enum step cmd_atomic(struct engine *e, struct guc_ctx *c, struct mem_space sp, const uint32_t *dw,
		     uint32_t n);
enum step cmd_render(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n);
/*
 * The space a command means: the GGTT only if @ggtt and the ring or a batch in the GGTT asks for it,
 * otherwise that of the context. A batch in the PPGTT cannot reach the GGTT.
 */
struct mem_space cmd_space(const struct guc_ctx *c, bool ggtt);

#endif
