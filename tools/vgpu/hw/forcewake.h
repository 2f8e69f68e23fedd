/* SPDX-License-Identifier: MIT */
/* Forcewake: each domain's acknowledge register mirrors its control register. */
#ifndef VGPU_FORCEWAKE_H
#define VGPU_FORCEWAKE_H

#include "regs.h"

extern const struct reg_def forcewake_regs[];
extern const size_t nr_forcewake_regs;

#endif
