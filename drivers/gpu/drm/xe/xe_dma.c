// SPDX-License-Identifier: MIT

#include "xe_dma.h"

#include <kunit/static_stub.h>
#include <kunit/visibility.h>

#include <linux/dma-mapping.h>
#include <linux/hash.h>
#include <linux/lockdep.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

/**
 * DOC: DMA gate
 *
 * A DMA mapping must not outlive the binding of driver and device: after a
 * sysfs remove there may be no IOMMU domain left to undo it in, and after an
 * unbind the device may belong to somebody else. The objects that own mapped
 * pages do outlive it, because open files, memory maps, dma-bufs and MMU
 * notifiers hold them for as long as userspace likes.
 *
 * So the mapping is separated from its owner. Each mapping has a small node,
 * &struct xe_dma_map, embedded in its owner and linked to the gate of the
 * device, &struct xe_dma_gate, while it is mapped. When the device goes,
 * xe_dma_gate_close() undoes every mapping there is. From then on a map fails
 * with -ENODEV and the unmap the owner does at the end of its life finds
 * nothing to do.
 *
 * Why nothing escapes:
 *
 * - map: the test of &xe_dma_gate.closed, the DMA map and the insertion of
 *   the node are one SRCU read section. close sets the flag, then waits for
 *   a grace period: whoever saw the gate open has put its node on a list, and
 *   nobody adds one later.
 * - unmap: owner and close both take the lock of the shard. The one who finds
 *   &xe_dma_map.mapped set clears it and unmaps, the other does nothing. When
 *   the owner's unmap returns, the pages are no longer mapped, whoever did it,
 *   so an MMU notifier may give them back.
 * - lifetime: the node is freed by its owner, who passes through the lock
 *   first, so close never looks at a freed node.
 *
 * close takes no lock of any owner and waits only for the map steps in
 * progress, which do not sleep on anything userspace controls. Its cost is
 * one unmap for each mapping. A lock is held for at most XE_DMA_CLOSE_BATCH
 * unmaps at a time.
 */

VISIBLE_IF_KUNIT
int xe_dma_raw_map(struct device *dev, struct sg_table *sgt,
		   enum dma_data_direction dir, unsigned long attrs)
{
	KUNIT_STATIC_STUB_REDIRECT(xe_dma_raw_map, dev, sgt, dir, attrs);

	return dma_map_sgtable(dev, sgt, dir, attrs);
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_raw_map);

VISIBLE_IF_KUNIT
void xe_dma_raw_unmap(struct device *dev, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	KUNIT_STATIC_STUB_REDIRECT(xe_dma_raw_unmap, dev, sgt, dir);

	dma_unmap_sgtable(dev, sgt, dir, 0);
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_raw_unmap);

static struct xe_dma_shard *map_to_shard(struct xe_dma_gate *gate,
					 const struct xe_dma_map *map)
{
	return &gate->shards[hash_ptr(map, XE_DMA_SHARD_BITS)];
}

static void *map_to_obj(const struct xe_dma_map *map)
{
	return (char *)map + map->offset * (long)XE_DMA_ALIGN;
}

static void set_obj(struct xe_dma_map *map, const void *obj)
{
	long distance = (const char *)obj - (char *)map;

	map->offset = distance / (long)XE_DMA_ALIGN;
	WARN_ON(map_to_obj(map) != obj);
}

static void unmap_locked(struct xe_dma_gate *gate, struct xe_dma_map *map)
{
	map->mapped = false;
	list_del(&map->link);
	if (map->table)
		xe_dma_raw_unmap(gate->dev, map_to_obj(map), map->dir);
	else
		gate->unmap(map_to_obj(map), map->pages);
}

static unsigned long map_pages(const struct xe_dma_map *map)
{
	unsigned long pages = 0;
	struct scatterlist *sg;
	unsigned int i;

	if (!map->table)
		return map->pages;

	for_each_sgtable_sg((struct sg_table *)map_to_obj(map), sg, i)
		pages += sg->length >> PAGE_SHIFT;

	return pages;
}

/**
 * xe_dma_gate_init() - Set up the gate of a device
 * @gate: the gate, in zeroed memory
 * @dev: device all mappings are for. The caller keeps it alive until
 *       xe_dma_gate_close() has returned
 *
 * The gate starts open.
 *
 * Return: 0 or a negative error code.
 */
