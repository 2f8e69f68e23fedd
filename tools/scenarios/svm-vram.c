// SPDX-License-Identifier: MIT
/*
 * State svm-vram: memory of the process that has migrated to the GPU's own.
 *
 * The CPU does not touch it: when the device goes, the only copy of the process's data
 * is on the card. An orderly removal has to bring it back. Of a card that was pulled
 * nothing can be (--lost 1): then an access is answered by SIGBUS, never by something
 * else than the data, and nobody may wait for the process to give up its pages.
 */
#include "svm_vram.h"

static const struct scenario scn = {
	.name = "svm-vram",
	.summary = "memory of the process that has migrated to local memory",
	.options = svm_vram_options,
	.setup = svm_vram_setup,
	SCN_CALLBACKS_OF(svm_vram),
	.user_memory = true,
};
SCENARIO(scn);
