/* SPDX-License-Identifier: MIT */
/* Power controller mailbox. */
#ifndef VGPU_PCODE_H
#define VGPU_PCODE_H

#include "regs.h"

extern const struct reg_def pcode_regs[];
extern const size_t nr_pcode_regs;

#endif
