/* SPDX-License-Identifier: MIT */
/*
 * vgpu.h - what the two halves of the virtual GPU know about each other.
 *
 * The front half (transport, vfio-user, DMA table, PCI, witness, control) and
 * the hardware half (registers, interrupts, GuC, engines) meet only here.
 *
 * Threads: one loop thread runs transport and control and makes every call
 * from front to hardware.  Engine threads belong to the hardware half and may
 * call everything in the section "front half".
 */
#ifndef VGPU_H
#define VGPU_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bar2.h"
#include "personality.h"	/* hardware half: PCI ids, BAR sizes, register values */

#define VGPU_PAGE_SHIFT		12
#define VGPU_PAGE_SIZE		(1u << VGPU_PAGE_SHIFT)

/* BAR0 of every Xe2 part: registers, a hole, the GGTT page table. */
#define VGPU_BAR0_SIZE		(16u << 20)
#define VGPU_GGTT_OFFSET	(8u << 20)
#define VGPU_GGTT_SIZE		(8u << 20)
/* Page that a workaround writes without meaning; clients map it and do not trap. */
#define VGPU_DUMMY_OFFSET	0x130000u

struct vgpu_dma;
struct vgpu_pci;
struct vgpu_witness;
struct vgpu_events;
struct vgpu_hw;

/*
 * The whole device.  A process has one; tests make as many as they like.
 * Members of a block live in that block's own struct.
 */
struct vgpu {
	const struct personality *personality;
	struct vgpu_dma *dma;		/* dma.c */
	struct vgpu_pci *pci;		/* pci.c */
	struct vgpu_witness *witness;	/* witness.c */
	struct vgpu_events *events;	/* events.c */
	struct vgpu_hw *hw;		/* hardware half: set by vgpu_hw_init() */

	atomic_bool dead;		/* surprise-removed; change with vgpu_set_dead() */
	atomic_bool gone;		/* remove() has returned; vgpu_set_gone() */
	bool dead_settled;		/* death is complete: engines stand still; loop thread */
	atomic_uint watched;		/* kinds of events somebody records or waits for */
	atomic_bool connected;		/* a vfio-user client is there */

	atomic_ullong mmio_reads, mmio_writes;	/* BAR0 accesses that trapped */
	atomic_ullong mmio_dead;		/* ... of these while dead */
	atomic_ullong mmio_memory;		/* ... to what a client should map: GGTT table, BAR2 */

	void *ggtt;			/* front half's view of the GGTT table */
	void *ggtt_snapshot;		/* copy made when gone was switched on */
	struct bar2 bar2;		/* bar2.c */
};

/* ---- life of a device (vgpu.c) ------------------------------------------ */

/*
 * vgpu_new - make a device and power it on (calls vgpu_hw_init()).
 * Returns NULL with errno set when memory or a thread cannot be had.
 */
struct vgpu *vgpu_new(const struct personality *p);
/* vgpu_free - stop everything and free the device; NULL is allowed. */
void vgpu_free(struct vgpu *g);
/* vgpu_power_cycle - client left: engines stop, DMA table empty, power-on state. Loop thread. */
void vgpu_power_cycle(struct vgpu *g);
/* vgpu_function_reset - PCIe FLR or vfio reset; DMA mappings stay. Ignored while dead. Loop thread. */
void vgpu_function_reset(struct vgpu *g);
/*
 * vgpu_set_dead - surprise removal (@on) or a new card in the slot (!@on).
 * When it returns with @on, no DMA access and no MSI is under way. Loop thread.
 */
void vgpu_set_dead(struct vgpu *g, bool on);
/*
 * vgpu_kill - the card is pulled at this moment: from now on vgpu_is_dead(). The loop thread brings
 * engines to a halt soon after (vgpu_settle()). Any thread, any lock held.
 */
void vgpu_kill(struct vgpu *g);
/* vgpu_settle - completes vgpu_kill() as vgpu_set_dead() does; nothing to do otherwise. Loop thread. */
void vgpu_settle(struct vgpu *g);
/* vgpu_set_gone - open or close the window in which the driver must not touch the device. Loop thread. */
void vgpu_set_gone(struct vgpu *g, bool on);
/* vgpu_gone_check - witness writes to GGTT table and VRAM done through mapped BARs while gone. Loop thread. */
void vgpu_gone_check(struct vgpu *g);

