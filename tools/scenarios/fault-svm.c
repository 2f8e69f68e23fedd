// SPDX-License-Identifier: MIT
/*
 * State fault-svm: memory the GPU sees at the CPU's own addresses, faults in flight.
 *
 * Ranges come into being with the GPU's faults and go with munmap, in a worker of
 * the driver's. Nobody has bound their pages, nobody can unbind them: at removal
 * they are the driver's to find. Older kernels have no such binds: skipped there.
 */
#include "fault_vm.h"

static const struct scenario scn = {
	.name = "fault-svm",
	.summary = "memory the GPU sees at the CPU's addresses, faults in flight",
	.options = fault_vm_options,
	.setup = fault_vm_setup_mirror,
	SCN_CALLBACKS_OF(fault_vm),
	.user_memory = true,
};
SCENARIO(scn);
