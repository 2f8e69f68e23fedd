/* SPDX-License-Identifier: MIT */
/*
 * The hardware half of the virtual GPU: one struct that holds every block, and the few helpers all
 * blocks share. Lock order, outermost first:
 *	regs.lock > submit.lock > g2h lock > xlat (shared), irq.lock > locks of the transport half
 * Engine threads never take regs.lock. Only mem.c takes xlat shared, one call at a time.
 */
#ifndef VGPU_DEVICE_H
#define VGPU_DEVICE_H

#include <stdarg.h>

#include "vgpu.h"
#include "engine.h"
#include "forcewake.h"
#include "ggtt.h"
#include "guc.h"
#include "irq.h"
#include "personality.h"
#include "regs.h"
#include "vram.h"

struct vgpu_hw {
	struct vgpu *g;
	const struct personality *p;
	struct regs regs;
	struct irq irq;
	struct ggtt ggtt;
	struct vram vram;
	struct guc guc;
	struct engine engines[ENGINE_COUNT];
	/*
	 * Translations: mem.c holds it shared for one access of at most MEM_PIECE bytes; the TLB
	 * invalidation takes it exclusively once before it answers. Nothing translated survives it.
	 */
	pthread_rwlock_t xlat;
	pthread_mutex_t atomics; /* held over MI_ATOMIC, outside xlat */
	/* how long the hardware takes, and when what it does now will be done; regs.lock */
	uint64_t wake_us, reset_us, awake_ns[FORCEWAKE_WELLS], reset_ns;
	_Atomic unsigned int walks; /* compute walkers under way, of all contexts */
	_Atomic uint64_t ppgtt_faults, ggtt_faults, resets_guc, resets_full, resets_flr;
};

/* Nanoseconds of the monotonic clock. */
uint64_t hw_now_ns(void);
/* Ticks of the 19.2 MHz reference clock since the program started. */
uint64_t hw_ticks(void);
/* Converts nanoseconds to ticks of the reference clock. */
uint64_t hw_ns_to_ticks(uint64_t ns);

#endif
