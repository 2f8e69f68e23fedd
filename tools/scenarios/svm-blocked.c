// SPDX-License-Identifier: MIT
/*
 * State svm-blocked: memory of the process that has migrated to the GPU's own, and a
 * bind of the same VM that waits for a fence of another driver.
 *
 * To bring the memory back takes the locks that the bind needs, and whoever takes
 * pages from the GPU waits for binds. The fence comes long after the removal, which
 * must neither wait for it nor lose the data.
 */
#include "svm_vram.h"

static const struct scenario scn = {
	.name = "svm-blocked",
	.summary = "memory that has migrated, and a bind that waits for another driver",
	.options = svm_vram_options,
	.setup = svm_vram_setup_blocked,
	SCN_CALLBACKS_OF(svm_vram),
	.user_memory = true,
};
SCENARIO(scn);
