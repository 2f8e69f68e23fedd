/* SPDX-License-Identifier: MIT */
/* Arithmetic and logic instructions. */
#ifndef VGPU_EU_ALU_H
#define VGPU_EU_ALU_H

#include "eu.h"
#include "eu_inst.h"

/*
 * eu_alu - execute @in (FORM_ALU1..3) on the channels @mask. @chosen: what the predicate says, for
 * sel. Returns false if it names registers that are not there or an operation the types have not;
 * nothing is stored then.
 */
bool eu_alu(struct eu_thread *t, const struct eu_inst *in, uint32_t mask, uint32_t chosen);

#endif
