// SPDX-License-Identifier: MIT
/* Events: numbering, recording, triggers, deferred actions; requests that make no sense. */
#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "control.h"
#include "events.h"
#include "hw_stub.h"
#include "log.h"
#include "pci.h"

static const struct dma_origin bcs = { .engine = "bcs0", .guc_id = 7 };

static uint32_t read_reg(struct harness *h, uint32_t off)
{
	uint32_t v = 0;

	vgpu_bar0_read(h->g, off, &v, 4);
	return v;
}

static void write_reg(struct harness *h, uint32_t off, uint32_t v)
{
	vgpu_bar0_write(h->g, off, &v, 4);
}

static void stub_reg(struct harness *h, uint32_t off, uint32_t v)
{
	memcpy(h->g->hw->regs + off, &v, 4);
}

static bool good(struct harness *h, const char *line)
{
	bool end;
	json_t *r = control_execute(h->g, line, strlen(line), &end);
	bool is = json_is_true(json_object_get(r, "ok"));

	json_decref(r);
	return is;
}

static int arm(struct harness *h, struct trigger t)
{
	if (!t.n)
		t.n = 1;
	if (!t.times)
		t.times = 1;
	return vgpu_trigger_arm(h->g, &t);
}

/* ---- recording ----------------------------------------------------------------------- */

static void records_in_order(void **state)
{
	struct harness *h = *state;
	json_t *r, *e, *o;

	assert_true(good(h, "{\"cmd\":\"record\",\"on\":true}"));
	read_reg(h, 0x44);
	write_reg(h, 0x48, 1);
	read_reg(h, 0x44);
	vgpu_msi(h->g);
	assert_true(good(h, "{\"cmd\":\"record\",\"on\":false}"));
	read_reg(h, 0x44);
	r = harness_control(h, "{\"cmd\":\"events\",\"since\":2}", true);
	assert_int_equal(harness_num(r, "total"), 4);
	assert_int_equal(harness_num(r, "dropped"), 0);
	assert_int_equal(harness_num(r, "next"), 5);
	o = json_object_get(r, "counts");
	assert_int_equal(harness_num(o, "mmio_read"), 2);
	e = json_object_get(r, "events");
	assert_int_equal(json_array_size(e), 3);
	o = json_array_get(e, 1);
	assert_int_equal(harness_num(o, "n"), 3);
	assert_int_equal(harness_num(o, "kn"), 2);
	assert_string_equal(json_string_value(json_object_get(o, "kind")), "mmio_read");
	assert_string_equal(json_string_value(json_object_get(o, "what")), "STUB_REG");
	assert_string_equal(json_string_value(json_object_get(json_array_get(e, 2), "kind")), "irq");
	json_decref(r);
}

static void records_only_what_was_asked(void **state)
{
	struct harness *h = *state;
	uint32_t v;
	json_t *r, *e;

	assert_true(good(h, "{\"cmd\":\"record\",\"on\":true,\"kinds\":[\"dma\"],\"max\":2}"));
	read_reg(h, 0x44);
	for (int i = 0; i < 3; i++)
		vgpu_dma_read32(h->g, HARNESS_RAM_IOVA + 64, &v, &bcs);
	r = harness_control(h, "{\"cmd\":\"events\"}", true);
	assert_int_equal(harness_num(r, "total"), 3);
	assert_int_equal(harness_num(r, "dropped"), 1);
	e = json_array_get(json_object_get(r, "events"), 0);
	assert_string_equal(json_string_value(json_object_get(e, "who")), "bcs0");
	assert_int_equal(harness_num(e, "guc_id"), 7);
	assert_int_equal(harness_num(e, "addr"), HARNESS_RAM_IOVA + 64);
	json_decref(r);
	/* a new recording starts at one */
	assert_true(good(h, "{\"cmd\":\"record\",\"on\":true,\"kinds\":\"mmio\"}"));
	read_reg(h, 0);
	r = harness_control(h, "{\"cmd\":\"events\"}", true);
	assert_int_equal(harness_num(r, "total"), 1);
	json_decref(r);
}

