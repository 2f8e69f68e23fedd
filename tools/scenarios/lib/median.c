// SPDX-License-Identifier: MIT
/*
 * Statistics, see median.h.
 */
#include "median.h"

#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t median(uint64_t *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_size);
	return values[n / 2];
}
