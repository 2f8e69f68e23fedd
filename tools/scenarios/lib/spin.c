// SPDX-License-Identifier: MIT
/*
 * Endless batches, see spin.h.
 */
#include "spin.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FLAG		0xe2d1e55u
#define FLAG_OFFSET	(SPIN_BYTES - 4)
#define PREEMPT_DWORD	4	/* after the store */
#define RUNNING_MS	5000	/* a batch that runs shows up within this */
#define TURN_MS		50	/* more for each one it shares the engine with */
#define STEP		50	/* batches that are waited for in one step */

int spin_begin(struct xe *xe, struct work *w, const char *device)
{
	int ret = xe_open(xe, device);

	if (ret)
		return ret;
	scn_fact("job_timeout_ms", spin_raise_timeout(xe));
	return work_open(xe, w, DRM_XE_ENGINE_CLASS_COPY);
}

int spin_write(struct spin *s, const struct xe_bo *bo, unsigned int slot)
{
	return spin_write_to(s, bo, slot, 0);
}

int spin_write_to(struct spin *s, const struct xe_bo *bo, unsigned int slot, uint64_t to)
{
	size_t at = (size_t)slot * SPIN_BYTES;
	struct batch b;

	if (at + SPIN_BYTES > bo->size)
		return scn_fail("no room for endless batch %u", slot);
	s->va = bo->va + at;
	s->cs = (volatile uint32_t *)((char *)bo->map + at);
	s->flag = s->cs + FLAG_OFFSET / 4;
	batch_begin(&b, (void *)s->cs, FLAG_OFFSET, s->va);
	batch_store(&b, s->va + FLAG_OFFSET, FLAG);
	if (to)
		batch_store(&b, to, FLAG);
	batch_preempt(&b);
	batch_jump(&b, s->va);
	return batch_check(&b);
}

int spin_check(const struct spin *s, unsigned int n, const char *what)
{
	unsigned int most = RUNNING_MS + n * TURN_MS;
	uint64_t end = scn_now_ms() + most;

	for (unsigned int i = 0; i < n; i++)
		*s[i].flag = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (i % STEP == 0)
			scn_step("sign of life of %s", what);
		while (*s[i].flag != FLAG) {
			if (scn_now_ms() > end)
				return scn_fail("%s %u does not run: its flag is 0x%x after %u ms",
						what, i, *s[i].flag, most);
			scn_sleep_ms(1);
		}
	}
	return 0;
}

void spin_end(const struct spin *s)
{
	struct batch b;

	batch_begin(&b, (void *)(s->cs + PREEMPT_DWORD), 4, 0);
	batch_end(&b);
}

/* One number of a file in the folder of the copy engines; 0 if there is none. */
static unsigned long long engine_file(const struct xe *xe, const char *name,
				      unsigned long long set)
{
	unsigned long long value = 0;
	char path[PATH_MAX];
	struct stat st;
	FILE *f;

	if (fstat(xe->fd, &st))
		return 0;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/tile0/gt0/engines/bcs/%s",
		 major(st.st_rdev), minor(st.st_rdev), name);
	f = fopen(path, set ? "we" : "re");
	if (!f)
		return 0;
	if (set)
		value = fprintf(f, "%llu\n", set) > 0 ? set : 0;
	else if (fscanf(f, "%llu", &value) != 1)
		value = 0;
	return fclose(f) ? 0 : value;
}

unsigned long long spin_set_timeout(const struct xe *xe, unsigned long long ms)
{
	if (ms)
		engine_file(xe, "job_timeout_ms", ms);
	return engine_file(xe, "job_timeout_ms", 0);
}

unsigned long long spin_raise_timeout(const struct xe *xe)
{
	return spin_set_timeout(xe, engine_file(xe, "job_timeout_max", 0));
}
