// SPDX-License-Identifier: MIT
/*
 * State dmabuf-open: a BO exported as dma-buf, its GEM handle still open.
 *
 * Written through the dma-buf's own mapping, read by the GPU. The content belongs
 * to whoever holds the dma-buf: it must survive an orderly removal.
 */
#include "dmabuf.h"

int main(int argc, char **argv)
{
	return dmabuf_main(argc, argv, "dmabuf-open",
			   "a BO exported as dma-buf, its GEM handle still open", true);
}
