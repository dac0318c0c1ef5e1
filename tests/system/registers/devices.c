/* SPDX-License-Identifier: MIT */
/* The board's devices: each word of their registers that is not 0, or whose access fails. */
#include "tests/system/registers/print.h"

#define ECAM UINT64_C(0x4010000000)

static struct outcome load32(u64 address)
{
    static const u32 code[] = {0xb9400000u, 0xd65f03c0u}; /* ldr w0, [x0]; ret */
    return peek(code, address);
}

static void store32(u64 address, u32 v)
{
    *(volatile u32 *)address = v;
}

static u8 load8(u64 address)
{
    return *(volatile u8 *)address;
}

/* A word, or a run of words with the same value: "DEVICE.FIRST-LAST VALUE". */
static void print_run(const char *device, u64 first, u64 last, struct outcome v)
{
    print(device);
    print(".");
    print_hex(first);
    if (first != last) {
        print("-");
        print_hex(last);
    }
    print(" ");
    print_outcome(v);
}

static void print_word(const char *device, u64 offset, u64 v)
{
    print_run(device, offset, offset, (struct outcome){v, false});
}

static void print_words(const char *device, u64 base, u64 from, u64 to)
{
    u64 first = from;
    struct outcome run = load32(base + from);
    for (u64 o = from + 4; o <= to; o += 4) {
        const struct outcome v = o < to ? load32(base + o) : (struct outcome){~run.value, false};
        if (v.value != run.value) {
            if (run.value) {
                print_run(device, first, o - 4, run);
            }
            first = o;
            run = v;
        }
    }
}

/* Words with what stays of ones and of zeros that are written; then they have what they had. */
static void print_writes(const char *device, u64 base, const u16 *offsets, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const u64 address = base + offsets[i];
        const u32 old = (u32)load32(address).value;
        store32(address, 0xffffffff);
        print("ones.");
        print_word(device, offsets[i], load32(address).value);
        store32(address, 0);
        print("zeros.");
        print_word(device, offsets[i], load32(address).value);
        store32(address, old);
    }
}

#define WRITES(device, base, ...)                                                                  \
    do {                                                                                           \
        static const u16 offsets_[] = {__VA_ARGS__};                                               \
        print_writes(device, base, offsets_, sizeof(offsets_) / sizeof(offsets_[0]));              \
    } while (0)

static void print_gic_writes(bool v3)
{
    WRITES("gicd", 0x08000000, 0, 0x84, 0x104, 0x204, 0x304, 0x420, 0x820, 0xc08);
    if (v3) {
        WRITES("gicd", 0x08000000, 0x6100, 0x6104);
        WRITES("gits", 0x08080000, 0, 0x80, 0x84, 0x88, 0x100, 0x104, 0x108, 0x10c, 0x110, 0x114);
        WRITES("gicr", 0x080a0000, 0, 0x14, 0x70, 0x74, 0x78, 0x7c);
        WRITES("gicr_sgi", 0x080b0000, 0x80, 0x100, 0x200, 0x300, 0x400, 0x410, 0xc00, 0xc04);
    } else {
        WRITES("gicd", 0x08000000, 0x80, 0x100, 0x400, 0x410, 0x800, 0xc00, 0xc04);
        WRITES("gicc", 0x08010000, 0, 4, 8, 0x1c, 0xd0, 0xd4, 0xdc, 0xe0, 0xe4);
    }
}

static void print_gic(void)
{
    print_words("gicd", 0x08000000, 0, 0x10000);
    if ((load32(0x0800ffe8).value >> 4 & 15) == 3) {
        print_words("gits", 0x08080000, 0, 0x10000);
        print_words("gicr", 0x080a0000, 0, 0x20000);
    } else {
        print_words("gicc", 0x08010000, 0, 0x2000);
        print_words("gicv2m", 0x08020000, 0, 0x1000);
    }
    print_gic_writes((load32(0x0800ffe8).value >> 4 & 15) == 3);
}

/* The query of flash by CFI, of a byte each. */
static void print_flash(const char *name, u64 base)
{
    store32(base + 0x55 * 4, 0x00980098);
    print_words(name, base, 0x40, 0x120);
    store32(base, 0x00ff00ff);
    store32(base, 0x00900090);
    print_word(name, 0x90, load32(base).value);
    print_word(name, 0x94, load32(base + 4).value);
    store32(base, 0x00ff00ff);
    store32(base, 0x00700070);
    print_word(name, 0x70, load32(base).value);
    store32(base, 0x00ff00ff);
}

static void fw_cfg_select(u16 key)
{
    *(volatile u16 *)0x09020008 = __builtin_bswap16(key);
}

static void print_fw_cfg(void)
{
    for (u16 key = 0; key < 0x20; key++) {
        fw_cfg_select(key);
        u64 v = 0;
        for (unsigned i = 0; i < 8; i++) {
            v |= (u64)load8(0x09020000) << (8 * i);
        }
        print_word("fw_cfg", key, v & UINT64_C(0xffffffff));
    }
    print_words("fw_cfg_dma", 0x09020010, 0, 8);
}

static void print_virtio(void)
{
    for (unsigned i = 0; i < 32; i++) {
        const u64 slot = 0x0a000000 + i * UINT64_C(0x200);
        print_words(load32(slot + 8).value ? "virtio" : "virtio_empty", slot, 0, 0x20);
        store32(slot + 0x30, 0);
        print_word("virtio_queue", i * 0x200, load32(slot + 0x34).value);
        print_word("virtio_status", i * 0x200, load32(slot + 0x70).value);
    }
}

/* Registers with what they hold, and what they hold of ones. */
static void print_function(u64 place)
{
    const u64 config = ECAM + place;
    print_words("pci_config", ECAM, place, place + 0x1000);
    for (unsigned o = 0x10; o < 0x40; o += 4) {
        const u32 old = (u32)load32(config + o).value;
        store32(config + o, 0xffffffff);
        print_word("pci_ones", place | o, load32(config + o).value);
        store32(config + o, old);
    }
}

static void print_pci(void)
{
    for (unsigned dev = 0; dev < 32; dev++) {
        for (unsigned fn = 0; fn < 8; fn++) {
            const u64 place = (u64)dev << 15 | fn << 12;
            if (load32(ECAM + place).value != 0xffffffff) {
                print_word("pci", place, load32(ECAM + place).value);
                print_function(place);
            }
        }
    }
    print_word("pci_none", 0x100000, load32(ECAM + 0x100000).value);
}

void print_devices(void)
{
    print_gic();
    print_words("pl011", 0x09000000, 0, 0x1000);
    print_words("pl031", 0x09010000, 4, 0x1000); /* the first word is the time */
    print_words("pl061", 0x09030000, 0, 0x1000);
    WRITES("pl011", 0x09000000, 0x20, 0x24, 0x28, 0x34, 0x38, 0x48);
    WRITES("pl031", 0x09010000, 4, 0x10);
    WRITES("pl061", 0x09030000, 0x400, 0x404, 0x408, 0x40c, 0x410, 0x420);
    print_flash("flash0", 0);
    print_flash("flash1", 0x04000000);
    print_fw_cfg();
    print_virtio();
    print_pci();
}
