// SPDX-License-Identifier: MIT
/* Witness: counters, ring, limits, text from anywhere. */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hw_stub.h"
#include "pci.h"
#include "witness.h"

static const struct dma_origin who = { "bcs0", 3 };

static void hit(struct harness *h, enum vgpu_witness_kind kind, unsigned int n)
{
	while (n--)
		vgpu_witness(h->g, kind, &who, 0x1000, 8, true, "number %u", n);
}

static json_t *get(struct harness *h, uint64_t since, unsigned int max)
{
	json_t *w = vgpu_witness_json(h->g, since, max, true);

	assert_non_null(w);
	return w;
}

static const char *text(const json_t *o, const char *key)
{
	assert_true(json_is_string(json_object_get(o, key)));
	return json_string_value(json_object_get(o, key));
}

static json_t *event(const json_t *w, size_t i)
{
	return json_array_get(json_object_get(w, "events"), i);
}

static size_t events(const json_t *w)
{
	return json_array_size(json_object_get(w, "events"));
}

static void silent_at_first(void **state)
{
	json_t *w = get(*state, 0, 100);

	assert_int_equal(harness_num(w, "next"), 0);
	assert_int_equal(events(w), 0);
	assert_int_equal(json_object_size(json_object_get(w, "counts")), 0);
	json_decref(w);
}

static void one_event(void **state)
{
	struct harness *h = *state;
	json_t *w, *e;

	vgpu_witness_mark(h->g->witness, "case 1");
	vgpu_witness(h->g, WITNESS_CTB_PROTOCOL, &who, 0xabc000, 64, true, "tail %d", 5);
	vgpu_witness(h->g, WITNESS_GGTT_FAULT, NULL, 0, 0, false, "x");
	w = get(h, 0, 100);
	e = event(w, 0);
	assert_int_equal(harness_num(e, "seq"), 0);
	assert_string_equal(text(e, "kind"), "ctb_protocol");
	assert_string_equal(text(e, "mark"), "case 1");
	assert_string_equal(text(e, "detail"), "tail 5");
	assert_string_equal(text(e, "engine"), "bcs0");
	assert_int_equal(harness_num(e, "iova"), 0xabc000);
	assert_int_equal(harness_num(e, "len"), 64);
	assert_int_equal(harness_num(e, "guc_id"), 3);
	assert_true(json_is_true(json_object_get(e, "write")));
	assert_true(harness_num(e, "time_us") > 0);
	e = event(w, 1);
	assert_int_equal(harness_num(e, "guc_id"), -1);
	assert_string_equal(text(e, "engine"), "");
	assert_true(json_is_false(json_object_get(e, "write")));
	assert_int_equal(harness_num(json_object_get(w, "counts"), "ctb_protocol"), 1);
	assert_int_equal(harness_num(w, "next"), 2);
	json_decref(w);
}

/* Each kind has a name, and no two the same: as many counts as kinds. */
static void names(void **state)
{
	struct harness *h = *state;
	json_t *w;

	for (int k = 0; k < WITNESS_KINDS; k++)
		hit(h, (enum vgpu_witness_kind)k, 1);
	w = get(h, 0, 100);
	assert_int_equal(json_object_size(json_object_get(w, "counts")), WITNESS_KINDS);
	json_decref(w);
}

static void bad_kind_is_ignored(void **state)
{
	struct harness *h = *state;

	hit(h, WITNESS_KINDS, 3);
	hit(h, (enum vgpu_witness_kind)-1, 3);
	assert_int_equal(harness_witness_total(h), 0);
	assert_int_equal(vgpu_witness_count(h->g->witness, WITNESS_KINDS), 0);
}

static void reading_in_parts(void **state)
{
	struct harness *h = *state;
	uint64_t next = 0, seen = 0;

	hit(h, WITNESS_PPGTT_FAULT, 25);
	do {
		json_t *w = get(h, next, 10);

		for (size_t i = 0; i < events(w); i++)
			assert_int_equal(harness_num(event(w, i), "seq"), seen++);
		next = (uint64_t)harness_num(w, "next");
		json_decref(w);
	} while (next < 25);
	assert_int_equal(seen, 25);
}

static void since_beyond_the_end(void **state)
{
	struct harness *h = *state;
	json_t *w;

	hit(h, WITNESS_PPGTT_FAULT, 2);
	w = get(h, UINT64_MAX, 10);
	assert_int_equal(events(w), 0);
	assert_int_equal(harness_num(w, "next"), 2);
	json_decref(w);
}

/* A flood of one kind neither hides another nor falsifies the counters. */
static void flood(void **state)
{
	struct harness *h = *state;
	json_t *w;

	hit(h, WITNESS_DMA_AFTER_UNMAP, 100000);
	hit(h, WITNESS_CTB_PROTOCOL, 1);
	assert_int_equal(harness_witness(h, WITNESS_DMA_AFTER_UNMAP), 100000);
	w = get(h, 0, 100000);
	assert_int_equal(events(w), VGPU_WITNESS_BURST + 1);
	assert_int_equal(harness_num(w, "suppressed"), 100000 - VGPU_WITNESS_BURST);
	assert_string_equal(text(event(w, VGPU_WITNESS_BURST), "kind"), "ctb_protocol");
	assert_string_equal(text(event(w, 0), "detail"), "number 99999");
	json_decref(w);
	/* a new mark, and events are kept again */
	vgpu_witness_mark(h->g->witness, "next");
	hit(h, WITNESS_DMA_AFTER_UNMAP, 1);
	w = get(h, VGPU_WITNESS_BURST + 1, 10);
	assert_string_equal(text(event(w, 0), "mark"), "next");
	json_decref(w);
}

