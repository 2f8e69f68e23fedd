// SPDX-License-Identifier: MIT
/*
 * vfio-user server. Every command has a row in a table: how long its body may
 * be, how many descriptors it may carry, a check of the body, a handler. A
 * handler therefore only sees bodies whose numbers fit each other.
 *
 * Two kinds of bad messages: malformed ones (nobody honest sends them) end the
 * connection; well-formed requests that cannot be done get an error reply.
 */
#define _GNU_SOURCE
#include "vfio_user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bar2.h"
#include "dma.h"
#include "pci.h"

/* Refused requests that are logged, per connection. */
#define MAX_REFUSALS 32

/* Writes gathered in one message. */
#define MAX_MULTI 512u

struct request {
	struct vfio_user *v;
	const struct vu_header *head;
	const void *body;
	size_t len; /* of the body */
	struct vu_message *m;
	/* the reply: body after the header in v->reply */
	uint8_t *out;
	size_t out_len;
	int out_fd;
};

struct command {
	const char *name;
	uint32_t min, max; /* body bytes */
	unsigned int fds;  /* at most */
	const char *(*check)(const struct request *r); /* NULL or what is wrong */
	int (*run)(struct request *r);		       /* 0 or -errno for the reply */
};

/* Takes descriptor @i out of the message. */
static int take_fd(struct request *r, unsigned int i)
{
	int fd = r->m->fds[i];

	r->m->fds[i] = -1;
	return fd;
}

static void *reply_body(struct request *r, size_t len)
{
	r->out_len = len;
	memset(r->out, 0, len);
	return r->out;
}

/* ---- VERSION -------------------------------------------------------------------- */

static const char *check_version(const struct request *r)
{
	const struct vu_version *in = r->body;
	const char *text = (const char *)(in + 1);
	size_t n = r->len - sizeof(*in);
	json_t *caps;

	if (r->v->negotiated)
		return "second version message";
	if (in->major != 0)
		return "unknown major version";
	if (!n)
		return NULL;
	if (text[n - 1])
		return "capabilities do not end with a 0 byte";
	caps = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	n = json_is_object(caps);
	json_decref(caps);
	return n ? NULL : "capabilities are no JSON object";
}

static int run_version(struct request *r)
{
	static const char format[] =
		"{\"capabilities\":{\"max_msg_fds\":%u,\"max_data_xfer_size\":%u,"
		"\"pgsizes\":4096,\"max_dma_maps\":65535,\"write_multiple\":true}}";
	struct vu_version *out = reply_body(r, sizeof(*out) + sizeof(format) + 32);
	char *text = (char *)(out + 1);

	/* both sides speak the lower minor version, and 0 is all we use */
	r->out_len = sizeof(*out) + 1 +
		     (size_t)sprintf(text, format, VGPU_VU_MAX_FDS, VGPU_VU_MAX_DATA);
	r->v->negotiated = true;
	return 0;
}

/* ---- DMA ------------------------------------------------------------------------ */

static const char *check_dma_map(const struct request *r)
{
	const struct vu_dma_map *in = r->body;

	if (in->argsz < sizeof(*in))
		return "argsz too small";
	if (in->flags & ~(VU_DMA_F_READ | VU_DMA_F_WRITE))
		return "unknown flags";
	return NULL;
}

static int run_dma_map(struct request *r)
{
	const struct vu_dma_map *in = r->body;
	uint32_t prot = 0;

	if (in->flags & VU_DMA_F_READ)
		prot |= VGPU_DMA_READ;
	if (in->flags & VU_DMA_F_WRITE)
		prot |= VGPU_DMA_WRITE;
	return vgpu_dma_map(r->v->g->dma, in->addr, in->size, r->m->nfds ? r->m->fds[0] : -1,
			    in->offset, prot);
}

static const char *check_dma_unmap(const struct request *r)
{
	const struct vu_dma_unmap *in = r->body;

	if (in->argsz < sizeof(*in))
		return "argsz too small";
	if (in->flags & ~VU_UNMAP_F_ALL)
		return "unknown flags";
	return NULL;
}

