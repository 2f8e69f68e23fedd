/* SPDX-License-Identifier: MIT */
/* Forcewake: each domain's acknowledge register mirrors its control register, at once or late. */
#ifndef VGPU_FORCEWAKE_H
#define VGPU_FORCEWAKE_H

#include "regs.h"

#define FORCEWAKE_WELLS 2

extern const struct reg_def forcewake_regs[];
extern const size_t nr_forcewake_regs;

#endif
