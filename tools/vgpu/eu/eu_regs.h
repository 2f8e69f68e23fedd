/* SPDX-License-Identifier: MIT */
/* Operands of instructions: regions of registers to values and back. */
#ifndef VGPU_EU_REGS_H
#define VGPU_EU_REGS_H

#include "eu.h"
#include "eu_inst.h"

/* Values of an operand a channel: integers extended to 64 bits, or numbers of any float format. */
struct eu_vals {
	bool is_float;
	union {
		int64_t i[EU_CHANNELS];
		double f[EU_CHANNELS];
	};
};

/*
 * eu_fetch - the values of @o for the channels @mask of @in. @raw: as bits, whatever the type.
 * @logic: a negated operand is inverted. Returns false if one of them lies outside the registers of
 * @t.
 */
bool eu_fetch(struct eu_thread *t, const struct eu_inst *in, const struct eu_operand *o,
	      uint32_t mask, bool raw, bool logic, struct eu_vals *v);
/*
 * eu_store - @v into the destination of @in, converted to its type, for the channels @mask.
 * @raw: bits, as eu_fetch() gave them. Returns false, with nothing written, if one would lie
 * outside.
 */
bool eu_store(struct eu_thread *t, const struct eu_inst *in, uint32_t mask, bool raw,
	      const struct eu_vals *v);
/* eu_wrap - @v as it reads back from an element of @type. */
int64_t eu_wrap(unsigned int type, int64_t v);
/* eu_is_signed - whether integers of @type are signed. */
bool eu_is_signed(unsigned int type);

#endif
