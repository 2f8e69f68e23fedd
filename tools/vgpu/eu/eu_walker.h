/* SPDX-License-Identifier: MIT */
/* COMPUTE_WALKER: groups of threads over a grid. */
#ifndef VGPU_EU_WALKER_H
#define VGPU_EU_WALKER_H

#include "engine.h"

#define EU_WALKS_MAX 64u /* walkers of a device that may be under way at once; more have to wait */

/*
 * eu_command - executes the command of @n = cmd_length() dwords at @dw if it is one of the compute
 * pipeline. Engine thread, no lock held. A walker that was stopped (STEP_AGAIN), waits for a page
 * (STEP_FAULT) or for its turn (STEP_WAIT) goes on where it was when the same command comes again.
 * Returns false if it is none of them.
 */
bool eu_command(struct engine *e, struct guc_ctx *c, const uint32_t *dw, uint32_t n, enum step *st);
/* eu_walk_drop - forget the walker of @c that is under way, if any. @c does not run. */
void eu_walk_drop(struct guc_ctx *c);

#endif
