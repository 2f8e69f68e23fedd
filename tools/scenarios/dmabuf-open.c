// SPDX-License-Identifier: MIT
/*
 * State dmabuf-open: a BO exported as dma-buf, its GEM handle still open.
 *
 * Written through the dma-buf's own mapping, read by the GPU. The content belongs
 * to whoever holds the dma-buf: it must survive an orderly removal.
 */
#include "dmabuf.h"

static const struct scenario scn = {
	.name = "dmabuf-open",
	.summary = "a BO exported as dma-buf, its GEM handle still open",
	.options = dmabuf_options,
	.setup = dmabuf_setup_open,
	SCN_CALLBACKS_OF(dmabuf),
};
SCENARIO(scn);