static void bad_recordings(void **state)
{
	struct harness *h = *state;

	assert_false(good(h, "{\"cmd\":\"record\"}"));
	assert_false(good(h, "{\"cmd\":\"record\",\"on\":1}"));
	assert_false(good(h, "{\"cmd\":\"record\",\"on\":true,\"kinds\":[]}"));
	assert_false(good(h, "{\"cmd\":\"record\",\"on\":true,\"kinds\":[\"mmio\",\"nonsense\"]}"));
	assert_false(good(h, "{\"cmd\":\"record\",\"on\":true,\"kinds\":[3]}"));
	assert_false(good(h, "{\"cmd\":\"record\",\"on\":true,\"max\":0}"));
	assert_false(good(h, "{\"cmd\":\"record\",\"on\":true,\"max\":100000000}"));
	assert_false(good(h, "{\"cmd\":\"record\",\"on\":true,\"max\":\"many\"}"));
	assert_false(good(h, "{\"cmd\":\"events\",\"since\":-1}"));
	assert_false(good(h, "{\"cmd\":\"events\",\"since\":\"x\"}"));
	/* beyond the end is no error, and no event */
	assert_true(good(h, "{\"cmd\":\"events\",\"since\":99}"));
}

/* ---- triggers ------------------------------------------------------------------------- */

static void dies_at_the_nth(void **state)
{
	struct harness *h = *state;
	json_t *r, *t;

	stub_reg(h, 0x44, 0x1234);
	assert_true(good(h, "{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"n\":3,\"action\":\"die\"}"));
	assert_int_equal(read_reg(h, 0x44), 0x1234);
	write_reg(h, 0x48, 5);
	assert_false(vgpu_is_dead(h->g));
	assert_int_equal(read_reg(h, 0x44), 0xffffffff);
	assert_true(vgpu_is_dead(h->g));
	/* the rest of dying is the loop's */
	assert_false(h->g->hw->quiesced);
	assert_true(harness_run_deferred(h, 1000));
	assert_true(h->g->hw->quiesced);
	r = harness_control(h, "{\"cmd\":\"triggers\"}", true);
	t = json_array_get(json_object_get(r, "triggers"), 0);
	assert_int_equal(harness_num(t, "fired"), 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(t, "event"), "what")),
			    "STUB_REG");
	json_decref(r);
	assert_true(good(h, "{\"cmd\":\"dead\",\"on\":false}"));
	assert_int_equal(read_reg(h, 0x44), 0x1234);
	assert_false(h->g->hw->quiesced);
}

static void die_at_a_write_drops_it(void **state)
{
	struct harness *h = *state;

	assert_true(arm(h, (struct trigger){ .kinds = 1u << EVENT_MMIO_WRITE,
					     .action = ACTION_DIE }) > 0);
	write_reg(h, 0x48, 5);
	assert_int_equal(h->g->hw->n, 0);
	/* revived before the loop came round: still a clean start */
	vgpu_set_dead(h->g, false);
	assert_false(h->g->hw->reset_while_running);
	assert_false(harness_run_deferred(h, 20));
	assert_false(vgpu_is_dead(h->g));
}

static void dead_devices_have_no_events(void **state)
{
	struct harness *h = *state;
	int id;

	vgpu_set_dead(h->g, true);
	id = arm(h, (struct trigger){ .kinds = 1u << EVENT_MMIO_READ, .action = ACTION_DROP });
	read_reg(h, 0x44);
	vgpu_set_dead(h->g, false);
	assert_int_equal(h->g->watched, 1u << EVENT_MMIO_READ);
	assert_int_equal(vgpu_trigger_disarm(h->g, id), 0);
	assert_int_equal(h->g->watched, 0);
}

