/* SPDX-License-Identifier: MIT */
/* What all Xe2 parts have in common, for the personalities to pick from. */
#ifndef VGPU_XE2_H
#define VGPU_XE2_H

#include "personality.h"
#include "regs.h"

/* Fuses of one slice with four subslices and one compute engine, clocks, mailboxes. */
extern const struct reg_set xe2_regs;
/* Engines, MOCS and PAT tables, workarounds. */
extern const struct range_set xe2_ranges;
/* 3D pipeline: what workarounds set in each context instead of once. */
extern const struct reg_set xe2_context_regs;
/* Agrees with the fuses of xe2_regs. */
extern const struct dword_table xe2_hwconfig;

#endif
