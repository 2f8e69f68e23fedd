// SPDX-License-Identifier: MIT
/*
 * State bo-mmap: a BO in system memory, mapped and written by the CPU.
 *
 * The GPU never sees it, yet the driver has it DMA-mapped. After removal the
 * mapping must stay readable and writable without SIGBUS; what it shows is free
 * (the DRM uAPI asks for no more), the fact "bo" of `gone` says it.
 */
#include "bo_mmap.h"

static const struct scenario scn = {
	.name = "bo-mmap",
	.summary = "a BO in system memory, mapped and written by the CPU",
	.options = bo_mmap_options,
	.setup = bo_mmap_setup,
	SCN_CALLBACKS_OF(bo_mmap),
};
SCENARIO(scn);