/*
 * vgpu_is_dead - true after surprise removal: BAR and config reads give all
 * ones, writes are dropped, no DMA, no MSI.  The front half enforces this at
 * the edges; engines stop on it too.  Any thread.
 */
bool vgpu_is_dead(const struct vgpu *g);

/* ---- front half, callable from any thread --------------------------------- */

/* Who does a DMA access; goes into the witness. */
struct dma_origin {
	const char *engine;	/* "bcs0", "guc", ...; copied */
	int guc_id;		/* context, -1 if none */
};

enum dma_status {
	DMA_OK,
	DMA_NEVER_MAPPED,	/* also: mapped by the client without memory behind it */
	DMA_AFTER_UNMAP,
	DMA_READ_ONLY,		/* the mapping does not permit this direction */
	DMA_NO_BUS_MASTER,	/* COMMAND.BME is 0 */
	DMA_DEAD,
};

/*
 * vgpu_dma_read, vgpu_dma_write - move @len bytes between @buf and guest
 * memory at bus address @iova.  Any length, any alignment, pages need not be
 * neighbours on the host.  A part that fails reads as 0 or is dropped, the
 * rest is still done; each failing page run is counted and witnessed (but for
 * DMA_DEAD, which is only counted).
 *
 * Returns DMA_OK or the first failure.  Takes the table's lock for reading
 * once per piece of at most 64 KiB, so an unmap never waits longer than that.
 * Must not be called with a lock held that a call from the loop thread takes.
 */
enum dma_status vgpu_dma_read(struct vgpu *g, uint64_t iova, void *buf,
			      size_t len, const struct dma_origin *who);
enum dma_status vgpu_dma_write(struct vgpu *g, uint64_t iova, const void *buf,
			       size_t len, const struct dma_origin *who);

/* One side of a copy: a bus address, or memory of the device's own (@mem is not NULL). */
struct dma_side {
	uint64_t iova;
	uint8_t *mem;
};

struct dma_seg {
	struct dma_side dst, src;
	size_t len;
};

/*
 * vgpu_dma_copy - do the copies @segs without a detour, if nothing speaks against it: mapped for it,
 * nobody watches DMA, the device is there. Returns false when it did not, or not all of it: the
 * caller takes vgpu_dma_read() and vgpu_dma_write() then, which say why. Source and destination must
 * not overlap. At most VGPU_DMA_PIECE bytes together; locks as above.
 */
bool vgpu_dma_copy(struct vgpu *g, const struct dma_seg *segs, unsigned int n);

/*
 * Single-copy atomic accesses, for rings, fences and descriptors: reads
 * acquire, writes release.  @iova should be naturally aligned; if it is not,
 * they fall back to the byte-wise functions.  *@val is 0 after a failed read.
 */
enum dma_status vgpu_dma_read32(struct vgpu *g, uint64_t iova, uint32_t *val,
				const struct dma_origin *who);
enum dma_status vgpu_dma_read64(struct vgpu *g, uint64_t iova, uint64_t *val,
				const struct dma_origin *who);
/* vgpu_dma_read_words - @n neighbouring 64-bit words of one page; not atomic as a whole. */
enum dma_status vgpu_dma_read_words(struct vgpu *g, uint64_t iova, uint64_t *vals, unsigned int n,
				    const struct dma_origin *who);
enum dma_status vgpu_dma_write32(struct vgpu *g, uint64_t iova, uint32_t val,
				 const struct dma_origin *who);
enum dma_status vgpu_dma_write64(struct vgpu *g, uint64_t iova, uint64_t val,
				 const struct dma_origin *who);

/*
 * vgpu_msi - send MSI vector 0.  Returns false if it was not sent: not
 * enabled, bus master off, dead, or no client.  Never blocks.
 */
bool vgpu_msi(struct vgpu *g);

