// SPDX-License-Identifier: MIT
/* Requests on the control socket: one JSON object in, one out. A bad one changes nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "dma.h"
#include "events.h"
#include "pci.h"
#include "trigger.h"
#include "witness.h"

static json_t *fail(const char *text)
{
	return json_pack("{sb ss}", "ok", 0, "error", text);
}

static json_t *ok(void)
{
	return json_pack("{sb}", "ok", 1);
}

/* The boolean @key of @o: 0, 1, or -1 if it is missing or something else. */
static int get_bool(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_boolean(v) ? json_is_true(v) : -1;
}

static json_t *stats_object(struct vgpu *g)
{
	struct vgpu_dma_stats d;
	struct vgpu_pci_stats p;
	json_t *o = json_object();

	if (!o)
		return NULL;
	vgpu_dma_get_stats(g->dma, &d);
	vgpu_pci_get_stats(g->pci, &p);
	json_object_set_new(o, "connected", json_boolean(g->connected));
	json_object_set_new(o, "dead", json_boolean(vgpu_is_dead(g)));
	json_object_set_new(o, "gone", json_boolean(g->gone));
	json_object_set_new(o, "bus_master", json_boolean(vgpu_dma_bus_master(g->dma)));
	vgpu_json_int(o, "live_dma_pages", d.live_pages);
	vgpu_json_int(o, "unbacked_dma_pages", d.unbacked_pages);
	vgpu_json_int(o, "dma_tables", d.tables);
	vgpu_json_int(o, "dma_files", d.files);
	vgpu_json_int(o, "dma_map", d.maps);
	vgpu_json_int(o, "dma_unmap", d.unmaps);
	vgpu_json_int(o, "dma_reads", d.reads);
	vgpu_json_int(o, "dma_writes", d.writes);
	vgpu_json_int(o, "dma_bytes", d.bytes);
	vgpu_json_int(o, "dma_faults", d.faults);
	vgpu_json_int(o, "mmio_reads", g->mmio_reads);
	vgpu_json_int(o, "mmio_writes", g->mmio_writes);
	vgpu_json_int(o, "mmio_dead", g->mmio_dead);
	vgpu_json_int(o, "mmio_memory", g->mmio_memory);
	vgpu_json_int(o, "bar2_pages_written_dead", g->bar2.dead_pages);
	vgpu_json_int(o, "msi", p.msi);
	vgpu_json_int(o, "msi_dropped", p.msi_dropped);
	vgpu_hw_stats(g, o);
	return o;
}

static json_t *cmd_hello(struct vgpu *g, const json_t *req)
{
	return json_pack("{sb si ss si}", "ok", 1, "version", 1, "personality",
			 g->personality->name, "pid", (int)getpid());
}

static json_t *cmd_stats(struct vgpu *g, const json_t *req)
{
	return json_pack("{sb so}", "ok", 1, "stats", stats_object(g));
}

static json_t *cmd_mark(struct vgpu *g, const json_t *req)
{
	const char *name = json_string_value(json_object_get(req, "name"));
	const json_t *guest = json_object_get(req, "guest_us");

	if (!name)
		return fail("mark needs a string \"name\"");
	if (guest) {
		if (!json_is_integer(guest) || json_integer_value(guest) < 0)
			return fail("mark: \"guest_us\" is no time");
		vgpu_witness_guest_time(g->witness, (uint64_t)json_integer_value(guest));
	}
	vgpu_witness_mark(g->witness, name);
	log_info("mark %s", name);
	return ok();
}

static json_t *cmd_dead(struct vgpu *g, const json_t *req)
{
	int on = get_bool(req, "on");

	if (on < 0)
		return fail("dead needs a boolean \"on\"");
	vgpu_set_dead(g, on);
	return ok();
}

static json_t *cmd_gone(struct vgpu *g, const json_t *req)
{
	static const char *const keys[] = { "live_dma_pages", "unbacked_dma_pages", "contexts", "context_list",
					    "jobs_running", "bus_master" };
	int on = get_bool(req, "on");
	json_t *out, *stats;
	int64_t shift;

	if (on < 0)
		return fail("gone needs a boolean \"on\"");
	out = ok();
	if (on) {
		/* first the picture, so that nothing that follows is in it */
		stats = stats_object(g);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			json_object_set(out, keys[i], json_object_get(stats, keys[i]));
		/* contexts that leaked: what the driver did last */
		if (json_integer_value(json_object_get(stats, "contexts")))
			json_object_set_new(out, "before", vgpu_witness_recent(g));
		if (vgpu_witness_guest_shift(g->witness, &shift))
			json_object_set_new(out, "guest_shift_us", json_integer(shift));
		json_decref(stats);
	}
	vgpu_set_gone(g, on);
	return out;
}

