// SPDX-License-Identifier: MIT
/*
 * State vram-dmabuf: a BO in local memory exported as dma-buf.
 *
 * The content belongs to whoever holds the dma-buf, and lies on a card that is about
 * to go: an orderly removal has to move it to system memory first, and the mapping
 * with it. Of a card that was pulled nothing can be saved (--lost 1): then the
 * mapping has to stay readable, no more.
 */
#include "dmabuf.h"

static const struct scenario scn = {
	.name = "vram-dmabuf",
	.summary = "a BO in local memory exported as dma-buf",
	.options = dmabuf_options,
	.setup = dmabuf_setup_vram,
	SCN_CALLBACKS_OF(dmabuf),
};
SCENARIO(scn);