static void ring_wraps(void **state)
{
	const unsigned int rounds = VGPU_WITNESS_RING / VGPU_WITNESS_BURST + 2;
	struct harness *h = *state;
	json_t *w;

	for (unsigned int i = 0; i < rounds; i++) {
		vgpu_witness_mark(h->g->witness, "again");
		hit(h, WITNESS_GGTT_FAULT, VGPU_WITNESS_BURST);
	}
	w = get(h, 0, UINT32_MAX);
	assert_int_equal(events(w), VGPU_WITNESS_RING);
	assert_int_equal(harness_num(event(w, 0), "seq"), rounds * VGPU_WITNESS_BURST - VGPU_WITNESS_RING);
	assert_int_equal(harness_num(w, "next"), rounds * VGPU_WITNESS_BURST);
	json_decref(w);
}

static void long_and_strange_text(void **state)
{
	struct dma_origin odd = { "an engine with a name far too long", -1 };
	struct harness *h = *state;
	char big[1000];
	json_t *w;

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	vgpu_witness_mark(h->g->witness, big);
	vgpu_witness(h->g, WITNESS_GGTT_FAULT, &odd, 0, 0, false, "%s", big);
	vgpu_witness_mark(h->g->witness, "\xff\xfe\n\"");
	odd.engine = NULL;
	vgpu_witness(h->g, WITNESS_GGTT_FAULT, &odd, UINT64_MAX, UINT64_MAX, false, "\x80%s", "\n");
	w = get(h, 0, 10);
	assert_int_equal(events(w), 2);
	assert_int_equal(strlen(text(event(w, 0), "mark")), VGPU_WITNESS_MARK - 1);
	assert_int_equal(strlen(text(event(w, 0), "detail")), 199);
	assert_int_equal(strlen(text(event(w, 0), "engine")), 15);
	assert_string_equal(text(event(w, 1), "mark"), "???\"");
	assert_string_equal(text(event(w, 1), "detail"), "??");
	json_decref(w);
}

static void dead_is_only_counted(void **state)
{
	struct harness *h = *state;
	json_t *w;

	vgpu_set_dead(h->g, true);
	hit(h, WITNESS_DMA_AFTER_REMOVE, 4);
	w = get(h, 0, 10);
	assert_int_equal(events(w), 0);
	assert_int_equal(json_object_size(json_object_get(w, "counts")), 0);
	assert_int_equal(harness_num(json_object_get(w, "while_dead"), "dma_after_remove"), 4);
	json_decref(w);
}

static void recent_accesses(void **state)
{
	struct harness *h = *state;
	uint32_t v = 9;
	json_t *l;

	for (uint32_t i = 0; i < 100; i++)
		vgpu_bar0_read(h->g, i * 4, &v, 4);
	v = 17;
	vgpu_bar0_write(h->g, 0x44, &v, 4);
	l = vgpu_witness_recent(h->g);
	assert_int_equal(json_array_size(l), VGPU_WITNESS_RECENT);
	assert_int_equal(harness_num(json_array_get(l, 0), "addr"), (100 + 1 - 64) * 4);
	assert_string_equal(text(json_array_get(l, 63), "what"), "STUB_REG");
	assert_string_equal(text(json_array_get(l, 63), "kind"), "mmio_write");
	assert_int_equal(harness_num(json_array_get(l, 63), "val"), 17);
	json_decref(l);
}

static void events_tell_their_story(void **state)
{
	struct harness *h = *state;
	json_t *w, *e, *b;
	uint32_t v;

	vgpu_bar0_read(h->g, 0x44, &v, 4);
	vgpu_msi(h->g);
	hit(h, WITNESS_CTB_PROTOCOL, 6);
	w = get(h, 0, 10);
	e = json_object_get(w, "events");
	b = json_object_get(json_array_get(e, 0), "before");
	assert_int_equal(json_array_size(b), 2);
	assert_string_equal(text(json_array_get(b, 0), "what"), "STUB_REG");
	assert_string_equal(text(json_array_get(b, 1), "kind"), "irq");
	assert_non_null(json_object_get(json_array_get(e, 3), "before"));
	assert_null(json_object_get(json_array_get(e, 4), "before")); /* enough of this kind */
	assert_null(json_object_get(json_array_get(e, 0), "guest_us"));
	json_decref(w);
	vgpu_witness_guest_time(h->g->witness, 5000000);
	hit(h, WITNESS_GGTT_FAULT, 1);
	w = get(h, 6, 10);
	e = json_array_get(json_object_get(w, "events"), 0);
	assert_in_range(harness_num(e, "guest_us"), 5000000, 6000000);
	json_decref(w);
}

static void *hit_from_a_thread(void *arg)
{
	hit(arg, WITNESS_GGTT_FAULT, 5000);
	return NULL;
}

static void many_threads(void **state)
{
	struct harness *h = *state;
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hit_from_a_thread, h), 0);
	for (int i = 0; i < 50; i++)
		json_decref(get(h, 0, 1000));
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(harness_witness(h, WITNESS_GGTT_FAULT), 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(silent_at_first),
		TEST(one_event),
		TEST(names),
		BAD(TEST(bad_kind_is_ignored)),
		TEST(reading_in_parts),
		BAD(TEST(since_beyond_the_end)),
		BAD(TEST(flood)),
		TEST(ring_wraps),
		BAD(TEST(long_and_strange_text)),
		BAD(TEST(dead_is_only_counted)),
		TEST(recent_accesses),
		TEST(events_tell_their_story),
		TEST(many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
