/* SPDX-License-Identifier: MIT */
/*
 * What the states of a BO with a CPU mapping share (bo-mmap, vram-mmap): callbacks of
 * struct scenario. One BO a process.
 */
#ifndef SCENARIOS_BO_MMAP_H
#define SCENARIOS_BO_MMAP_H

#include "common.h"

extern const struct scn_option bo_mmap_options[];

int bo_mmap_setup(const char *device);
/* In local memory. */
int bo_mmap_setup_vram(const char *device);
int bo_mmap_verify(void);
int bo_mmap_gone(void);
int bo_mmap_unmap(void);
int bo_mmap_close(void);

#endif