static int run_dma_unmap(struct request *r)
{
	const struct vu_dma_unmap *in = r->body;
	int err = 0;

	if (in->flags & VU_UNMAP_F_ALL) {
		if (in->addr || in->size)
			return -EINVAL;
		vgpu_dma_unmap_all(r->v->g->dma);
	} else {
		err = vgpu_dma_unmap(r->v->g->dma, in->addr, in->size);
	}
	if (!err)
		memcpy(reply_body(r, sizeof(*in)), in, sizeof(*in));
	return err;
}

/* ---- description of the device -------------------------------------------------- */

/* All GET_*_INFO bodies start with argsz, the room the client has for the answer. */
static const char *check_info(const struct request *r)
{
	const uint32_t *argsz = r->body;

	return *argsz < (r->head->command == VU_DEVICE_GET_REGION_INFO ?
				 sizeof(struct vu_region_info) :
				 sizeof(struct vu_device_info)) ?
		       "argsz too small" :
		       NULL;
}

static int run_device_info(struct request *r)
{
	struct vu_device_info *out = reply_body(r, sizeof(*out));

	out->argsz = sizeof(*out);
	out->flags = VU_DEVICE_F_RESET | VU_DEVICE_F_PCI;
	out->num_regions = VU_REGIONS;
	out->num_irqs = VU_IRQS;
	return 0;
}

static uint64_t region_size(const struct vgpu *g, uint32_t index)
{
	switch (index) {
	case VU_REGION_BAR0:
		return VGPU_BAR0_SIZE;
	case VU_REGION_BAR2:
		return g->personality->bar2_size;
	case VU_REGION_CONFIG:
		return VGPU_CFG_SIZE;
	default:
		return 0;
	}
}

static int run_region_info(struct request *r)
{
	const struct vu_region_info in = *(const struct vu_region_info *)r->body;
	struct {
		struct vu_region_info info;
		struct vu_sparse_mmap cap;
		struct vu_area areas[2];
	} *out;

	if (in.index >= VU_REGIONS)
		return -EINVAL;
	out = reply_body(r, sizeof(*out));
	r->out_len = sizeof(out->info);
	out->info.argsz = sizeof(out->info);
	out->info.index = in.index;
	out->info.size = region_size(r->v->g, in.index);
	if (out->info.size)
		out->info.flags = VU_REGION_F_READ | VU_REGION_F_WRITE;
	if (in.index == VU_REGION_BAR2 && out->info.size) {
		/* memory, all of it: nothing needs to trap */
		out->info.flags |= VU_REGION_F_MMAP;
		r->out_fd = vgpu_vram_fd(r->v->g);
	}
	if (in.index != VU_REGION_BAR0)
		return 0;

	/*
	 * The GGTT table is plain memory; the client may map it and need not trap. So is a page
	 * that Lunar Lake writes four times before it reads any register (15015404425).
	 */
	out->info.flags |= VU_REGION_F_MMAP | VU_REGION_F_CAPS;
	out->info.argsz = sizeof(*out);
	out->info.cap_offset = sizeof(out->info);
	if (in.argsz < sizeof(*out))
		return 0;
	out->cap.id = VU_CAP_SPARSE_MMAP;
	out->cap.version = 1;
	out->cap.nr_areas = 2;
	out->areas[0] = (struct vu_area){ VGPU_DUMMY_OFFSET, VGPU_PAGE_SIZE };
	out->areas[1] = (struct vu_area){ VGPU_GGTT_OFFSET, VGPU_GGTT_SIZE };
	r->out_len = sizeof(*out);
	r->out_fd = vgpu_ggtt_fd(r->v->g);
	return 0;
}

