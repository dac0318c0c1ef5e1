/* SPDX-License-Identifier: MIT */
/* The advanced power management ports: see apm.h. */
#include "hw/isa/apm.h"

#include "hw/machine.h"

#define APM_PORT 0xb2

static bool apm_load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                     uint64_t *value)
{
    const struct apm *a = opaque;
    (void)by, (void)size;
    *value = offset ? a->status : a->control;
    return true;
}

static bool apm_store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct apm *a = opaque;
    (void)size;
    if (offset) {
        a->status = (uint8_t)value;
    } else {
        a->control = (uint8_t)value;
        a->commanded(a->dev, a->control, by->id);
    }
    return true;
}

/* Of a write of both, the status comes first: the command finds it there. */
static bool apm_store_both(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                           uint64_t value)
{
    if (size == 2) {
        apm_store(opaque, by, 1, 1, value >> 8);
    }
    return apm_store(opaque, by, offset, 1, value & 0xff);
}

static bool apm_load_both(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                          uint64_t *value)
{
    uint64_t high = 0;
    apm_load(opaque, by, offset, 1, value);
    if (size == 2) {
        apm_load(opaque, by, 1, 1, &high);
    }
    *value |= high << 8;
    return true;
}

static const struct mmio_ops apm_ops = {
    .load = apm_load_both, .store = apm_store_both, .sizes = 1 | 2};

void apm_init(struct apm *a, struct device *d,
              void (*commanded)(struct device *d, uint8_t command, unsigned cpu))
{
    a->dev = d;
    a->commanded = commanded;
}

void apm_map(struct apm *a, struct space *ports)
{
    a->range = space_add(ports, &(struct mem_range){.base = APM_PORT,
                                                    .size = 2,
                                                    .kind = RANGE_MMIO,
                                                    .name = "apm",
                                                    .ops = &apm_ops,
                                                    .opaque = a,
                                                    .lock = a->dev->machine->lock});
}

void apm_unmap(struct apm *a, struct space *ports)
{
    if (a->range) {
        space_remove(ports, a->range);
        a->range = NULL;
    }
}

void apm_reset(struct apm *a)
{
    a->control = a->status = 0;
}

const struct field apm_fields[] = {
    FIELD_SKIP(apm, dev),
    FIELD_SKIP(apm, commanded),
    FIELD_SKIP(apm, range),
    FIELD(apm, control),
    FIELD(apm, status),
    FIELD_SKIP(apm, pad),
    FIELD_END,
};
