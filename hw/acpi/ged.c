/* SPDX-License-Identifier: MIT */
/*
 * Generic event device (ACPI 6.5, 5.6.9): one register that says which events came, and which is
 * zero once it was read; irq[0] has an edge when one comes. Which notification an event is stands
 * in the device's method _EVT. Not modelled: memory and CPUs that come and go, NVDIMMs.
 */
#include "hw/acpi/ged.h"

#include <assert.h>

#include "hw/classes.h"

struct ged {
    struct device dev;
    uint32_t events; /* that were not read yet */
    uint32_t pad;
};

void ged_raise(struct device *d, enum ged_event event)
{
    struct ged *g = (struct ged *)d;
    assert(d->cls == &ged_class);
    os_mutex_lock(d->lock);
    g->events |= event;
    os_mutex_unlock(d->lock);
    irq_set(&d->irq[0], 1);
    irq_set(&d->irq[0], 0);
}

static uint64_t selector_read(struct device *d, const struct reg *r)
{
    struct ged *g = (struct ged *)d;
    const uint32_t events = g->events;
    (void)r;
    g->events = 0;
    return events;
}

static const struct reg ged_regs[] = {
    {.offset = 0, .name = "ESEL", .member = offsetof(struct ged, events), .on_read = selector_read},
    REG_END,
};

static const struct field ged_fields[] = {FIELD_SKIP(ged, pad), FIELD_END};

const struct device_class ged_class = {
    .name = "acpi-ged",
    .desc = "ACPI generic event device",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct ged),
    .regs = ged_regs,
    .fields = ged_fields,
    .window_size = 4,
};

/* ---- in the namespace */

/* if ((Local0 & event) == event) Notify(device, value) */
static void add_event(struct aml *a, enum ged_event event, const char *device, unsigned value)
{
    aml_if(a);
    aml_op(a, AML_EQUAL);
    aml_op(a, AML_AND);
    aml_local(a, 0);
    aml_int(a, event);
    aml_discard(a);
    aml_int(a, event);
    aml_op(a, AML_NOTIFY);
    aml_ref(a, device);
    aml_int(a, value);
    aml_end(a);
}

void ged_describe(struct aml *a, uint64_t base, uint32_t gsi)
{
    aml_device(a, "\\_SB.GED");
    aml_name_string(a, "_HID", "ACPI0013");
    aml_name_string(a, "_UID", "GED");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_interrupt(a, AML_EDGE, gsi);
    aml_end(a);
    aml_memory_word(a, "EREG", base, "ESEL");
    aml_method(a, "_EVT", 1, true);
    aml_op(a, AML_STORE);
    aml_ref(a, "ESEL");
    aml_local(a, 0);
    add_event(a, GED_POWER_DOWN, "PWRB", 0x80);
    aml_end(a);
    aml_end(a);
}
