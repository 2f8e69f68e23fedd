/* SPDX-License-Identifier: MIT */
/*
 * The two states of a VM that takes page faults: memory bound as a userptr, and
 * memory the GPU sees at the CPU's own addresses. Callbacks of struct scenario;
 * the set-up decides which of the two it is.
 */
#ifndef SCENARIOS_FAULT_VM_H
#define SCENARIOS_FAULT_VM_H

#include "common.h"

/* --lost 1: of a device that is dead, where pages can be in its own memory */
extern const struct scn_option fault_vm_options[];

int fault_vm_setup_userptr(const char *device);
int fault_vm_setup_mirror(const char *device);
int fault_vm_verify(void);
int fault_vm_gone(void);
int fault_vm_unmap(void);
int fault_vm_close(void);

#endif
