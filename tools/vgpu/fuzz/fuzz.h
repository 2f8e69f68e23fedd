/* SPDX-License-Identifier: MIT */
/*
 * What a fuzz target provides. libFuzzer calls the first function; without it main.c does, with
 * files, standard input, or inputs the target makes itself.
 */
#ifndef VGPU_FUZZ_H
#define VGPU_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* One input. The device of the target lives on from one to the next, in its power-on state. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
/*
 * Makes an input of at most @max bytes at @buf with rand(), most of them such that they get past
 * the first checks. Returns its length.
 */
size_t fuzz_make(uint8_t *buf, size_t max);
/* How far the inputs got, one line: a run that reaches nothing proves nothing. */
void fuzz_report(void);

#endif
