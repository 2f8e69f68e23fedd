/* SPDX-License-Identifier: MIT */
/* Resets the driver can ask for by register: GDRST and the driver-initiated function reset. */
#ifndef VGPU_RESET_H
#define VGPU_RESET_H

#include "regs.h"

extern const struct reg_def reset_regs[];
extern const size_t nr_reset_regs;

#endif
