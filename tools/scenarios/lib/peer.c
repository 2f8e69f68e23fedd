// SPDX-License-Identifier: MIT
/*
 * A second GPU, see peer.h.
 */
#include "peer.h"

#include <stdio.h>

#include "common.h"

int peer_find(struct xe *xe, const char *device, uint64_t second, char path[PEER_PATH])
{
	int ret = xe_open(xe, device);

	if (ret)
		return ret;
	if (xe_close(xe))
		return -1;
	if (!second)
		return scn_skip("one GPU in the guest");
	snprintf(path, PEER_PATH, "/dev/dri/renderD%u", (unsigned int)second);
	return 0;
}

static uint64_t dma_counter(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long n = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%lu", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

uint64_t peer_mappings(void)
{
	return dma_counter("/sys/kernel/debug/dma-api/nr_total_entries") -
	       dma_counter("/sys/kernel/debug/dma-api/num_free_entries");
}
