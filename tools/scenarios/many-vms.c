// SPDX-License-Identifier: MIT
/*
 * State many-vms: a great number of address spaces in one file.
 *
 * VMs are released by workers, some time after the file was closed. On a device that
 * is gone the file was the last to hold the driver's data, which the workers use: with
 * as many of them as here, most run when it could have been freed long ago. Those of
 * long-running VMs give a runtime PM reference of the device back.
 */
#include "common.h"
#include "gone.h"
#include "work.h"

static struct xe xe = { .fd = -1 };
static struct work work;
static uint64_t count = 150;

static const struct scn_option options[] = {
	{ "count", &count, 1, 100000, "number of VMs" },
	{ 0 }
};

static int verify(void)
{
	return work_copy(&xe, &work, work.batch.va + 8192, work.batch.va + 4096, 4096,
			 "copy job beside many VMs");
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);
	uint32_t vm;

	if (ret)
		return ret;
	for (uint64_t i = 0; i < count; i++) {
		if (i % 50 == 0)
			scn_step("creation of VM %llu", (unsigned long long)i);
		if (xe_vm_create(&xe, DRM_XE_VM_CREATE_FLAG_LR_MODE, &vm))
			return -1;
	}
	scn_fact("vms", count);
	scn_fact("bo_bytes", work.batch.size);
	return verify();
}

static int gone(void)
{
	gone_ioctls(&xe, &work, NULL);
	return 0;
}

/* The VMs go with the file, all at once. */
static int close_all(void)
{
	return work_end(&xe, &work, NULL);
}

static const struct scenario scn = {
	.name = "many-vms",
	.summary = "a great number of address spaces",
	.options = options,
	SCN_CALLBACKS,
};
SCENARIO(scn);
