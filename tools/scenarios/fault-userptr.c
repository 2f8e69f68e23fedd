// SPDX-License-Identifier: MIT
/*
 * State fault-userptr: a VM that takes page faults, a userptr in it, faults in
 * flight.
 *
 * No fence holds the device back from such memory: when pages go the notifier has
 * to take the GPU's entries away itself, and when the GPU comes back it faults. At
 * removal both may be under way, and the notifier runs for as long as the memory
 * lives.
 */
#include "fault_vm.h"

static const struct scenario scn = {
	.name = "fault-userptr",
	.summary = "a VM that takes page faults, a userptr, faults in flight",
	.setup = fault_vm_setup_userptr,
	SCN_CALLBACKS_OF(fault_vm),
	.user_memory = true,
};
SCENARIO(scn);