static json_t *cmd_witness(struct vgpu *g, const json_t *req)
{
	const json_t *since = json_object_get(req, "since");
	json_t *out;

	if (since && (!json_is_integer(since) || json_integer_value(since) < 0))
		return fail("witness: \"since\" is no event number");
	vgpu_gone_check(g);
	out = vgpu_witness_json(g, (uint64_t)json_integer_value(since), CONTROL_EVENTS,
				get_bool(req, "stories") == 1);
	if (out)
		json_object_set_new(out, "ok", json_true());
	return out;
}

static json_t *cmd_accesses(struct vgpu *g, const json_t *req)
{
	return json_pack("{sb so}", "ok", 1, "accesses", vgpu_witness_recent(g));
}

static json_t *cmd_shutdown(struct vgpu *g, const json_t *req)
{
	return ok();
}

/* ---- events and triggers --------------------------------------------------------------- */

/* The integer @key of @o, @def if it is missing; -1 if it is something else or negative. */
static json_int_t get_int(const json_t *o, const char *key, json_int_t def)
{
	const json_t *v = json_object_get(o, key);

	if (!v)
		return def;
	return json_is_integer(v) && json_integer_value(v) >= 0 ? json_integer_value(v) : -1;
}

/* Mask of the kinds in the array or string @v; 0 if one of them is none. */
static unsigned int get_kinds(const json_t *v)
{
	unsigned int kinds = 0, one;
	const json_t *item;
	size_t i;

	if (json_is_string(v))
		return vgpu_event_kinds(json_string_value(v));
	json_array_foreach(v, i, item) {
		one = json_is_string(item) ? vgpu_event_kinds(json_string_value(item)) : 0;
		if (!one)
			return 0;
		kinds |= one;
	}
	return kinds;
}

static json_t *cmd_record(struct vgpu *g, const json_t *req)
{
	const json_t *list = json_object_get(req, "kinds");
	json_int_t max = get_int(req, "max", EVENTS_DEFAULT);
	unsigned int kinds;
	int on = get_bool(req, "on");

	if (on < 0)
		return fail("record needs a boolean \"on\"");
	if (!on) {
		vgpu_record_stop(g);
		return ok();
	}
	/* DMA accesses are many and their order is the engines' own: only on request */
	kinds = list ? get_kinds(list) : vgpu_event_kinds("any") & ~vgpu_event_kinds("dma");
	if (!kinds)
		return fail("record: unknown kind of event");
	if (max < 1 || max > EVENTS_MAX)
		return fail("record: \"max\" is out of range");
	return vgpu_record_start(g, kinds, (uint64_t)max) ? fail("out of memory") : ok();
}

static json_t *cmd_events(struct vgpu *g, const json_t *req)
{
	json_int_t since = get_int(req, "since", 1);
	json_t *out;

	if (since < 0)
		return fail("events: \"since\" is no event number");
	out = vgpu_record_json(g, (uint64_t)since);
	if (out)
		json_object_set_new(out, "ok", json_true());
	return out;
}