enum vgpu_witness_kind {
	WITNESS_DMA_AFTER_UNMAP,
	WITNESS_DMA_NEVER_MAPPED,
	WITNESS_DMA_READ_ONLY,
	WITNESS_DMA_NO_BUS_MASTER,
	WITNESS_MMIO_AFTER_REMOVE,
	WITNESS_DMA_AFTER_REMOVE,
	WITNESS_MMIO_BAD_ACCESS,
	WITNESS_CTB_PROTOCOL,
	WITNESS_UNKNOWN_COMMAND,
	WITNESS_PPGTT_FAULT,
	WITNESS_GGTT_FAULT,
	WITNESS_VRAM_FAULT,
	WITNESS_VRAM_AFTER_REMOVE,
	WITNESS_DMA_DEREGISTERED,
	WITNESS_KINDS
};

/*
 * vgpu_witness - record that the driver did something it must not do.
 * @who may be NULL.  @addr and @len: bus address, GPU address or register
 * offset, whatever fits @kind; 0 if nothing does.  @fmt: one line for people,
 * truncated at 200 bytes.  DMA faults are recorded by the vgpu_dma_*()
 * functions themselves, do not record them again.  While the device is dead
 * the event is only counted.
 */
void vgpu_witness(struct vgpu *g, enum vgpu_witness_kind kind,
		  const struct dma_origin *who, uint64_t addr, uint64_t len,
		  bool write, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));

/* What a trigger can wait for. */
enum vgpu_event_kind {
	EVENT_MMIO_READ,
	EVENT_MMIO_WRITE,
	EVENT_H2G,	/* message consumed from the H2G ring; addr: action */
	EVENT_G2H,	/* message about to be sent; addr: action */
	EVENT_DMA_READ,
	EVENT_DMA_WRITE,
	EVENT_IRQ,	/* MSI about to be sent */
	EVENT_KINDS
};

enum vgpu_action {
	ACTION_NONE,
	ACTION_DIE,	/* done by vgpu_event() itself: ask vgpu_is_dead() */
	ACTION_DELAY,	/* registers and DMA: done by vgpu_event(); others: arg is microseconds */
	ACTION_CORRUPT, /* XOR arg into the value */
	ACTION_DROP,	/* the event does not happen; a read gives 0 */
	ACTION_FAULT,	/* done by vgpu_event(), on the loop thread soon after */
	ACTION_COUNT
};

/* Faults that can be raised from outside. */
enum vgpu_fault {
	FAULT_CAT_ERROR,      /* memory error of a context: it is lost */
	FAULT_HANG,	      /* engine reset of a context: it is lost */
	FAULT_ENGINE_FAILURE, /* engine cannot be reset: the driver must reset the GT */
	FAULT_GUC_CRASH,      /* GuC is gone after this last word */
	FAULT_GUC_EXCEPTION,
	FAULT_GUC_MUTE,	      /* GuC stops listening without a word */
	FAULT_COUNT
};

struct vgpu_verdict {
	enum vgpu_action action;
	uint64_t arg;
};

struct vgpu_verdict vgpu_event_slow(struct vgpu *g, enum vgpu_event_kind kind,
				    const struct dma_origin *who, uint64_t addr, uint64_t len);

/*
 * vgpu_event - to be called before an event happens; says what a trigger does to it. @who may be
 * NULL. Any thread, any lock held but those of events.c. May sleep (ACTION_DELAY of a register or
 * DMA access). After it the device may be dead.
 */
static inline struct vgpu_verdict vgpu_event(struct vgpu *g, enum vgpu_event_kind kind,
					     const struct dma_origin *who, uint64_t addr,
					     uint64_t len)
{
	if (!(atomic_load_explicit(&g->watched, memory_order_relaxed) >> kind & 1))
		return (struct vgpu_verdict){ ACTION_NONE, 0 };
	return vgpu_event_slow(g, kind, who, addr, len);
}

/* vgpu_distort - apply @v to the @len bytes at @buf that were read. */
static inline void vgpu_distort(void *buf, size_t len, struct vgpu_verdict v)
{
	uint8_t *p = buf;

	if (v.action == ACTION_DROP)
		memset(buf, 0, len);
	else if (v.action == ACTION_CORRUPT)
		for (size_t i = 0; i < len && i < 8; i++)
			p[i] ^= (uint8_t)(v.arg >> 8 * i);
}

/* vgpu_defer - have the loop thread call @fn(g, @arg) in @us microseconds. Any thread. */
void vgpu_defer(struct vgpu *g, uint64_t us, void (*fn)(struct vgpu *g, uint64_t arg), uint64_t arg);