int xe_dma_gate_init(struct xe_dma_gate *gate, struct device *dev)
{
	int i, err;

	err = init_srcu_struct(&gate->srcu);
	if (err)
		return err;

	gate->dev = dev;
	gate->closed = false;

	for (i = 0; i < XE_DMA_NUM_SHARDS; i++) {
		struct xe_dma_shard *shard = &gate->shards[i];

		INIT_LIST_HEAD(&shard->maps);
		mutex_init(&shard->lock);
	}

	if (IS_ENABLED(CONFIG_LOCKDEP)) {
		/* Reclaim and MMU notifiers unmap: teach lockdep at once */
		fs_reclaim_acquire(GFP_KERNEL);
		might_lock(&gate->shards[0].lock);
		fs_reclaim_release(GFP_KERNEL);
	}

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_gate_init);

/**
 * xe_dma_gate_fini() - Release what xe_dma_gate_init() took
 * @gate: the gate
 *
 * To be called when no owner of a mapping is left. Does not unmap.
 */
void xe_dma_gate_fini(struct xe_dma_gate *gate)
{
	int i;

	for (i = 0; i < XE_DMA_NUM_SHARDS; i++) {
		WARN_ON(!list_empty(&gate->shards[i].maps));
		mutex_destroy(&gate->shards[i].lock);
	}

	cleanup_srcu_struct(&gate->srcu);
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_gate_fini);

/**
 * xe_dma_map_begin() - Begin to map something for the device
 * @gate: gate of the device
 *
 * For mappings that are made by others than xe_dma_map_sgtable(). Must be
 * followed by xe_dma_map_end() in the same context. In between the caller may
 * sleep for the DMA API, but not for anything that userspace controls.
 *
 * Return: index for xe_dma_map_end(), not negative; or -ENODEV when the gate
 * is closed, and then nothing may be mapped.
 */
int xe_dma_map_begin(struct xe_dma_gate *gate)
{
	/* Pairs with synchronize_srcu() in xe_dma_gate_close() */
	int idx = srcu_read_lock(&gate->srcu);

	if (xe_dma_gate_closed(gate)) {
		srcu_read_unlock(&gate->srcu, idx);
		return -ENODEV;
	}

	/* sparse does not know sections that are entered conditionally */
	__release(&gate->srcu);

	return idx;
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_map_begin);

static void map_end(struct xe_dma_gate *gate, int idx, struct xe_dma_map *map)
{
	if (map) {
		struct xe_dma_shard *shard = map_to_shard(gate, map);

		mutex_lock(&shard->lock);
		WARN_ON(map->mapped);
		map->mapped = true;
#if IS_ENABLED(CONFIG_DRM_XE_DEBUG)
		map->pid = task_pid_nr(current);
		get_task_comm(map->comm, current);
#endif
		list_add(&map->link, &shard->maps);
		mutex_unlock(&shard->lock);
	}

	__acquire(&gate->srcu);
	srcu_read_unlock(&gate->srcu, idx);
}

/**
 * xe_dma_map_end() - Tell what was mapped since xe_dma_map_begin()
 * @gate: gate of the device, with &xe_dma_gate.unmap
 * @idx: from xe_dma_map_begin()
 * @map: node of the mapping, not mapped before, with &xe_dma_map.owner; or NULL
 *       if nothing was mapped in the end
 * @obj: for &xe_dma_gate.unmap; in the same object as @map
 * @pages: for &xe_dma_gate.unmap; size in CPU pages, less than 2^32
 *
 * Two calls for the same @map, or a map and an unmap, must not run in
 * parallel; that is for the owner to see to. Takes the leaf lock of the gate.
 */
void xe_dma_map_end(struct xe_dma_gate *gate, int idx, struct xe_dma_map *map,
		    const void *obj, unsigned long pages)
{
	if (map) {
		map->table = false;
		map->pages = pages;
		WARN_ON(map->pages != pages);
		set_obj(map, obj);
	}

	map_end(gate, idx, map);
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_map_end);

/**
 * xe_dma_map_sgtable() - Map pages for the device
 * @gate: gate of the device
 * @map: node of the mapping, not mapped now
 * @sgt: pages; in the same object as @map, stays until the owner has unmapped
 * @dir: direction of the DMA
 * @attrs: attributes for dma_map_sgtable()
 * @owner: kind of object that owns @map
 *
 * Two calls for the same @map, or a map and an unmap, must not run in
 * parallel; that is for the owner to see to. Takes the leaf lock of the gate,
 * may be called under any lock but may sleep.
 *
 * Return: 0, -ENODEV when the gate is closed, or the error of
 * dma_map_sgtable().
 */
