/* SPDX-License-Identifier: MIT */
/* The machine "board" of the architecture "tiny": RAM, a serial port, and power. */
#include "base/mem.h"
#include "hw/machine.h"
#include "tests/support/tiny/tiny.h"

static void write_port(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct machine *m = opaque;
    const uint8_t byte = (uint8_t)value;
    (void)size;
    if (offset == TINY_SERIAL) {
        stream_write(m->backends.serial(m->backends.opaque, 0), &byte, 1);
    } else if (offset == TINY_OFF) {
        m->power->request(m->power, POWER_OFF);
    }
}

static uint64_t read_port(void *opaque, uint64_t offset, unsigned size)
{
    (void)opaque, (void)offset, (void)size;
    return 0;
}

static const struct mmio_ops ports = {.read = read_port, .write = write_port, .sizes = 1};

static bool build(struct machine *m, struct error *e)
{
    space_add(m->memory,
              &(struct mem_range){
                  .size = m->config.ram_bytes, .kind = RANGE_RAM, .name = "ram", .host = m->ram});
    space_add(m->memory, &(struct mem_range){.base = TINY_PORTS,
                                             .size = GUEST_PAGE_SIZE,
                                             .kind = RANGE_MMIO,
                                             .name = "ports",
                                             .ops = &ports,
                                             .opaque = m,
                                             .lock = m->lock});
    return machine_add_vcpu(m, &tiny_cpu_class, e) != NULL;
}

static const struct cpu_class *const cpus[] = {&tiny_cpu_class, NULL};

const struct machine_class tiny_machine_class = {
    .name = "board",
    .desc = "serial port and power",
    .arch = "tiny",
    .is_default = true,
    .cpu_classes = cpus,
    .default_cpu = "one",
    .default_ram_bytes = 1 << 20,
    .max_cpus = 1,
    .board_size = 1,
    .build = build,
};
