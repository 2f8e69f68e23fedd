/* SPDX-License-Identifier: MIT */
/*
 * Execution units: one thread of a shader, executed in order, one instruction at a time. Who starts
 * threads (the compute walker, the pixel pipeline) fills their payload, tells where things are in
 * memory (struct eu_env) and which shared functions answer their messages.
 *
 * Everything a shader says is checked before it is used: registers, lengths, addresses. What this
 * core does not know ends the thread and is witnessed (unknown_command).
 */
#ifndef VGPU_EU_H
#define VGPU_EU_H

#include <stdbool.h>
#include <stdint.h>

#include "mem.h"

#define EU_REG_BYTES   64u
#define EU_REGS	       256u /* what an instruction can name; a thread may have fewer */
#define EU_REGS_SMALL  128u /* what it has unless STATE_COMPUTE_MODE says otherwise */
#define EU_CHANNELS    32u
#define EU_ACCS	       8u
#define EU_FLAGS       4u
#define EU_ADDRS       16u
#define EU_LINE_DWORDS 32u

struct engine;
struct eu_thread;
struct guc_ctx;
struct vgpu_hw;

/* Numbers of the shared functions, as in bits [31:28] of the third dword of a send. */
enum eu_sfid {
	EU_SF_NULL = 0,
	EU_SF_SAMPLER = 2,
	EU_SF_GATEWAY = 3,
	EU_SF_RENDER = 5, /* render cache: render target messages */
	EU_SF_TGM = 13,	  /* data port, typed */
	EU_SF_SLM = 14,
	EU_SF_UGM = 15, /* data port, untyped */
	EU_SF_COUNT = 16,
};

enum eu_status {
	EU_OK,	    /* the instruction is done */
	EU_MORE,    /* eu_run(): the budget is used up, call again */
	EU_END,	    /* the thread has ended, by EOT or because it could not go on (then witnessed) */
	EU_BARRIER, /* waits until eu_thread.barrier is false again */
	EU_FAULT,   /* memory failed: mem_fault says where; call again once it is there */
	EU_UNKNOWN, /* of a message: nobody knows it. The core ends the thread. */
};

/*
 * A message, with its registers checked: [dst, dst + dst_len) and both sources exist. Lengths are in
 * registers; 0: there is none.
 */
struct eu_send {
	enum eu_sfid sfid;
	bool eot, conditional; /* sendc */
	uint32_t desc, exdesc;
	unsigned int dst, dst_len, src0, src0_len, src1, src1_len;
	unsigned int channels; /* execution size: 1, 2, 4, 8, 16 or 32 */
	uint32_t mask;	       /* bit i: channel i of the message is enabled */
};

/*
 * Answers a message: reads and writes registers of @t through eu_reg(), memory through env->c's
 * space. EU_FAULT must leave @t as it was: the message is sent again. Engine thread, no lock held.
 */
typedef enum eu_status (*eu_send_fn)(struct eu_thread *t, const struct eu_send *s);

/* What the threads of a dispatch have in common. Addresses are of the context's space. */
struct eu_env {
	struct engine *e;
	struct guc_ctx *c;
	uint64_t instructions;	/* base of instruction pointers */
	uint64_t general;	/* general state base */
	uint64_t surfaces;	/* surface state base */
	uint64_t bindless;	/* bindless surface state base */
	uint64_t bindings;	/* the binding table itself: pool base and pointer */
	uint64_t samplers;	/* the sampler state itself: dynamic state base and pointer */
	uint8_t *slm;		/* shared local memory of the thread's group */
	uint32_t slm_bytes;
	eu_send_fn send[EU_SF_COUNT]; /* NULL: EU_UNKNOWN */
	void *owner;		/* for the functions of who starts the threads */
};

struct eu_thread {
	struct eu_env *env;
	unsigned int regs; /* EU_REGS_SMALL or EU_REGS */
	uint64_t ip;	   /* relative to env->instructions; of the next instruction */
	uint32_t live;	   /* channels that were dispatched and did not end */
	uint32_t parked;   /* of these, those that are elsewhere: at there[] */
	uint64_t there[EU_CHANNELS];
	uint8_t grf[EU_REGS][EU_REG_BYTES] __attribute__((aligned(64)));
	uint8_t acc[EU_ACCS][EU_REG_BYTES] __attribute__((aligned(64)));
	int64_t wide[EU_CHANNELS]; /* what of an integer product does not fit the accumulator */
	uint32_t flag[EU_FLAGS];
	uint16_t addr[EU_ADDRS];
	uint32_t cr[4], sr[4];
	bool barrier; /* has told that it came to the barrier */
	bool waits;   /* and stood there when it was run last */
	bool ended;
	uint32_t done;		 /* channels of an atomic message that are through */
	uint64_t old[EU_CHANNELS]; /* and what they found */
	uint64_t line;		 /* address of code[], valid while eu_run() runs */
	uint32_t code[EU_LINE_DWORDS];
	unsigned int line_dwords;
	uint64_t instructions; /* so far */
};

/*
 * eu_thread_init - make @t a thread about to execute its first instruction at @env->instructions +
 * @start, with the channels @mask, all registers 0. @regs: EU_REGS_SMALL or EU_REGS.
 */
void eu_thread_init(struct eu_thread *t, struct eu_env *env, uint64_t start, uint32_t mask,
		    unsigned int regs);
/*
 * eu_run - execute at most @budget instructions. Instructions are read through the context's page
 * tables; nothing that was read or translated is kept when it returns. Looks at the engine's wish
 * to stop (EU_MORE then). Engine thread, no lock held. Returns EU_MORE, EU_END, EU_BARRIER, EU_FAULT.
 */
enum eu_status eu_run(struct eu_thread *t, unsigned int budget);
/* eu_reg - the @n-th register of @t, 16 dwords; @n must be less than @t->regs. */
static inline uint32_t *eu_reg(struct eu_thread *t, unsigned int n)
{
	return (uint32_t *)(void *)t->grf[n];
}
/* eu_space - the address space that shaders of @env see. */
struct mem_space eu_space(const struct eu_env *env);
/*
 * eu_surface - address of the RENDER_SURFACE_STATE that a message means: @index of the binding table
 * of @env. Returns false when the table could not be read (EU_FAULT).
 */
bool eu_surface(const struct eu_env *env, unsigned int index, uint64_t *state);

/* Messages of the data port (eu_lsc.c): untyped, shared local memory, typed; the gateway. */
enum eu_status eu_send_ugm(struct eu_thread *t, const struct eu_send *s);
enum eu_status eu_send_slm(struct eu_thread *t, const struct eu_send *s);
enum eu_status eu_send_tgm(struct eu_thread *t, const struct eu_send *s);
enum eu_status eu_send_gateway(struct eu_thread *t, const struct eu_send *s);

#endif