/* Fills @t from @req. Returns NULL or what is wrong. */
static const char *parse_trigger(const json_t *req, struct trigger *t)
{
	const char *action = json_string_value(json_object_get(req, "action"));
	const char *fault = json_string_value(json_object_get(req, "fault"));
	const json_t *who = json_object_get(req, "who");
	json_int_t n = get_int(req, "n", 1), times = get_int(req, "times", 1);
	json_int_t addr = get_int(req, "addr", 0), arg = 0;

	*t = (struct trigger){ .kinds = get_kinds(json_object_get(req, "kind")) };
	if (!t->kinds)
		return "trigger needs a \"kind\" of event";
	t->action = action ? trigger_action(action) : ACTION_NONE;
	switch (t->action) {
	case ACTION_NONE:
		return "trigger needs an \"action\"";
	case ACTION_DELAY:
		arg = get_int(req, "us", -1);
		break;
	case ACTION_CORRUPT:
		arg = get_int(req, "xor", 0xffffffff);
		break;
	case ACTION_FAULT:
		arg = fault ? trigger_fault(fault) : FAULT_COUNT;
		break;
	default:
		break;
	}
	if (n < 1 || times < 0 || addr < 0 || arg < 0)
		return "trigger: a number is missing or out of range";
	if (who && (!json_is_string(who) || json_string_length(who) >= sizeof(t->who)))
		return "trigger: bad \"who\"";
	if (who)
		strcpy(t->who, json_string_value(who));
	t->n = (uint64_t)n;
	t->times = (uint64_t)times;
	t->match_addr = json_object_get(req, "addr");
	t->addr = (uint64_t)addr;
	t->arg = (uint64_t)arg;
	return NULL;
}

static json_t *cmd_trigger(struct vgpu *g, const json_t *req)
{
	struct trigger t;
	const char *bad = parse_trigger(req, &t);
	int id;

	if (bad)
		return fail(bad);
	id = vgpu_trigger_arm(g, &t);
	if (id < 0)
		return fail(id == -ENOSPC ? "too many triggers" : "trigger: that makes no sense");
	return json_pack("{sb si}", "ok", 1, "id", id);
}

static json_t *cmd_triggers(struct vgpu *g, const json_t *req)
{
	return json_pack("{sb so}", "ok", 1, "triggers", vgpu_trigger_json(g));
}

static json_t *cmd_disarm(struct vgpu *g, const json_t *req)
{
	json_int_t id = get_int(req, "id", 0);

	if (id < 0 || id > INT32_MAX || vgpu_trigger_disarm(g, (int)id))
		return fail("no such trigger");
	return ok();
}

static json_t *cmd_fault(struct vgpu *g, const json_t *req)
{
	const char *name = json_string_value(json_object_get(req, "what"));
	json_int_t id = get_int(req, "guc_id", INT32_MAX);
	enum vgpu_fault what = name ? trigger_fault(name) : FAULT_COUNT;

	if (what == FAULT_COUNT)
		return fail("fault needs a known \"what\"");
	if (id < 0 || id > INT32_MAX)
		return fail("fault: bad \"guc_id\"");
	if (vgpu_is_dead(g))
		return fail("the device is dead");
	return vgpu_hw_fault(g, what, id == INT32_MAX ? -1 : (int)id) ? fail("no such context") :
									ok();
}

static json_t *cmd_slow(struct vgpu *g, const json_t *req)
{
	json_int_t wake = get_int(req, "wake_us", 0), reset = get_int(req, "reset_us", 0);

	if (wake < 0 || wake > EVENTS_MAX_DELAY_US || reset < 0 || reset > EVENTS_MAX_DELAY_US)
		return fail("slow: a time is out of range");
	vgpu_hw_slow(g, (uint64_t)wake, (uint64_t)reset);
	return ok();
}

static const struct {
	const char *name;
	json_t *(*run)(struct vgpu *g, const json_t *req);
} requests[] = {
	{ "hello", cmd_hello },	  { "stats", cmd_stats },	{ "mark", cmd_mark },
	{ "dead", cmd_dead },	  { "gone", cmd_gone },		{ "witness", cmd_witness },
	{ "accesses", cmd_accesses }, { "record", cmd_record },	{ "events", cmd_events },
	{ "trigger", cmd_trigger },   { "triggers", cmd_triggers }, { "disarm", cmd_disarm },
	{ "fault", cmd_fault },	  { "slow", cmd_slow },		{ "shutdown", cmd_shutdown },
};

json_t *control_execute(struct vgpu *g, const char *line, size_t len, bool *shutdown)
{
	json_t *req = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL), *out = NULL;
	const char *name = json_string_value(json_object_get(req, "cmd"));

	if (!json_is_object(req))
		out = fail("not a JSON object");
	else if (!name)
		out = fail("no string \"cmd\"");
	for (size_t i = 0; !out && i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(name, requests[i].name))
			continue;
		out = requests[i].run(g, req);
		if (requests[i].run == cmd_shutdown)
			*shutdown = true;
		break;
	}
	if (!out)
		out = fail("unknown command");
	json_decref(req);
	return out;
}