static int run_irq_info(struct request *r)
{
	const struct vu_irq_info *in = r->body;
	uint32_t index = in->index;
	struct vu_irq_info *out;

	if (index >= VU_IRQS)
		return -EINVAL;
	out = reply_body(r, sizeof(*out));
	out->argsz = sizeof(*out);
	out->index = index;
	if (index == VU_IRQ_MSI) {
		out->flags = VU_IRQ_F_EVENTFD | VU_IRQ_F_NORESIZE;
		out->count = 1;
	}
	return 0;
}

/* ---- interrupts ------------------------------------------------------------------ */

static const char *check_set_irqs(const struct request *r)
{
	const struct vu_irq_set *in = r->body;
	size_t data = r->len - sizeof(*in);

	if (in->argsz < sizeof(*in))
		return "argsz too small";
	switch (in->flags & (VU_IRQ_DATA_NONE | VU_IRQ_DATA_BOOL | VU_IRQ_DATA_EVENTFD)) {
	case VU_IRQ_DATA_NONE:
		return data || r->m->nfds ? "data nobody announced" : NULL;
	case VU_IRQ_DATA_BOOL:
		return data != in->count || r->m->nfds ? "count does not fit the data" : NULL;
	case VU_IRQ_DATA_EVENTFD:
		/* no descriptor at all disconnects the interrupts */
		return data || (r->m->nfds && r->m->nfds != in->count) ?
			       "count does not fit the descriptors" :
			       NULL;
	default:
		return "not exactly one kind of data";
	}
}

static int run_set_irqs(struct request *r)
{
	const struct vu_irq_set *in = r->body;
	struct vgpu *g = r->v->g;
	uint32_t have = in->index == VU_IRQ_MSI ? 1 : 0;
	int fd, err;

	if (in->index >= VU_IRQS || in->start > have || in->count > have - in->start)
		return -EINVAL;
	if ((in->flags & ~7u) != VU_IRQ_ACTION_TRIGGER)
		return -EINVAL;
	if (in->flags & VU_IRQ_DATA_EVENTFD && in->count) {
		fd = r->m->nfds ? take_fd(r, 0) : -1;
		err = vgpu_msi_wire(g->pci, fd);
		if (err)
			close(fd);
		return err;
	}
	if (in->index == VU_IRQ_MSI && in->flags & VU_IRQ_DATA_NONE && !in->count)
		return vgpu_msi_wire(g->pci, -1);
	if (in->count && (in->flags & VU_IRQ_DATA_NONE || *(const uint8_t *)(in + 1)))
		vgpu_msi(g);
	return 0;
}

/* ---- registers and configuration space ------------------------------------------- */

static const char *check_region_read(const struct request *r)
{
	const struct vu_region_access *in = r->body;

	return in->count > VGPU_VU_MAX_DATA ? "count too big" : NULL;
}

static const char *check_region_write(const struct request *r)
{
	const struct vu_region_access *in = r->body;

	return in->count != r->len - sizeof(*in) ? "count does not fit the data" : NULL;
}

static bool in_region(const struct vgpu *g, uint32_t region, uint64_t offset, uint32_t count)
{
	uint64_t size = region_size(g, region);

	return offset <= size && count <= size - offset;
}

static int run_region_read(struct request *r)
{
	const struct vu_region_access in = *(const struct vu_region_access *)r->body;
	struct vu_region_access *out;

	if (!in_region(r->v->g, in.region, in.offset, in.count))
		return -EINVAL;
	out = reply_body(r, sizeof(*out) + in.count);
	*out = in;
	if (in.region == VU_REGION_CONFIG)
		vgpu_cfg_read(r->v->g, (uint32_t)in.offset, out + 1, in.count);
	else if (in.region == VU_REGION_BAR2)
		vgpu_bar2_read(r->v->g, in.offset, out + 1, in.count);
	else
		vgpu_bar0_read(r->v->g, (uint32_t)in.offset, out + 1, in.count);
	return 0;
}

