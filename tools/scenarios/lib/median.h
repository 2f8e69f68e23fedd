/* SPDX-License-Identifier: MIT */
/*
 * Statistics of the programs that measure.
 */
#ifndef SCENARIOS_MEDIAN_H
#define SCENARIOS_MEDIAN_H

#include <stddef.h>
#include <stdint.h>

/* Sorts the @n values, at least one, and returns the middle one (of two the upper). */
uint64_t median(uint64_t *values, size_t n);

#endif
