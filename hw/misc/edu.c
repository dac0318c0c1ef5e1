/* SPDX-License-Identifier: MIT */
/*
 * The educational device, "edu", which courses on drivers use: QEMU's documentation, "EDU device".
 * Registers that compute, an interrupt by pin or message, and DMA to a buffer of its own. What
 * takes time takes virtual time.
 */
#include "base/bits.h"
#include "base/log.h"
#include "base/os.h"
#include "hw/pci/pci.h"

enum {
    IDENTIFICATION = 0x00,
    LIVENESS = 0x04,
    FACTORIAL = 0x08,
    STATUS = 0x20,
    INTERRUPT_STATUS = 0x24,
    INTERRUPT_RAISE = 0x60,
    INTERRUPT_ACK = 0x64,
    DMA_SOURCE = 0x80,
    DMA_DESTINATION = 0x88,
    DMA_COUNT = 0x90,
    DMA_COMMAND = 0x98,
    BAR_BYTES = 1 << 20,

    COMPUTING = 0x01,
    INTERRUPT_WHEN_COMPUTED = 0x80,
    FACTORIAL_DONE = 0x001, /* interrupts */
    DMA_DONE = 0x100,

    DMA_START = 1,
    DMA_FROM_DEVICE = 2,
    DMA_INTERRUPT = 4,
    BUFFER = 0x40000, /* where DMA finds the buffer */
    BUFFER_BYTES = 4096,

    FACTORIAL_NS = 10000,
    DMA_NS = 100000,
};

struct edu {
    struct pci_device pci; /* first */

    uint64_t dma_mask; /* property */

    /* State; under the machine's lock. */
    uint32_t liveness, factorial, status, interrupts;
    uint64_t source, destination, count, command;
    uint8_t buffer[BUFFER_BYTES];
    struct clock_timer *computed, *copied;
};

static struct edu *of(void *d)
{
    return d;
}

/* ---- interrupts */

static void raise(struct edu *d, uint32_t why)
{
    d->interrupts |= why;
    if (d->interrupts && pci_msi_enabled(&d->pci)) {
        pci_msi_notify(&d->pci);
    } else {
        pci_intx_set(&d->pci, d->interrupts);
    }
}

static void acknowledge(struct edu *d, uint32_t why)
{
    d->interrupts &= ~why;
    pci_intx_set(&d->pci, d->interrupts && !pci_msi_enabled(&d->pci));
}

/* ---- what takes time */

/* In 32 bits: from 34 on there are 32 factors of two in it. */
static uint32_t factorial_of(uint32_t n)
{
    uint32_t product = 1;
    for (uint32_t i = 2; i <= n && product; i++) {
        product *= i;
    }
    return product;
}

static void computed(void *opaque)
{
    struct edu *d = opaque;
    os_mutex_lock(d->pci.dev.machine->lock);
    d->factorial = factorial_of(d->factorial);
    d->status &= ~(uint32_t)COMPUTING;
    if (d->status & INTERRUPT_WHEN_COMPUTED) {
        raise(d, FACTORIAL_DONE);
    }
    os_mutex_unlock(d->pci.dev.machine->lock);
}

/* The place in the buffer, or NULL: not all of it is there. */
static uint8_t *buffer_at(struct edu *d, uint64_t address)
{
    const uint64_t offset = address - BUFFER;
    return address >= BUFFER && offset <= BUFFER_BYTES && d->count <= BUFFER_BYTES - offset
               ? d->buffer + offset
               : NULL;
}

static void copy(struct edu *d)
{
    const bool from_device = d->command & DMA_FROM_DEVICE;
    uint8_t *own = buffer_at(d, from_device ? d->source : d->destination);
    const uint64_t guest = from_device ? d->destination : d->source;
    const struct dma *dma = &d->pci.dev.dma;
    if (!own) {
        log_guest("edu", "DMA of %llu bytes beside the buffer", (unsigned long long)d->count);
    } else if (guest & ~d->dma_mask) {
        log_guest("edu", "DMA at 0x%llx, of which the device reaches 0x%llx",
                  (unsigned long long)guest, (unsigned long long)(guest & d->dma_mask));
    } else if (!(from_device ? dma_write(dma, guest, own, d->count)
                             : dma_read(dma, guest, own, d->count))) {
        log_guest("edu", "DMA at 0x%llx, where no memory is", (unsigned long long)guest);
    }
}

static void copied(void *opaque)
{
    struct edu *d = opaque;
    os_mutex_lock(d->pci.dev.machine->lock);
    if (pci_bus_master(&d->pci)) {
        copy(d);
    }
    d->command &= ~(uint64_t)DMA_START;
    if (d->command & DMA_INTERRUPT) {
        raise(d, DMA_DONE);
    }
    os_mutex_unlock(d->pci.dev.machine->lock);
}

/* ---- registers */