static int region_write(struct vgpu *g, uint32_t region, uint64_t offset, uint32_t count,
			const void *data)
{
	if (!in_region(g, region, offset, count))
		return -EINVAL;
	if (region == VU_REGION_CONFIG)
		vgpu_cfg_write(g, (uint32_t)offset, data, count);
	else if (region == VU_REGION_BAR2)
		vgpu_bar2_write(g, offset, data, count);
	else
		vgpu_bar0_write(g, (uint32_t)offset, data, count);
	return 0;
}

static int run_region_write(struct request *r)
{
	const struct vu_region_access in = *(const struct vu_region_access *)r->body;
	struct vu_region_access *out;
	int err;

	err = region_write(r->v->g, in.region, in.offset, in.count,
			   (const struct vu_region_access *)r->body + 1);
	if (err)
		return err;
	out = reply_body(r, sizeof(*out));
	*out = in;
	return 0;
}

static const char *check_write_multi(const struct request *r)
{
	const uint64_t *n = r->body;
	const struct vu_write_one *w = (const struct vu_write_one *)(n + 1);

	/* the client may send its whole array although it filled only a part */
	if (*n > MAX_MULTI || *n * sizeof(*w) > r->len - sizeof(*n))
		return "number of writes does not fit the data";
	for (uint64_t i = 0; i < *n; i++)
		if (w[i].count > sizeof(w[i].data))
			return "count too big";
	return NULL;
}

static int run_write_multi(struct request *r)
{
	const uint64_t *n = r->body;
	const struct vu_write_one *w = (const struct vu_write_one *)(n + 1);
	int err = 0, one;

	for (uint64_t i = 0; i < *n; i++) {
		one = region_write(r->v->g, w[i].region, w[i].offset, w[i].count, w[i].data);
		if (!err)
			err = one;
	}
	return err;
}

/* ---- reset ------------------------------------------------------------------------ */

static int run_reset(struct request *r)
{
	vgpu_function_reset(r->v->g);
	return 0;
}

static const struct command commands[VU_COMMANDS] = {
	[VU_VERSION] = { "VERSION", sizeof(struct vu_version), sizeof(struct vu_version) + 65536, 0,
			 check_version, run_version },
	[VU_DMA_MAP] = { "DMA_MAP", sizeof(struct vu_dma_map), sizeof(struct vu_dma_map), 1,
			 check_dma_map, run_dma_map },
	[VU_DMA_UNMAP] = { "DMA_UNMAP", sizeof(struct vu_dma_unmap), sizeof(struct vu_dma_unmap), 0,
			   check_dma_unmap, run_dma_unmap },
	[VU_DEVICE_GET_INFO] = { "DEVICE_GET_INFO", sizeof(struct vu_device_info), 64, 0, check_info,
				 run_device_info },
	[VU_DEVICE_GET_REGION_INFO] = { "DEVICE_GET_REGION_INFO", sizeof(struct vu_region_info), 4096,
					0, check_info, run_region_info },
	[VU_DEVICE_GET_IRQ_INFO] = { "DEVICE_GET_IRQ_INFO", sizeof(struct vu_irq_info), 64, 0,
				     check_info, run_irq_info },
	[VU_DEVICE_SET_IRQS] = { "DEVICE_SET_IRQS", sizeof(struct vu_irq_set),
				 sizeof(struct vu_irq_set) + 64, VGPU_VU_MAX_FDS, check_set_irqs,
				 run_set_irqs },
	[VU_REGION_READ] = { "REGION_READ", sizeof(struct vu_region_access),
			     sizeof(struct vu_region_access), 0, check_region_read, run_region_read },
	[VU_REGION_WRITE] = { "REGION_WRITE", sizeof(struct vu_region_access),
			      sizeof(struct vu_region_access) + VGPU_VU_MAX_DATA, 0,
			      check_region_write, run_region_write },
	[VU_REGION_WRITE_MULTI] = { "REGION_WRITE_MULTI", sizeof(uint64_t),
				    sizeof(uint64_t) + MAX_MULTI * sizeof(struct vu_write_one), 0,
				    check_write_multi, run_write_multi },
	[VU_DEVICE_RESET] = { "DEVICE_RESET", 0, 0, 0, NULL, run_reset },
};