static void corrupts_and_drops(void **state)
{
	struct harness *h = *state;
	uint32_t v = 0;

	stub_reg(h, 0x44, 0x1000);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_MMIO_READ, .action = ACTION_CORRUPT,
				 .arg = 0x11, .times = 2 });
	assert_int_equal(read_reg(h, 0x44), 0x1011);
	assert_int_equal(read_reg(h, 0x44), 0x1011);
	assert_int_equal(read_reg(h, 0x44), 0x1000);

	arm(h, (struct trigger){ .kinds = 1u << EVENT_MMIO_WRITE, .action = ACTION_DROP });
	h->g->hw->n = 0;
	write_reg(h, 0x48, 1);
	assert_int_equal(h->g->hw->n, 0);
	write_reg(h, 0x48, 1);
	assert_int_equal(h->g->hw->n, 1);

	arm(h, (struct trigger){ .kinds = 1u << EVENT_DMA_READ, .action = ACTION_CORRUPT, .arg = 1 });
	ram32_set(h, 0, 6);
	vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, &bcs);
	assert_int_equal(v, 7);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_DMA_WRITE, .action = ACTION_CORRUPT, .arg = 1 });
	vgpu_dma_write(h->g, HARNESS_RAM_IOVA, (uint8_t[12]){ 8, [11] = 9 }, 12, &bcs);
	assert_int_equal(ram32(h, 0), 9);
	assert_int_equal(ram32(h, 8), 9u << 24);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_DMA_WRITE, .action = ACTION_DROP });
	assert_int_equal(vgpu_dma_write32(h->g, HARNESS_RAM_IOVA, 1, &bcs), DMA_OK);
	assert_int_equal(ram32(h, 0), 9);
	assert_int_equal(h->g->watched, 0);
}

static void counts_only_what_matches(void **state)
{
	struct harness *h = *state;
	struct trigger t = { .kinds = 1u << EVENT_DMA_WRITE, .action = ACTION_DIE, .n = 2 };

	strcpy(t.who, "bcs0");
	arm(h, t);
	for (int i = 0; i < 3; i++)
		vgpu_dma_write32(h->g, HARNESS_RAM_IOVA, 1, NULL);
	vgpu_dma_write32(h->g, HARNESS_RAM_IOVA, 1, &bcs);
	assert_false(vgpu_is_dead(h->g));
	assert_int_equal(vgpu_dma_write32(h->g, HARNESS_RAM_IOVA, 2, &bcs), DMA_DEAD);
	assert_int_equal(ram32(h, 0), 1);
	vgpu_set_dead(h->g, false);

	arm(h, (struct trigger){ .kinds = 1u << EVENT_MMIO_READ, .action = ACTION_DIE,
				 .match_addr = true, .addr = 0x48 });
	read_reg(h, 0x44);
	assert_false(vgpu_is_dead(h->g));
	read_reg(h, 0x48);
	assert_true(vgpu_is_dead(h->g));
}

static void delays(void **state)
{
	struct harness *h = *state;
	uint64_t t = vgpu_now_us();

	arm(h, (struct trigger){ .kinds = 1u << EVENT_MMIO_READ, .action = ACTION_DELAY,
				 .arg = 20000 });
	read_reg(h, 0x44);
	assert_true(vgpu_now_us() - t >= 20000);

	harness_msis(h);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_IRQ, .action = ACTION_DELAY, .arg = 5000 });
	assert_true(vgpu_msi(h->g));
	assert_int_equal(harness_msis(h), 0);
	assert_true(harness_run_deferred(h, 1000));
	assert_int_equal(harness_msis(h), 1);
	arm(h, (struct trigger){ .kinds = 1u << EVENT_IRQ, .action = ACTION_DROP });
	assert_true(vgpu_msi(h->g));
	assert_false(harness_run_deferred(h, 20));
	assert_int_equal(harness_msis(h), 0);
}

static void late_interrupts_die_with_the_device(void **state)
{
	struct harness *h = *state;

	arm(h, (struct trigger){ .kinds = 1u << EVENT_IRQ, .action = ACTION_DELAY, .arg = 1000 });
	vgpu_msi(h->g);
	harness_msis(h);
	vgpu_set_dead(h->g, true);
	vgpu_set_dead(h->g, false);
	harness_run_deferred(h, 20);
	assert_int_equal(harness_msis(h), 0);
}

