/* SPDX-License-Identifier: MIT */
/*
 * The port by which guests of VMware's hypervisors ask theirs: an access to port 0x5658 with a
 * number that nobody else has in EAX, and a command in CX. The commands and answers are QEMU 10's,
 * without those of its absolute mouse.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "hw/i386/pc_board.h"

#define MAGIC 0x564d5868

enum {
    GET_VERSION = 0x0a,
    GET_UUID = 0x13,
    GET_RAM = 0x14,
    GET_HZ = 0x2d,
    GET_VCPU = 0x44
};

enum {
    VERSION = 6,
    SERVER = 2,
    RAM_MARK = 0x1177,
    VCPU_X2APIC = 1 << 3
};

static void put_uuid(const char *text, struct x86_backdoor *r)
{
    uint8_t bytes[16] = {0};
    for (size_t n = 0; text && *text && n < sizeof(bytes);) {
        if (*text == '-') {
            text++;
            continue;
        }
        const char two[3] = {text[0], text[1], 0};
        bytes[n++] = (uint8_t)strtoul(two, NULL, 16);
        text += text[1] ? 2 : 1;
    }
    r->eax = load_le32(bytes);
    r->ebx = load_le32(bytes + 4);
    r->ecx = load_le32(bytes + 8);
    r->edx = load_le32(bytes + 12);
}

static void answer(const struct machine *m, struct x86_backdoor *r)
{
    switch (r->eax == MAGIC ? r->ecx & 0xffff : 0) {
    case GET_VERSION:
        r->eax = VERSION;
        r->ebx = MAGIC;
        r->ecx = SERVER;
        break;
    case GET_UUID:
        put_uuid(m->config.uuid, r);
        break;
    case GET_RAM:
        r->eax = (uint32_t)m->config.ram_bytes;
        r->ebx = RAM_MARK;
        break;
    case GET_HZ: /* it is not known */
        r->ebx = UINT32_MAX;
        break;
    case GET_VCPU:
        r->eax = r->x2apic ? VCPU_X2APIC : 0;
        break;
    default:
        r->eax = UINT32_MAX;
        break;
    }
}

static bool vmport_load(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                        uint64_t *value)
{
    const struct machine *m = opaque;
    struct x86_backdoor r;
    (void)size;
    *value = UINT64_MAX;
    if (offset == 0 && !by->device && by->id < m->vcpu_count) {
        x86_get_backdoor(m->vcpus[by->id], &r);
        answer(m, &r);
        x86_set_backdoor(m->vcpus[by->id], &r);
        *value = r.eax;
    }
    return true;
}

static bool vmport_store(void *opaque, const struct requester *by, uint64_t offset, unsigned size,
                         uint64_t value)
{
    (void)value;
    return vmport_load(opaque, by, offset, size, &(uint64_t){0});
}

static const struct mmio_ops vmport_ops = {
    .load = vmport_load, .store = vmport_store, .sizes = 1 | 2 | 4, .any_offset = true};

void pc_vmport_add(struct pc_board *b)
{
    space_add(b->pc.ports, &(struct mem_range){.base = X86_BACKDOOR,
                                               .size = 4, /* for accesses of that size */
                                               .kind = RANGE_MMIO,
                                               .name = "vmport",
                                               .ops = &vmport_ops,
                                               .opaque = b->pc.machine});
}