int vfio_user_init(struct vfio_user *v, struct vgpu *g, vu_send_fn send, void *ctx)
{
	*v = (struct vfio_user){ .g = g, .send = send, .send_ctx = ctx };
	v->reply = malloc(VGPU_VU_MAX_MSG);
	return v->reply ? 0 : -ENOMEM;
}

void vfio_user_fini(struct vfio_user *v)
{
	free(v->reply);
	v->reply = NULL;
}

const char *vfio_user_check_header(const struct vu_header *h)
{
	if (h->size < sizeof(*h))
		return "shorter than its header";
	if (h->size > VGPU_VU_MAX_MSG)
		return "too long";
	if ((h->flags & VU_TYPE_MASK) != VU_TYPE_COMMAND)
		return "not a command";
	return NULL;
}

static int reply(struct request *r, int err)
{
	struct vu_header *h = (struct vu_header *)r->v->reply;

	if (r->head->flags & VU_NO_REPLY)
		return 0;
	if (err) {
		r->out_len = 0;
		r->out_fd = -1;
	}
	*h = (struct vu_header){
		.id = r->head->id,
		.command = r->head->command,
		.size = (uint32_t)(sizeof(*h) + r->out_len),
		.flags = VU_TYPE_REPLY | (err ? VU_ERROR : 0),
		.error = (uint32_t)-err,
	};
	return r->v->send(r->v->send_ctx, h, h->size, r->out_fd);
}

/* The validator: NULL, or why the message is malformed. */
static const char *validate(const struct request *r, const struct command *c)
{
	if (!r->v->negotiated && r->head->command != VU_VERSION)
		return "comes before the version";
	if (r->len < c->min || r->len > c->max)
		return "wrong length";
	if (r->m->nfds > c->fds)
		return "too many descriptors";
	return c->check ? c->check(r) : NULL;
}

static int handle(struct vfio_user *v, struct vu_message *m)
{
	struct request r = { .v = v, .head = (const struct vu_header *)m->data, .m = m, .out_fd = -1 };
	const struct command *c;
	const char *why;
	int err;

	why = m->len < sizeof(*r.head) ? "shorter than its header" : vfio_user_check_header(r.head);
	if (!why && r.head->size != m->len)
		why = "size does not fit";
	if (why) {
		log_error("vfio-user: malformed message: %s", why);
		return -EPROTO;
	}
	r.body = m->data + sizeof(*r.head);
	r.len = m->len - sizeof(*r.head);
	r.out = v->reply + sizeof(*r.head);

	c = r.head->command < VU_COMMANDS ? &commands[r.head->command] : &commands[0];
	if (!c->run) {
		if (!v->negotiated) {
			log_error("vfio-user: malformed message: command %u before the version",
				  r.head->command);
			return -EPROTO;
		}
		err = -ENOTSUP;
	} else {
		why = validate(&r, c);
		if (why) {
			log_error("vfio-user: malformed %s: %s", c->name, why);
			return -EPROTO;
		}
		err = c->run(&r);
		/* the access that a card died of: when it is answered, BAR2 is dead too */
		vgpu_settle(v->g);
	}
	if (err && v->refusals++ < MAX_REFUSALS)
		log_error("vfio-user: %s (%u) refused: %s", c->run ? c->name : "command",
			  r.head->command, strerror(-err));
	err = reply(&r, err);
	if (err)
		log_error("vfio-user: cannot send a reply: %s", strerror(-err));
	return err;
}

int vfio_user_handle(struct vfio_user *v, struct vu_message *m)
{
	int err = handle(v, m);

	for (unsigned int i = 0; i < m->nfds; i++)
		if (m->fds[i] >= 0)
			close(m->fds[i]);
	m->nfds = 0;
	return err;
}
