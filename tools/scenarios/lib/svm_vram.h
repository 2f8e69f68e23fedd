/* SPDX-License-Identifier: MIT */
/*
 * The two states of memory of the process that has migrated to the GPU's own: the
 * GPU sees memory at the CPU's addresses; what it touches moves to local memory, and
 * comes back when the CPU touches it. Callbacks of struct scenario; the set-up
 * decides which of the two it is.
 */
#ifndef SCENARIOS_SVM_VRAM_H
#define SCENARIOS_SVM_VRAM_H

#include "common.h"

/* --lost 1: of a device that is dead, where nothing can be saved of it */
extern const struct scn_option svm_vram_options[];

int svm_vram_setup(const char *device);
int svm_vram_setup_blocked(const char *device);
int svm_vram_verify(void);
int svm_vram_gone(void);
int svm_vram_unmap(void);
int svm_vram_close(void);

#endif
