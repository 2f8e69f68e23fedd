/* SPDX-License-Identifier: MIT */
/*
 * Metric sets of the observation architecture (OA): registers that the driver writes when a
 * stream is opened with them.
 */
#ifndef SCENARIOS_OA_H
#define SCENARIOS_OA_H

#include "xe.h"

/* A register and its value: harmless, and accepted on all GPUs that have OA. */
extern const uint32_t oa_regs[2];

/*
 * Add the set of one register at @regs, which the kernel reads, under the name @uuid. 0 with
 * the number of the set in @id, or an errno value.
 */
int oa_add_config(const struct xe *xe, const char *uuid, const void *regs, uint64_t *id);

/* Remove the set whose number is at @id, which the kernel reads. 0 or an errno value. */
int oa_remove_config(const struct xe *xe, const void *id);

#endif
