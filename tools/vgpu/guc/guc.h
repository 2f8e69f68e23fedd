/* SPDX-License-Identifier: MIT */
/*
 * The GuC: boot handshake and MMIO mailbox (guc.c), command transport buffers (guc_ctb.c),
 * contexts and scheduling (guc_submit.c), frequency control (slpc.c).
 */
#ifndef VGPU_GUC_H
#define VGPU_GUC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regs.h"
#include "vgpu.h"

#define GUC_MAX_CONTEXTS 65536
#define GUC_MSG_MAX	 256 /* dwords of a CTB message: the length field has 8 bits */

/* HXG header fields (abi/guc_messages_abi.h) */
#define HXG_ORIGIN_GUC	(1u << 31)
#define HXG_TYPE(hdr)	((hdr) >> 28 & 7)
#define HXG_ACTION(hdr) ((hdr) & 0xffff)
enum hxg_type {
	HXG_REQUEST = 0,
	HXG_EVENT = 1,
	HXG_FAST_REQUEST = 2,
	HXG_FAILURE = 6,
	HXG_SUCCESS = 7,
};

enum guc_action {
	GUC_SCHED_POLICIES_KLV = 0x0509,
	GUC_SELF_CFG = 0x0508,
	GUC_GLOBAL_POLICY_CHANGE = 0x0506,
	GUC_SCHED_CONTEXT = 0x1000,
	GUC_SCHED_MODE_SET = 0x1001,
	GUC_SCHED_MODE_DONE = 0x1002,
	GUC_CONTEXT_RESET = 0x1008,
	GUC_ENGINE_FAILURE = 0x1009,
	GUC_CONTEXT_POLICIES = 0x100b,
	GUC_SLPC_REQUEST = 0x3003,
	GUC_SETUP_GUCRC = 0x3004,
	GUC_GET_HWCONFIG = 0x4100,
	GUC_REGISTER_CONTEXT = 0x4502,
	GUC_DEREGISTER_CONTEXT = 0x4503,
	GUC_CONTROL_CTB = 0x4509,
	GUC_DEREGISTER_DONE = 0x4600,
	GUC_CLIENT_SOFT_RESET = 0x5507,
	GUC_ENGINE_ACTIVITY = 0x550c,
	GUC_FUNCTION_ACTIVITY = 0x550d,
	GUC_OPT_IN_FEATURE = 0x550e,
	GUC_MEMORY_CAT_ERROR = 0x6000,
	GUC_PAGE_FAULT = 0x6002,
	GUC_PAGE_FAULT_RESPONSE = 0x6003,
	GUC_TLB_INVALIDATION = 0x7000,
	GUC_TLB_INVALIDATION_DONE = 0x7001,
	GUC_TLB_INVALIDATION_ALL = 0x7002,
	GUC_CRASH_DUMP_POSTED = 0x8004,
	GUC_EXCEPTION = 0x8005,
	GUC_RESPONSE = 0x10000, /* no action: what events call the reply to a request */
};

struct guc_ring {
	uint64_t desc, buf; /* GGTT addresses */
	uint32_t size;	    /* dwords */
	uint32_t pos;	    /* our index: H2G head or G2H tail */
	bool broken;	    /* protocol error seen; told once */
};

struct guc_ctb {
	uint64_t cfg[6]; /* SELF_CFG values, keys 0x0902.. in order */
	bool enabled;
	struct guc_ring h2g, g2h;
	pthread_mutex_t lock; /* g2h, and enabled against senders */
	bool mute;	      /* crashed: nobody listens or speaks until the next GuC reset */
	bool h2g_stalled;     /* a trigger delays the next message; loop thread */
	bool h2g_released;    /* ... and its time has come */
	bool h2g_more;	      /* the loop comes back to the ring by itself */
	bool g2h_stalled;     /* messages are written, the tail waits; under lock */
};

struct guc_ctx;

struct guc_submit {
	pthread_mutex_t lock; /* contexts, every engine's queue, states of both */
	pthread_cond_t stopped;
	struct guc_ctx **ctx; /* GUC_MAX_CONTEXTS */
	uint16_t *faults_open; /* page faults the driver has not answered, for each context number */
	unsigned int nr;
};

struct slpc {
	uint32_t min_mhz, max_mhz; /* 0: not set by the driver */
};

