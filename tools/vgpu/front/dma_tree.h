/* SPDX-License-Identifier: MIT */
/*
 * Radix tree behind the DMA table: page number -> entry. 512 slots a node, a
 * mapping that fills a whole slot of an upper level is one entry there, so one
 * map of all RAM costs as little as one of 4 KiB. A slot that was unmapped
 * keeps the time it happened (tombstone): that is the history that tells
 * "after unmap" from "never mapped". No locking; dma.c holds its lock.
 */
#ifndef VGPU_DMA_TREE_H
#define VGPU_DMA_TREE_H

#include <stdbool.h>
#include <stdint.h>

#define DMA_TREE_LEVELS	   5
#define DMA_TREE_SLOT_BITS 9
#define DMA_TREE_SLOTS	   (1u << DMA_TREE_SLOT_BITS)
/* Page numbers have this many bits. */
#define DMA_TREE_BITS	   (DMA_TREE_LEVELS * DMA_TREE_SLOT_BITS)
/* Nodes the tree may have; then tombstones are given up, then mapping fails. */
#define DMA_TREE_MAX_NODES 32768u
/* Backing files are numbered from 1; 0 is "no memory". */
#define DMA_TREE_MAX_FILES 4096u

enum dma_slot { DMA_SLOT_EMPTY, DMA_SLOT_TABLE, DMA_SLOT_MAP, DMA_SLOT_TOMB };

struct dma_tree {
	uint64_t *root;
	uint64_t nodes;
	uint64_t max_nodes; /* DMA_TREE_MAX_NODES; tests lower it */
	uint64_t live_pages, unbacked_pages;
	bool tombs; /* there may be tombstones to give up */
};

/* What a look-up found for one page. */
struct dma_found {
	enum dma_slot slot; /* EMPTY, MAP or TOMB */
	uint32_t file, prot;
	uint64_t pgoff;	   /* MAP: page offset in the file of this very page */
	uint64_t tomb_us;  /* TOMB: when it was unmapped */
	uint64_t run;	   /* MAP: pages from it on with the same rights and memory without a gap */
};

/* Returns 0 or -ENOMEM. */
int dma_tree_init(struct dma_tree *t);
/* Frees all nodes; the tree is usable again only after dma_tree_init(). */
void dma_tree_fini(struct dma_tree *t);
/* True if a live mapping lies in pages @first..@last. */
bool dma_tree_any(const struct dma_tree *t, uint64_t first, uint64_t last);
/*
 * Enters a mapping of pages @first..@last, which must hold none. Returns 0,
 * -ENOMEM or -ENOSPC; then the range is unmapped.
 */
int dma_tree_map(struct dma_tree *t, uint64_t first, uint64_t last, uint32_t file, uint64_t pgoff,
		 uint32_t prot, uint64_t now_us);
/* Turns mappings in @first..@last into tombstones. Returns 0 or -ENOMEM/-ENOSPC (part undone). */
int dma_tree_unmap(struct dma_tree *t, uint64_t first, uint64_t last, uint64_t now_us);
/*
 * Asks for the cache line of @page's entry: with a million pages it is in no cache, and there is
 * work to do while it comes. For whoever changes the tree, without lock.
 */
void dma_tree_prefetch(const struct dma_tree *t, uint64_t page);
/* Looks @page up; never fails. It looks for a run of at most @most pages, which may find only one. */
struct dma_found dma_tree_find(const struct dma_tree *t, uint64_t page, uint64_t most);

#endif
