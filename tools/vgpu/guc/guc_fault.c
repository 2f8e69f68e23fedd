/* SPDX-License-Identifier: MIT */
/* Faults raised from outside, and the names of GuC actions (abi/guc_actions_abi.h). */
#include <errno.h>

#include "device.h"
#include "eu_walker.h"

#define CLASS_RENDER  0
#define REASON_HANG   1

static const struct {
	uint32_t action;
	const char *name;
} names[] = {
	{ GUC_GLOBAL_POLICY_CHANGE, "GLOBAL_SCHED_POLICY_CHANGE" },
	{ GUC_SELF_CFG, "SELF_CFG" },
	{ GUC_SCHED_POLICIES_KLV, "UPDATE_SCHEDULING_POLICIES_KLV" },
	{ GUC_SCHED_CONTEXT, "SCHED_CONTEXT" },
	{ GUC_SCHED_MODE_SET, "SCHED_CONTEXT_MODE_SET" },
	{ GUC_SCHED_MODE_DONE, "SCHED_CONTEXT_MODE_DONE" },
	{ GUC_CONTEXT_RESET, "CONTEXT_RESET_NOTIFICATION" },
	{ GUC_ENGINE_FAILURE, "ENGINE_FAILURE_NOTIFICATION" },
	{ GUC_CONTEXT_POLICIES, "UPDATE_CONTEXT_POLICIES" },
	{ GUC_SLPC_REQUEST, "PC_SLPC_REQUEST" },
	{ GUC_SETUP_GUCRC, "SETUP_PC_GUCRC" },
	{ GUC_GET_HWCONFIG, "GET_HWCONFIG" },
	{ GUC_REGISTER_CONTEXT, "REGISTER_CONTEXT" },
	{ GUC_DEREGISTER_CONTEXT, "DEREGISTER_CONTEXT" },
	{ GUC_CONTROL_CTB, "CONTROL_CTB" },
	{ GUC_DEREGISTER_DONE, "DEREGISTER_CONTEXT_DONE" },
	{ GUC_CLIENT_SOFT_RESET, "CLIENT_SOFT_RESET" },
	{ GUC_ENGINE_ACTIVITY, "SET_DEVICE_ENGINE_ACTIVITY_BUFFER" },
	{ GUC_FUNCTION_ACTIVITY, "SET_FUNCTION_ENGINE_ACTIVITY_BUFFER" },
	{ GUC_OPT_IN_FEATURE, "OPT_IN_FEATURE_KLV" },
	{ GUC_MEMORY_CAT_ERROR, "MEMORY_CAT_ERROR" },
	{ GUC_PAGE_FAULT, "REPORT_PAGE_FAULT_REQ_DESC" },
	{ GUC_PAGE_FAULT_RESPONSE, "PAGE_FAULT_RES_DESC" },
	{ GUC_TLB_INVALIDATION, "TLB_INVALIDATION" },
	{ GUC_TLB_INVALIDATION_DONE, "TLB_INVALIDATION_DONE" },
	{ GUC_TLB_INVALIDATION_ALL, "TLB_INVALIDATION_ALL" },
	{ GUC_CRASH_DUMP_POSTED, "CRASH_DUMP_POSTED" },
	{ GUC_EXCEPTION, "EXCEPTION" },
	{ GUC_RESPONSE, "response" },
};

const char *vgpu_action_name(uint32_t action)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].action == action)
			return names[i].name;
	return NULL;
}

/* The context with @id; with -1 one that runs, or else any that is enabled. submit.lock held. */
static struct guc_ctx *victim(struct vgpu_hw *h, int id)
{
	struct guc_submit *s = &h->guc.submit;

	if (id >= 0)
		return id < GUC_MAX_CONTEXTS ? s->ctx[id] : NULL;
	for (int i = 0; i < ENGINE_COUNT; i++)
		if (h->engines[i].cur)
			return h->engines[i].cur;
	for (size_t i = 0; s->nr && i < GUC_MAX_CONTEXTS; i++)
		if (s->ctx[i] && s->ctx[i]->enabled && !s->ctx[i]->hung)
			return s->ctx[i];
	return NULL;
}

static int lose_context(struct vgpu_hw *h, enum guc_action action, int guc_id)
{
	struct guc_submit *s = &h->guc.submit;
	struct guc_ctx *c;

	pthread_mutex_lock(&s->lock);
	c = victim(h, guc_id);
	if (c) {
		c->hung = true;
		engine_unqueue(c);
		if (c->running)
			engine_preempt(c->e);
		else
			eu_walk_drop(c);
		guc_send_event(h, action, &c->guc_id, 1);
	}
	pthread_mutex_unlock(&s->lock);
	return c ? 0 : -ENOENT;
}

int vgpu_hw_fault(struct vgpu *g, enum vgpu_fault fault, int guc_id)
{
	struct vgpu_hw *h = g->hw;

	switch (fault) {
	case FAULT_CAT_ERROR:
		h->guc.cat_errors++;
		return lose_context(h, GUC_MEMORY_CAT_ERROR, guc_id);
	case FAULT_HANG:
		return lose_context(h, GUC_CONTEXT_RESET, guc_id);
	case FAULT_ENGINE_FAILURE:
		guc_send_event(h, GUC_ENGINE_FAILURE,
			       (uint32_t[]){ CLASS_RENDER, 0, REASON_HANG }, 3);
		return 0;
	case FAULT_GUC_CRASH:
		guc_send_event(h, GUC_CRASH_DUMP_POSTED, NULL, 0);
		ctb_mute(&h->guc.ctb);
		return 0;
	case FAULT_GUC_EXCEPTION:
		guc_send_event(h, GUC_EXCEPTION, NULL, 0);
		ctb_mute(&h->guc.ctb);
		return 0;
	case FAULT_GUC_MUTE:
		ctb_mute(&h->guc.ctb);
		return 0;
	default:
		return -EINVAL;
	}
}