int xe_dma_map_sgtable(struct xe_dma_gate *gate, struct xe_dma_map *map,
		       struct sg_table *sgt, enum dma_data_direction dir,
		       unsigned long attrs, enum xe_dma_owner owner)
{
	int idx, err;

	idx = xe_dma_map_begin(gate);
	if (idx < 0)
		return idx;

	err = xe_dma_raw_map(gate->dev, sgt, dir, attrs);
	if (!err) {
		map->table = true;
		map->dir = dir;
		set_obj(map, sgt);
		map->owner = owner;
	}

	map_end(gate, idx, err ? NULL : map);

	return err;
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_map_sgtable);

/**
 * xe_dma_unmap() - Undo a mapping
 * @gate: gate of the device
 * @map: node of the mapping
 *
 * Does nothing when @map is not mapped, be it that it never was, that this is
 * the second call or that the gate was closed. When this returns the device
 * cannot reach the pages through this mapping and nobody else uses @map. Takes
 * the leaf lock of the gate, may be called under any lock, from reclaim and
 * from MMU notifiers, but may sleep.
 */
void xe_dma_unmap(struct xe_dma_gate *gate, struct xe_dma_map *map)
{
	struct xe_dma_shard *shard = map_to_shard(gate, map);

	mutex_lock(&shard->lock);
	if (map->mapped)
		unmap_locked(gate, map);
	mutex_unlock(&shard->lock);
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_unmap);

/* With the driver's debug option: whose mappings did the removal find? */
static void name_survivor(const struct xe_dma_gate *gate,
			  const struct xe_dma_map *map,
			  const struct xe_dma_stats *stats)
{
#if IS_ENABLED(CONFIG_DRM_XE_DEBUG)
	static const char * const names[XE_DMA_NUM_OWNERS] = {
		[XE_DMA_OWNER_BO] = "buffer",
		[XE_DMA_OWNER_USERPTR] = "userptr",
	};
	unsigned long found = 0;
	unsigned int i;

	for (i = 0; i < XE_DMA_NUM_OWNERS; i++)
		found += stats->maps[i];

	if (found <= XE_DMA_CLOSE_NAMED)
		dev_info(gate->dev, "unplug found mapped: %s of %lu KiB, by %s[%d]\n",
			 names[map->owner], map_pages(map) << (PAGE_SHIFT - 10),
			 map->comm, map->pid);
	else if (found == XE_DMA_CLOSE_NAMED + 1)
		dev_info(gate->dev, "unplug found mapped: and more\n");
#endif
}

/* One hold of the lock. Returns whether there is more to undo */
VISIBLE_IF_KUNIT
bool xe_dma_close_batch(struct xe_dma_gate *gate, struct xe_dma_shard *shard,
			struct xe_dma_stats *stats)
{
	unsigned int n = 0;
	bool more;

	mutex_lock(&shard->lock);
	while (n++ < XE_DMA_CLOSE_BATCH && !list_empty(&shard->maps)) {
		struct xe_dma_map *map =
			list_first_entry(&shard->maps, typeof(*map), link);

		if (stats) {
			stats->maps[map->owner]++;
			stats->pages[map->owner] += map_pages(map);
			name_survivor(gate, map, stats);
		}

		unmap_locked(gate, map);
	}
	more = !list_empty(&shard->maps);
	mutex_unlock(&shard->lock);

	return more;
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_close_batch);

/**
 * xe_dma_gate_close() - Undo all mappings and refuse new ones
 * @gate: the gate
 * @stats: filled with what was found mapped, or NULL
 *
 * The device must have stopped to access memory: nothing is flushed or
 * invalidated here. When this returns there is no mapping left and there will
 * be none. May be called again, later calls find nothing. Sleeps, but only for
 * the kernel's own work; needs no lock.
 */
void xe_dma_gate_close(struct xe_dma_gate *gate, struct xe_dma_stats *stats)
{
	int i;

	KUNIT_STATIC_STUB_REDIRECT(xe_dma_gate_close, gate, stats);

	if (stats)
		memset(stats, 0, sizeof(*stats));

	WRITE_ONCE(gate->closed, true);
	synchronize_srcu(&gate->srcu);

	for (i = 0; i < XE_DMA_NUM_SHARDS; i++)
		while (xe_dma_close_batch(gate, &gate->shards[i], stats))
			cond_resched();
}
EXPORT_SYMBOL_IF_KUNIT(xe_dma_gate_close);