static void raises_faults(void **state)
{
	struct harness *h = *state;

	assert_true(good(h, "{\"cmd\":\"trigger\",\"kind\":\"dma_read\",\"action\":\"fault\","
			    "\"fault\":\"cat_error\"}"));
	vgpu_dma_read(h->g, HARNESS_RAM_IOVA, (uint8_t[4]){ 0 }, 4, &bcs);
	assert_int_equal(h->g->hw->faults, 0); /* not on an engine's thread */
	assert_true(harness_run_deferred(h, 1000));
	assert_int_equal(h->g->hw->faults, 1);
	assert_int_equal(h->g->hw->last_fault_id, 7);
	assert_true(good(h, "{\"cmd\":\"fault\",\"what\":\"guc_crash\"}"));
	assert_int_equal(h->g->hw->last_fault, FAULT_GUC_CRASH);
	assert_int_equal(h->g->hw->last_fault_id, -1);
	assert_false(good(h, "{\"cmd\":\"fault\",\"what\":\"hang\",\"guc_id\":70000}"));
	assert_false(good(h, "{\"cmd\":\"fault\",\"what\":\"hang\",\"guc_id\":-1}"));
	assert_false(good(h, "{\"cmd\":\"fault\",\"what\":\"nonsense\"}"));
	assert_false(good(h, "{\"cmd\":\"fault\"}"));
	vgpu_set_dead(h->g, true);
	assert_false(good(h, "{\"cmd\":\"fault\",\"what\":\"hang\"}"));
}

static void bad_triggers(void **state)
{
	static const char *const bad[] = {
		"{\"cmd\":\"trigger\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"nonsense\",\"action\":\"die\"}",
		"{\"cmd\":\"trigger\",\"kind\":7,\"action\":\"die\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"none\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"nonsense\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"die\",\"n\":0}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"die\",\"n\":-3}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"die\",\"n\":\"2\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"die\",\"times\":-1}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"die\",\"addr\":-1}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"die\",\"who\":5}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"die\",\"who\":\"much too long a name\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"delay\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"delay\",\"us\":99999999999}",
		"{\"cmd\":\"trigger\",\"kind\":\"irq\",\"action\":\"corrupt\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"corrupt\",\"xor\":0}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"fault\"}",
		"{\"cmd\":\"trigger\",\"kind\":\"mmio\",\"action\":\"fault\",\"fault\":\"x\"}",
		"{\"cmd\":\"disarm\",\"id\":12}",
		"{\"cmd\":\"disarm\",\"id\":-1}",
	};
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (good(h, bad[i]))
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(h->g->watched, 0);
	assert_true(good(h, "{\"cmd\":\"disarm\"}"));
}

static void only_so_many(void **state)
{
	struct trigger t = { .kinds = 1u << EVENT_MMIO_READ, .action = ACTION_DROP, .n = 1000 };
	struct harness *h = *state;

	for (int i = 0; i < EVENTS_TRIGGERS; i++)
		assert_true(arm(h, t) > 0);
	assert_int_equal(arm(h, t), -ENOSPC);
	assert_int_equal(vgpu_trigger_disarm(h->g, 0), 0);
	t.n = 1;
	for (int i = 0; i < 3 * EVENTS_TRIGGERS; i++) {
		/* spent ones make room */
		assert_true(arm(h, t) > 0);
		read_reg(h, 0x44);
	}
	for (int i = 0; i < 2 * EVENTS_PENDING; i++)
		vgpu_defer(h->g, 1000000, NULL, 0);
	vgpu_events_forget(h->g->events);
	assert_false(harness_run_deferred(h, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_in_order),	TEST(records_only_what_was_asked),
		BAD(TEST(bad_recordings)),	BAD(TEST(dies_at_the_nth)),
		BAD(TEST(die_at_a_write_drops_it)), BAD(TEST(dead_devices_have_no_events)),
		BAD(TEST(corrupts_and_drops)),	TEST(counts_only_what_matches),
		TEST(delays),		BAD(TEST(late_interrupts_die_with_the_device)),
		BAD(TEST(raises_faults)),	BAD(TEST(bad_triggers)),
		TEST(only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
