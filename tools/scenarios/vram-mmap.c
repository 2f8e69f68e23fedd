// SPDX-License-Identifier: MIT
/*
 * State vram-mmap: a BO in local memory, mapped and written by the CPU.
 *
 * The mapping leads into the card's BAR. Removal has to take it away and put
 * something readable in its place: a page that still leads there is an access to
 * a device that is gone, or to its successor (audit, "CPU mappings").
 */
#include "bo_mmap.h"

static const struct scenario scn = {
	.name = "vram-mmap",
	.summary = "a BO in local memory, mapped and written by the CPU",
	.options = bo_mmap_options,
	.setup = bo_mmap_setup_vram,
	SCN_CALLBACKS_OF(bo_mmap),
};
SCENARIO(scn);