static uint64_t edu_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct edu *d = opaque;
    if (size == 8 && offset < DMA_SOURCE) {
        return UINT64_MAX;
    }
    switch (offset) {
    case IDENTIFICATION:
        return 0x010000ed;
    case LIVENESS:
        return d->liveness;
    case FACTORIAL:
        return d->factorial;
    case STATUS:
        return d->status;
    case INTERRUPT_STATUS:
        return d->interrupts;
    case DMA_SOURCE:
        return d->source;
    case DMA_DESTINATION:
        return d->destination;
    case DMA_COUNT:
        return d->count;
    case DMA_COMMAND:
        return d->command;
    default:
        return UINT64_MAX;
    }
}

static void compute(struct edu *d, uint32_t value)
{
    if (d->status & COMPUTING) {
        return;
    }
    d->factorial = value;
    d->status |= COMPUTING;
    clock_timer_set(d->computed, clock_now_ns(d->pci.dev.clock) + FACTORIAL_NS);
}

/* While DMA is under way its registers are as they are. */
static void write_dma(struct edu *d, uint64_t offset, uint64_t value)
{
    if (d->command & DMA_START) {
        return;
    }
    switch (offset) {
    case DMA_SOURCE:
        d->source = value;
        break;
    case DMA_DESTINATION:
        d->destination = value;
        break;
    case DMA_COUNT:
        d->count = value;
        break;
    case DMA_COMMAND:
        if (value & DMA_START) {
            d->command = value & (DMA_START | DMA_FROM_DEVICE | DMA_INTERRUPT);
            clock_timer_set(d->copied, clock_now_ns(d->pci.dev.clock) + DMA_NS);
        }
        break;
    default:
        break;
    }
}

static void edu_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct edu *d = opaque;
    if (size == 8 && offset < DMA_SOURCE) {
        return;
    }
    switch (offset) {
    case LIVENESS:
        d->liveness = ~(uint32_t)value;
        break;
    case FACTORIAL:
        compute(d, (uint32_t)value);
        break;
    case STATUS:
        d->status = (d->status & COMPUTING) | ((uint32_t)value & INTERRUPT_WHEN_COMPUTED);
        break;
    case INTERRUPT_RAISE:
        raise(d, (uint32_t)value);
        break;
    case INTERRUPT_ACK:
        acknowledge(d, (uint32_t)value);
        break;
    default:
        write_dma(d, offset, value);
    }
}

static const struct mmio_ops edu_ops = {.read = edu_read, .write = edu_write, .sizes = 4 | 8};

/* ---- life */

static const struct pci_class edu_pci = {
    .vendor = 0x1234,
    .device = 0x11e8,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .class_code = 0x00ff00,
    .revision = 0x10,
    .interrupt_pin = 1,
};

static bool edu_create(struct device *dev, struct error *e)
{
    struct edu *d = of(dev);
    (void)e;
    pci_device_init(&d->pci, &edu_pci);
    pci_msi_init(&d->pci);
    pci_bar_add(&d->pci, 0, PCI_BAR_MEM32, BAR_BYTES);
    pci_bar_add_part(&d->pci, 0,
                     &(struct pci_bar_part){0, BAR_BYTES, "edu", &edu_ops, d, dev->machine->lock});
    d->computed = clock_timer_create(dev->clock, computed, d);
    d->copied = clock_timer_create(dev->clock, copied, d);
    return true;
}

static void edu_destroy(struct device *dev)
{
    clock_timer_destroy(of(dev)->computed);
    clock_timer_destroy(of(dev)->copied);
    pci_device_fini(&of(dev)->pci);
}

static void edu_reset(struct device *dev)
{
    clock_timer_cancel(of(dev)->computed);
    clock_timer_cancel(of(dev)->copied);
    pci_device_reset(&of(dev)->pci);
}

static bool edu_check(struct device *dev, struct error *e)
{
    return pci_device_check(&of(dev)->pci, e);
}

static void edu_loaded(struct device *dev)
{
    pci_device_loaded(&of(dev)->pci);
}

static const struct prop edu_props[] = {
    PCI_PROPS(edu, pci),
    {"dma_mask", PROP_U64, offsetof(struct edu, dma_mask), "0xfffffff",
     "addresses that its DMA reaches", NULL},
    PROP_END,
};

static const struct field edu_fields[] = {
    PCI_FIELDS(edu, pci),
    FIELD(edu, liveness),
    FIELD(edu, factorial),
    FIELD(edu, status),
    FIELD(edu, interrupts),
    FIELD(edu, source),
    FIELD(edu, destination),
    FIELD(edu, count),
    FIELD(edu, command),
    FIELD(edu, buffer),
    FIELD_DUE(edu, computed),
    FIELD_DUE(edu, copied),
    FIELD_END,
};

const struct device_class edu_class = {
    .name = "edu",
    .desc = "device for courses on drivers",
    .bus = BUS_PCI,
    .size = sizeof(struct edu),
    .props = edu_props,
    .fields = edu_fields,
    .create = edu_create,
    .reset = edu_reset,
    .destroy = edu_destroy,
    .check = edu_check,
    .loaded = edu_loaded,
    .flags = DEVICE_THREAD_SAFE | DEVICE_PLUGGABLE,
    .kind = &edu_pci,
};
