// SPDX-License-Identifier: MIT
/*
 * State dmabuf-closed: a BO exported as dma-buf, its last GEM handle closed.
 *
 * What every well-behaved client does after passing an fd on. The DRM core then
 * forgets obj->dma_buf, so a driver that asks "is it exported?" through that takes
 * the BO for private and throws its pages away at removal (audit, F18).
 */
#include "dmabuf.h"

static const struct scenario scn = {
	.name = "dmabuf-closed",
	.summary = "a BO exported as dma-buf, its last GEM handle closed",
	.options = dmabuf_options,
	.setup = dmabuf_setup_closed,
	SCN_CALLBACKS_OF(dmabuf),
};
SCENARIO(scn);