/* vgpu_json_int - member @key of @o is @val. */
static inline void vgpu_json_int(json_t *o, const char *key, uint64_t val)
{
	json_object_set_new(o, key, json_integer((json_int_t)val));
}

/* Log levels: -v on the command line shows LOG_DEBUG too. */
enum vgpu_log_level { VGPU_LOG_NONE, VGPU_LOG_ERROR, VGPU_LOG_INFO, VGPU_LOG_DEBUG };
extern enum vgpu_log_level vgpu_log_level;
/* vgpu_log - write one line (no newline in @fmt) to the log. */
void vgpu_log(enum vgpu_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
#define log_error(...)	vgpu_log(VGPU_LOG_ERROR, __VA_ARGS__)
#define log_info(...)	vgpu_log(VGPU_LOG_INFO, __VA_ARGS__)
/* Arguments are not evaluated unless debug messages are wanted. */
#define log_debug(...) \
	do { \
		if (vgpu_log_level >= VGPU_LOG_DEBUG) \
			vgpu_log(VGPU_LOG_DEBUG, __VA_ARGS__); \
	} while (0)

/* ---- hardware half, called by the loop thread ------------------------------- */

/*
 * BAR0 below 8 MiB.  @size is 1, 2, 4 or 8 and @off is aligned to it: the
 * front half splits anything else and witnesses mmio_bad_access.  Never called
 * while dead.
 */
uint64_t vgpu_mmio_read(struct vgpu *g, uint32_t off, unsigned int size);
void vgpu_mmio_write(struct vgpu *g, uint32_t off, uint64_t val, unsigned int size);
/* vgpu_mmio_name - name of the register at @off for messages, NULL if unknown. */
const char *vgpu_mmio_name(const struct vgpu *g, uint32_t off);

enum vgpu_reset {
	VGPU_RESET_POWER_ON,
	VGPU_RESET_FLR,		/* PCIe FLR or vfio reset */
	VGPU_RESET_DRIVER_FLR,	/* GU_CNTL; hardware half only */
};

/* vgpu_action_name - name of GuC action @action for messages, NULL if unknown. */
const char *vgpu_action_name(uint32_t action);
/*
 * vgpu_hw_fault - raise @fault; @guc_id: the context it is about, or -1 for one that runs. Returns
 * 0, -ENOENT (no such context) or -EINVAL.
 */
int vgpu_hw_fault(struct vgpu *g, enum vgpu_fault fault, int guc_id);
/*
 * vgpu_hw_slow - from now on power wells wake one after the other, each takes @wake_us, and
 * a reset of the GT @reset_us, during which engines go on. Until the next call. Loop thread.
 */
void vgpu_hw_slow(struct vgpu *g, uint64_t wake_us, uint64_t reset_us);

/* vgpu_hw_init - allocate blocks, start engine threads. Returns 0 or -errno. */
int vgpu_hw_init(struct vgpu *g, const struct personality *p);
/* vgpu_hw_reset - back to the state @why leaves behind; contexts and jobs are dropped. */
void vgpu_hw_reset(struct vgpu *g, enum vgpu_reset why);
/*
 * vgpu_hw_quiesce - @on: returns once every engine stands still at a command
 * boundary. A level: calls do not nest.
 */
void vgpu_hw_quiesce(struct vgpu *g, bool on);
/* vgpu_hw_fini - stop threads, free blocks; works after a failed vgpu_hw_init() too. */
void vgpu_hw_fini(struct vgpu *g);
/*
 * vgpu_hw_stats - add to the object @out at least the integers "contexts",
 * "jobs_running", "jobs_done", the object "unknown_registers" and the array "context_list".
 */
void vgpu_hw_stats(struct vgpu *g, json_t *out);
/*
 * vgpu_ggtt_fd - memfd laid out like BAR0 (VGPU_BAR0_SIZE bytes, the table at
 * VGPU_GGTT_OFFSET, nothing of use below it); valid from vgpu_hw_init() to vgpu_hw_fini().
 */
int vgpu_ggtt_fd(struct vgpu *g);
/*
 * vgpu_vram_fd - memfd with all local memory, of which BAR2 is the start; -1 without BAR2. Valid as
 * long as vgpu_ggtt_fd(). Engines do not touch it while they are quiesced.
 */
int vgpu_vram_fd(struct vgpu *g);

#endif