struct guc {
	bool mailbox_new; /* a request was written since the last doorbell */
	struct guc_ctb ctb;
	struct guc_submit submit;
	struct slpc slpc;
	_Atomic uint64_t h2g_messages, g2h_messages, mmio_requests, tlb_invalidations;
	_Atomic uint64_t unknown_actions, contexts_registered, contexts_dropped, cat_errors;
	_Atomic uint64_t page_faults, page_faults_refused;
	_Atomic uint32_t last_unknown_action;
};

extern const struct dma_origin guc_origin;

/* guc.c */
extern const struct reg_def guc_regs[];
extern const size_t nr_guc_regs;
/* Allocates the context table. Returns 0 or -ENOMEM. */
int guc_init(struct vgpu_hw *h);
/* Frees what is left; no engine thread may run any more. */
void guc_fini(struct vgpu_hw *h);
/*
 * GuC reset: contexts, transport and settings are forgotten; returns when no engine runs.
 * Caller holds regs->lock or knows no register access can happen.
 */
void guc_reset(struct vgpu_hw *h);

/* guc_ctb.c: loop thread, but for guc_send() and guc_send_event() */
/* Off, no configuration. */
void ctb_init(struct guc_ctb *ctb);
/* Remembers a SELF_CFG value. Returns the number of keys taken: 1 or 0. */
int ctb_config(struct guc_ctb *ctb, uint32_t key, uint64_t val);
/* Turns the transport on or off. Returns 0, or -EINVAL for a configuration that cannot work. */
int ctb_enable(struct vgpu_hw *h, bool on);
/* Consumes every complete message of the H2G ring. */
void ctb_receive(struct vgpu_hw *h);
/*
 * Sends one G2H message: HXG header @hdr and @n data dwords, CT fence @fence. Any thread; may be
 * called with submit.lock held. False: nobody will ever see it (transport off, broken, mute).
 */
bool guc_send(struct vgpu_hw *h, uint32_t fence, uint32_t hdr, const uint32_t *data, size_t n);
/* Sends an event with @n data dwords. Like guc_send(). */
bool guc_send_event(struct vgpu_hw *h, enum guc_action action, const uint32_t *data, size_t n);

/* GuC crash: no H2G is consumed, no G2H sent, the mailbox is not answered until the next reset. */
void ctb_mute(struct guc_ctb *ctb);

/* Handles one H2G message: HXG header @msg[0], @n dwords. Loop thread. */
void guc_dispatch(struct vgpu_hw *h, uint32_t fence, const uint32_t *msg, size_t n);

/* guc_submit.c */
/* Returns 0 or -ENOMEM. */
int submit_init(struct guc_submit *s);
void submit_fini(struct guc_submit *s);
/* Drops every context after its engine has let go of it. */
void submit_reset(struct vgpu_hw *h);
/*
 * The four context actions: @n dwords of payload at @p, as after the HXG header. What does not make
 * sense is witnessed and changes nothing. Loop thread; they take submit.lock.
 */
void submit_register(struct vgpu_hw *h, const uint32_t *p, size_t n);
void submit_deregister(struct vgpu_hw *h, const uint32_t *p, size_t n);
void submit_mode_set(struct vgpu_hw *h, const uint32_t *p, size_t n);
void submit_kick(struct vgpu_hw *h, const uint32_t *p, size_t n);
/*
 * @c has left its engine: sends the answers that waited for it; may free @c. submit.lock held.
 */
void submit_stopped(struct vgpu_hw *h, struct guc_ctx *c);
/*
 * The registered contexts, at most SUBMIT_LISTED of them: guc_id, engine, state, page faults the
 * driver has not answered. A new array.
 */
#define SUBMIT_LISTED 64
json_t *submit_list(struct vgpu_hw *h);
/* Counts registered contexts, and those that run or would if their engine were free. */
void submit_count(struct vgpu_hw *h, unsigned int *contexts, unsigned int *running);

/* slpc.c */
extern const struct reg_def slpc_regs[];
extern const size_t nr_slpc_regs;
/* Forgets the limits the driver has set. */
void slpc_reset(struct slpc *s);
/* One SLPC action, @n dwords of payload at @p. Loop thread, regs.lock held (the doorbell). */
void slpc_request(struct vgpu_hw *h, const uint32_t *p, size_t n);

/* Records a violation of the H2G protocol. */
void guc_protocol(struct vgpu_hw *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
