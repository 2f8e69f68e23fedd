/* SPDX-License-Identifier: MIT */
/*
 * Register file of BAR0 [0, 8 MiB). A register is a line of data (name, offset, power-on value,
 * access rules) plus at most two small hooks. Every other dword is a RAM cell; those that no table
 * names are counted and listed in the statistics.
 */
#ifndef VGPU_REGS_H
#define VGPU_REGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGS_SPACE 0x800000u /* bytes of BAR0 that are registers; the GGTT table follows */

struct vgpu_hw;
struct reg_def;

/* Computes what a read returns; @stored is the cell. Called with regs->lock held. */
typedef uint32_t (*reg_read_fn)(struct vgpu_hw *h, const struct reg_def *def, uint32_t base,
				uint32_t stored);
/*
 * Runs after a write was stored by the access rules; @val is what the driver wrote, @old the cell
 * before. May store with regs_set(). Called with regs->lock held.
 */
typedef void (*reg_write_fn)(struct vgpu_hw *h, const struct reg_def *def, uint32_t base,
			     uint32_t val, uint32_t old);

struct reg_def {
	uint32_t off; /* byte offset in BAR0, or relative to the base given to regs_add() */
	const char *name;
	uint32_t reset;	     /* power-on value */
	uint32_t ro;	     /* bits a write cannot change */
	uint32_t w1c;	     /* bits a written 1 clears; a written 0 leaves */
	uint32_t self_clear; /* bits that never stay set */
	bool masked;	     /* bits 31:16 of the written value enable bits 15:0 */
	reg_read_fn read;
	reg_write_fn write;
};

/* Registers that are storage and nothing else, named so that they do not count as unknown. */
struct reg_range {
	uint32_t start, end; /* [start, end), bytes in BAR0 */
	const char *name;
	uint32_t reads_as; /* not 0: every dword reads as this, whatever was written */
};

/* Tables with their lengths, for whoever puts some of them together. */
struct reg_set {
	const struct reg_def *defs;
	size_t n;
};
struct range_set {
	const struct reg_range *ranges;
	size_t n;
};
#define REG_SET(a) { (a), sizeof(a) / sizeof((a)[0]) }

struct reg_slot {
	const struct reg_def *def;
	uint32_t base;
	uint32_t reset; /* the definition's, or what regs_power_on_value() said */
};

struct reg_unknown {
	uint32_t off;
	uint64_t count;
};

struct regs {
	pthread_mutex_t lock;
	uint32_t *cells;     /* REGS_SPACE / 4 */
	uint16_t *index;     /* for each cell: slot number + 1, one of unknown (regs.c), or 0 */
	struct reg_slot *slots;
	size_t nr_slots, max_slots;
	const struct range_set *const *ranges;
	size_t nr_ranges;
	struct reg_unknown *unknown;
	size_t nr_unknown, max_unknown;
	uint64_t unknown_overflow; /* accesses not listed because the list is full */
};

/*
 * Allocates the empty register file. @ranges: @nr_ranges tables of storage ranges, of which some
 * may be NULL; they and the array stay in use. Returns 0 or -ENOMEM.
 */
int regs_init(struct regs *r, const struct range_set *const *ranges, size_t nr_ranges);
/* Frees what regs_init() and regs_add() allocated. */
void regs_fini(struct regs *r);
/* Adds @n definitions at @base + def.off. Returns 0, -ENOMEM, -EINVAL (outside, or defined twice). */
int regs_add(struct regs *r, const struct reg_def *defs, size_t n, uint32_t base);
/* Gives the register defined at @off another power-on value. Returns 0, or -EINVAL if none is. */
int regs_power_on_value(struct regs *r, uint32_t off, uint32_t val);
/* Puts every cell to its power-on value: 0 or the register's. Caller holds regs->lock. */
void regs_reset(struct regs *r);
/* Raw value of a cell. No hooks. Caller holds regs->lock. */
uint32_t regs_get(const struct regs *r, uint32_t off);
/* Stores a cell. No rules, no hooks. Caller holds regs->lock. */
void regs_set(struct regs *r, uint32_t off, uint32_t val);
/*
 * One 32-bit access by the driver, with rules and hooks. @off < REGS_SPACE, multiple of 4.
 * Caller holds regs->lock.
 */
uint32_t regs_read(struct vgpu_hw *h, struct regs *r, uint32_t off);
void regs_write(struct vgpu_hw *h, struct regs *r, uint32_t off, uint32_t val);
/* Name of the register or of the storage range at @off (multiple of 4); NULL if unknown. */
const char *regs_name(const struct regs *r, uint32_t off);
/* True if a definition with hooks or rules sits at @off (multiple of 4). */
bool regs_is_active(const struct regs *r, uint32_t off);

#endif
