/* SPDX-License-Identifier: MIT */
/* The boards pc and q35, with vCPUs that run nothing: host bridges, shadow RAM, firmware, and what
 * it is told. */
#include <unistd.h>

#include "base/bits.h"
#include "block/block.h"
#include "hw/firmware.h"
#include "hw/i386/linux_boot.h"
#include "hw/i386/pc_board.h"
#include "hw/nvram/fw_cfg.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/given.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static int asked;

static void request(struct power *p, enum power_request r)
{
    (void)p;
    asked = (int)r;
}

static struct power power = {.request = request};

static struct machine *new_board(const struct machine_class *cls)
{
    struct machine *m = fake_machine_new(cls);
    fake_virt_cpus(m, 3);
    m->config.ram_bytes = 32 * MIB;
    m->config.bios = given_firmware();
    m->backends = given_backends;
    m->power = &power;
    return m;
}

static struct machine *board(const struct machine_class *cls)
{
    struct machine *m = new_board(cls);
    struct error e = {""};
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    return m;
}

static uint64_t in(struct machine *m, unsigned port, unsigned size)
{
    uint64_t value = 0;
    CHECK(space_load(m->vcpus[0]->spaces[X86_SPACE_PORTS], port, size, &value));
    return value;
}

static void out(struct machine *m, unsigned port, unsigned size, uint64_t value)
{
    CHECK(space_store(m->vcpus[0]->spaces[X86_SPACE_PORTS], port, size, value));
}

/* ---- configuration space by ports */

static uint32_t config(struct machine *m, unsigned devfn, unsigned offset, unsigned size)
{
    out(m, 0xcf8, 4, 0x80000000u | devfn << 8 | (offset & 0xfc));
    return (uint32_t)in(m, 0xcfc + (offset & 3), size);
}

static void set_config(struct machine *m, unsigned devfn, unsigned offset, unsigned size,
                       uint32_t value)
{
    out(m, 0xcf8, 4, 0x80000000u | devfn << 8 | (offset & 0xfc));
    out(m, 0xcfc + (offset & 3), size, value);
}

TEST(configuration_space_is_behind_two_ports)
{
    given_begin();
    struct machine *m = board(&pc_machine_class);
    CHECK_EQ(config(m, 0, 0, 4), 0x12378086);
    CHECK_EQ(config(m, 0, 2, 2), 0x1237);
    CHECK_EQ(config(m, 0, 0x0b, 1), 0x06);
    CHECK_EQ(config(m, 0, 0x2c, 4), 0x11001af4);
    CHECK_EQ(config(m, 0x1f << 3, 0, 4), UINT32_MAX); /* nobody is there */
    CHECK_EQ(in(m, 0xcf8, 4), 0x8000f800);
    out(m, 0xcf8, 1, 0x10); /* a byte is no address */
    out(m, 0xcf8, 2, 0x1234);
    CHECK_EQ(in(m, 0xcf8, 4), 0x8000f800);
    out(m, 0xcf8, 4, 0x7f000003); /* not enabled, and reserved bits */
    CHECK_EQ(in(m, 0xcf8, 4), 0);
    CHECK_EQ(in(m, 0xcfc, 4), UINT32_MAX);
    machine_reset(m);
    CHECK_EQ(in(m, 0xcf8, 4), 0);
    fake_virt_free(m);
    m = board(&q35_machine_class);
    CHECK_EQ(config(m, 0, 0, 4), 0x29c08086);
    fake_virt_free(m);
    given_end();
}

TEST(vmware_guests_are_told_of_uuid_and_memory)
{
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    struct error e = {""};
    m->config.uuid = "00112233-4455-6677-8899-aabbccddeeff";
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    struct x86_backdoor *r = &fake_x86(m, 0)->backdoor;
    *r = (struct x86_backdoor){.eax = 0x564d5868, .ecx = 0x13};
    CHECK_EQ(in(m, X86_BACKDOOR, 4), 0x33221100);
    CHECK_EQ(r->ebx, 0x77665544);
    CHECK_EQ(r->ecx, 0xbbaa9988);
    CHECK_EQ(r->edx, 0xffeeddcc);
    *r = (struct x86_backdoor){.eax = 0x564d5868, .ecx = 0x14};
    CHECK_EQ(in(m, X86_BACKDOOR, 4), 32 * MIB);
    *r = (struct x86_backdoor){.eax = 1, .ecx = 0x14};
    CHECK_EQ(in(m, X86_BACKDOOR, 4), 0xffffffff);
    fake_virt_free(m);
    given_end();
}

TEST(interrupt_13_is_the_errors_of_the_first_cpus_x87)
{
    enum {
        SECOND_REQUESTED = 0x20
    };
    given_begin();
    struct machine *m = board(&pc_machine_class);
    irq_set(&fake_x86(m, 0)->ferr, 1);
    out(m, 0xa0, 1, 0x0a);
    CHECK_EQ(in(m, 0xa0, 1) & SECOND_REQUESTED, SECOND_REQUESTED);
    out(m, 0xf0, 1, 0);
    CHECK_EQ(in(m, 0xa0, 1) & SECOND_REQUESTED, 0);
    irq_set(&fake_x86(m, 0)->ferr, 1);
    machine_reset(m);
    out(m, 0xa0, 1, 0x0a);
    CHECK_EQ(in(m, 0xa0, 1) & SECOND_REQUESTED, 0);
    fake_virt_free(m);
    given_end();
}

TEST(the_reset_control_register_resets_when_its_bit_comes_on)
{
    given_begin();
    struct machine *m = board(&pc_machine_class);
    asked = -1;
    out(m, 0xcf9, 1, 2);
    CHECK_EQ(asked, -1);
    CHECK_EQ(in(m, 0xcf9, 1), 2);
    out(m, 0xcf9, 1, 6);
    CHECK_EQ(asked, POWER_RESET);
    asked = -1;
    out(m, 0xcf9, 1, 6);
    CHECK_EQ(asked, -1);
    out(m, 0xcf8, 4, 0x80000400); /* another port's */
    CHECK_EQ(asked, -1);
    fake_virt_free(m);
    given_end();
}

/* ---- shadow RAM */

/* The register and the shift of the attributes of a segment. */
static unsigned attribute_register(unsigned base, unsigned address)
{
    return address >= 0xf0000 ? base : base + 1 + (address - 0xc0000) / 0x8000;
}

static unsigned attribute_shift(unsigned address)
{
    return address >= 0xf0000 || address & 0x4000 ? 4 : 0;
}

static void set_attributes(struct machine *m, unsigned base, unsigned address, unsigned value)
{
    const unsigned at = attribute_register(base, address), shift = attribute_shift(address);
    const uint32_t others = config(m, 0, at, 1) & ~(3u << shift);
    set_config(m, 0, at, 1, others | value << shift);
}

static void shadow(const struct machine_class *cls, unsigned base)
{
    struct machine *m = board(cls);
    for (unsigned a = 0xc0000; a < 0x100000; a += a < 0xf0000 ? 0x4000 : 0x10000) {
        const unsigned last = a < 0xf0000 ? a + 0x3ff8 : 0xfff00;
        const uint32_t rom = test_load32(m, last);
        test_store32(m, last, 1); /* nothing is written */
        CHECK_EQ(load_le32(m->ram + last), 0);
        CHECK_EQ(test_load32(m, last), rom);
        set_attributes(m, base, a, 2); /* to RAM, from ROM */
        test_store32(m, last, 0x1234 + a);
        test_store(m, last + 4, 1, 0x77);
        CHECK_EQ(test_load32(m, last), rom);
        CHECK_EQ(load_le32(m->ram + last), 0x1234 + a);
        CHECK_EQ(m->ram[last + 4], 0x77);
        set_attributes(m, base, a, 1); /* only to be read */
        CHECK_EQ(test_load32(m, last), 0x1234 + a);
        test_store32(m, last, 5);
        CHECK_EQ(test_load32(m, last), 0x1234 + a);
        set_attributes(m, base, a, 3);
        test_store32(m, last, 6);
        CHECK_EQ(test_load32(m, last), 6);
        if (a > 0xc0000) { /* its neighbour is as before */
            test_store32(m, a - 4, 9);
            CHECK_EQ(test_load32(m, a - 4), 9);
        }
    }
    machine_reset(m);
    CHECK_EQ(test_load(m, 0xffff0, 1), 0xea);
    CHECK_EQ(test_load32(m, 0xc0000), UINT32_MAX); /* no ROM is there */
    fake_virt_free(m);
}

TEST(attributes_show_ram_in_place_of_rom)
{
    given_begin();
    shadow(&pc_machine_class, 0x59);
    shadow(&q35_machine_class, 0x90);
    given_end();
}

/* ---- RAM for system management */

TEST(smram_is_open_until_it_is_locked)
{
    given_begin();
    struct machine *m = board(&pc_machine_class);
    const struct pc_board *b = pc_board_of(m);
    struct pc_smram r[PC_SMRAM_RANGES];
    CHECK_EQ(config(m, 0, 0x72, 1), 0x02);
    CHECK_EQ(pc_host_smram(b->host, r), 0);
    set_config(m, 0, 0x72, 1, 0x4a); /* open, enabled */
    test_store32(m, 0xa0000, 0x5555);
    CHECK_EQ(load_le32(m->ram + 0xa0000), 0x5555);
    CHECK_EQ(test_load32(m, 0xa0000), 0x5555);
    set_config(m, 0, 0x72, 1, 0x6a);               /* closed for data */
    CHECK_EQ(test_load32(m, 0xa0000), UINT32_MAX); /* there is no display */
    set_config(m, 0, 0x72, 1, 0x5a);               /* locked: no longer open */
    CHECK_EQ(config(m, 0, 0x72, 1), 0x1a);
    set_config(m, 0, 0x72, 1, 0x4a);
    CHECK_EQ(config(m, 0, 0x72, 1), 0x1a);
    CHECK_EQ(pc_host_smram(b->host, r), 1);
    CHECK_EQ(r[0].base, 0xa0000);
    machine_reset(m);
    CHECK_EQ(config(m, 0, 0x72, 1), 0x02);
    set_config(m, 0, 0x72, 1, 0x4a);
    CHECK_EQ(config(m, 0, 0x72, 1), 0x4a);
    fake_virt_free(m);
    given_end();
}

TEST(the_top_of_memory_is_hidden_as_tseg)
{
    static const struct {
        unsigned value;
        uint64_t size;
    } sizes[] = {{0x01, MIB}, {0x03, 2 * MIB}, {0x05, 8 * MIB}, {0x07, 16 * MIB}, {0x00, 0}};
    given_begin();
    struct machine *m = board(&q35_machine_class);
    const struct pc_board *b = pc_board_of(m);
    struct pc_smram r[PC_SMRAM_RANGES];
    const paddr end = 32 * MIB;
    test_store32(m, end - 8 * MIB, 0x11);
    test_store32(m, end - 4, 0x22);
    CHECK_EQ(config(m, 0, 0x50, 2), 0);
    set_config(m, 0, 0x50, 2, 0xffff);
    CHECK_EQ(config(m, 0, 0x50, 2), 16);
    set_config(m, 0, 0x9d, 1, 0x0a);
    for (size_t i = 0; i < array_len(sizes); i++) {
        set_config(m, 0, 0x9e, 1, sizes[i].value);
        CHECK_EQ(test_load32(m, end - 4), sizes[i].size ? UINT32_MAX : 0x22);
        CHECK_EQ(test_load32(m, end - 8 * MIB), sizes[i].size >= 8 * MIB ? UINT32_MAX : 0x11);
        CHECK_EQ(pc_host_smram(b->host, r), sizes[i].size ? 2 : 1);
        if (sizes[i].size) {
            CHECK_EQ(r[1].base, end - sizes[i].size);
            CHECK_EQ(r[1].size, sizes[i].size);
        }
    }
    set_config(m, 0, 0x9e, 1, 0x01);
    set_config(m, 0, 0x9d, 1, 0x1a); /* locked */
    set_config(m, 0, 0x9e, 1, 0x00);
    CHECK_EQ(config(m, 0, 0x9e, 1), 0x39);
    test_store32(m, end - 4, 0x33);
    CHECK_EQ(load_le32(m->ram + end - 4), 0x22);
    machine_reset(m);
    CHECK_EQ(test_load32(m, end - 4), 0x22);
    fake_virt_free(m);
    given_end();
}

static uint32_t smm_load32(struct machine *m, paddr a)
{
    uint64_t value = 0;
    CHECK(space_load(m->vcpus[1]->spaces[X86_SPACE_SMM], a, 4, &value));
    return (uint32_t)value;
}

TEST(system_management_mode_sees_its_ram_and_all_else)
{
    given_begin();
    struct machine *m = board(&q35_machine_class);
    struct space *smm = m->vcpus[0]->spaces[X86_SPACE_SMM];
    const paddr end = 32 * MIB;
    REQUIRE(smm);
    CHECK_EQ(smm_load32(m, 0xa0000), UINT32_MAX);
    set_config(m, 0, 0x9d, 1, 0x0a);
    set_config(m, 0, 0x9e, 1, 0x01);
    CHECK(space_store(smm, 0xa0000, 4, 0x1234));
    CHECK(space_store(smm, end - 4, 4, 0x5678));
    CHECK_EQ(load_le32(m->ram + 0xa0000), 0x1234);
    CHECK_EQ(load_le32(m->ram + end - 4), 0x5678);
    CHECK_EQ(test_load32(m, 0xa0000), UINT32_MAX);
    CHECK_EQ(test_load32(m, end - 4), UINT32_MAX);
    CHECK_EQ(smm_load32(m, end - 4), 0x5678);
    CHECK_EQ(smm_load32(m, 0xfffffff0) & 0xff, 0xea);
    CHECK_EQ(smm_load32(m, 0xfee00030), 0x01050014);
    set_config(m, 0, 0x60, 4, 0xb0000001); /* what comes later is seen, and goes again */
    CHECK_EQ(smm_load32(m, 0xb0000000), 0x29c08086);
    set_attributes(m, 0x90, 0xe0000, 3);
    test_store32(m, 0xe0000, 0x77);
    CHECK_EQ(smm_load32(m, 0xe0000), 0x77);
    machine_reset(m);
    CHECK_EQ(smm_load32(m, 0xb0000000), UINT32_MAX);
    CHECK_EQ(smm_load32(m, end - 4), 0x5678); /* memory like any other */
    CHECK_EQ(test_load32(m, end - 4), 0x5678);
    fake_virt_free(m);
    m = new_board(&q35_machine_class);
    struct error e;
    CHECK(machine_set(m, "smm", "off", &e));
    CHECK(fake_virt_finish(m, &e));
    CHECK(!m->vcpus[0]->spaces[X86_SPACE_SMM]);
    fake_virt_free(m);
    given_end();
}

TEST(smi_commands_reach_the_cpu_once_firmware_wants_them)
{
    given_begin();
    struct machine *m = board(&pc_machine_class);
    set_config(m, 1 << 3 | 3, 0x58, 4, 1 << 25);
    set_config(m, 1 << 3 | 3, 0x40, 4, 0x600);
    set_config(m, 1 << 3 | 3, 0x80, 1, 1);
    out(m, 0x628, 4, 1); /* SMIs are on */
    out(m, 0xb2, 1, 0x12);
    CHECK_EQ(fake_x86(m, 0)->smis, 1);
    CHECK_EQ(fake_x86(m, 1)->smis, 0);
    fake_virt_free(m);
    given_end();
}

TEST(the_gate_of_address_line_20_is_the_keyboard_controllers)
{
    given_begin();
    struct machine *m = board(&pc_machine_class);
    CHECK(!fake_x86(m, 2)->a20_closed);
    out(m, 0x92, 1, 0);
    CHECK(fake_x86(m, 0)->a20_closed && fake_x86(m, 2)->a20_closed);
    out(m, 0x92, 1, 2);
    CHECK(!fake_x86(m, 0)->a20_closed && !fake_x86(m, 2)->a20_closed);
    fake_virt_free(m);
    given_end();
}

/* ---- configuration space in memory */

TEST(configuration_space_is_where_q35_is_told_to_show_it)
{
    given_begin();
    struct machine *m = board(&q35_machine_class);
    const struct pc_board *b = pc_board_of(m);
    uint64_t size;
    CHECK_EQ(test_load32(m, 0xb0000000), UINT32_MAX);
    q35_ecam(b->host, &size);
    CHECK_EQ(size, 0);
    set_config(m, 0, 0x60, 4, 0xb0000001);
    CHECK_EQ(test_load32(m, 0xb0000000), 0x29c08086);
    CHECK_EQ(test_load32(m, 0xb0000100), UINT32_MAX); /* no extended registers */
    CHECK_EQ(test_load32(m, 0xbff00000), UINT32_MAX);
    CHECK_EQ(q35_ecam(b->host, &size), 0xb0000000);
    CHECK_EQ(size, 256 * MIB);
    set_config(m, 0, 0x60, 4, 0xe4000005); /* 64 buses */
    CHECK_EQ(test_load32(m, 0xb0000000), UINT32_MAX);
    CHECK_EQ(test_load(m, 0xe4000002, 2), 0x29c0);
    CHECK_EQ(q35_ecam(b->host, &size), 0xe4000000);
    CHECK_EQ(size, 64 * MIB);
    test_store(m, 0xe4000090, 1, 0x30);
    CHECK_EQ(config(m, 0, 0x90, 1), 0x30);
    set_config(m, 0, 0x64, 4, 1); /* above 4 GiB */
    CHECK_EQ(test_load32(m, 0x1e4000000), 0x29c08086);
    set_config(m, 0, 0x60, 4, 0xe4000007); /* no such length */
    CHECK_EQ(test_load32(m, 0x1e4000000), UINT32_MAX);
    fake_virt_free(m);
    given_end();
}

/* ---- functions on the bus */

static struct device *plug(struct machine *m, const char *addr)
{
    struct error e = {""};
    char pair[40];
    snprintf(pair, sizeof(pair), "addr=%s", addr);
    CHECK_MSG(given_plug(m, device_class_find("virtio-rng-pci"), NULL, pair, &e), "%s", e.text);
    struct device *d = m->devices;
    while (d->next) {
        d = d->next;
    }
    return d;
}

TEST(bars_are_in_memory_and_among_ports)
{
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    struct error e = {""};
    CHECK_MSG(machine_build(m, &e), "%s", e.text);
    plug(m, "5");
    CHECK_MSG(machine_finish(m, &e), "%s", e.text);
    machine_reset(m);
    const unsigned devfn = 5 << 3;
    CHECK_EQ(config(m, devfn, 0, 2), 0x1af4);
    CHECK_EQ(config(m, devfn, 0x10, 4) & 1, 1);
    set_config(m, devfn, 0x10, 4, 0xc000);
    set_config(m, devfn, 0x14, 4, 0xfe000000);
    set_config(m, devfn, 4, 2, 7);
    CHECK(in(m, 0xc000, 4) != UINT32_MAX); /* features of the legacy driver */
    CHECK_EQ(test_load32(m, 0xc000), 0);   /* memory has other addresses */
    set_config(m, devfn, 0x10, 4, 0xcf8);  /* the board's own ports and memory lie above */
    set_config(m, devfn, 0x14, 4, 0x01000000);
    CHECK_EQ(config(m, 0, 0, 4), 0x12378086);
    test_store32(m, 0x01000000, 77);
    CHECK_EQ(load_le32(m->ram + 0x01000000), 77);
    fake_virt_free(m);
    given_end();
}

static unsigned line_of(const struct machine *m, unsigned slot, unsigned pin)
{
    const struct pci_host *h = pc_host_pci(pc_board_of(m)->host);
    return h->line(h, (uint8_t)(slot << 3), pin);
}

TEST(pins_reach_the_lines_that_the_boards_have_them_at)
{
    given_begin();
    struct machine *m = board(&pc_machine_class);
    CHECK_EQ(line_of(m, 1, 1), 0);
    CHECK_EQ(line_of(m, 1, 4), 3);
    CHECK_EQ(line_of(m, 3, 1), 2);
    CHECK_EQ(line_of(m, 0, 1), 3);
    fake_virt_free(m);
    m = board(&q35_machine_class);
    CHECK_EQ(line_of(m, 0, 1), 4);
    CHECK_EQ(line_of(m, 3, 2), 4);
    CHECK_EQ(line_of(m, 24, 1), 4);
    CHECK_EQ(line_of(m, 31, 1), 0);
    CHECK_EQ(line_of(m, 31, 2), 1);
    fake_virt_free(m);
    given_end();
}

/* ---- firmware */

TEST(firmware_is_at_both_ends_of_its_address)
{
    given_begin();
    struct machine *m = board(&pc_machine_class);
    CHECK_EQ(test_load(m, 0xfffffff0, 1), 0xea);
    CHECK_EQ(test_load(m, 0xffff0, 1), 0xea);
    CHECK_EQ(test_load32(m, 0xefffc), UINT32_MAX); /* 64 KiB only */
    CHECK_EQ(fake_x86(m, 0)->boot, X86_BOOT_PLAIN);
    CHECK_EQ(fake_arm(m, 0)->pc, 0xfff0);
    CHECK_EQ(m->vcpus[2]->powered_off, 1);
    fake_virt_free(m);
    given_end();
}

static struct block *flash_blocks[2];

static struct block *give_flash(void *opaque, unsigned index)
{
    (void)opaque;
    return flash_blocks[index];
}

TEST(flashes_lie_below_each_other)
{
    struct error e = {""};
    uint8_t jump[5] = {0xea, 0x5b, 0xe0, 0x00, 0xf0};
    given_begin();
    flash_blocks[0] = test_disk(3 * 0x41000);
    flash_blocks[1] = test_disk(0x84000);
    CHECK(block_write(flash_blocks[0], 3 * 0x41000 - 16, jump, 5, &e));
    struct machine *m = new_board(&q35_machine_class);
    m->config.bios = NULL;
    m->backends.pflash = give_flash;
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    CHECK_EQ(test_load(m, 0xfffffff0, 1), 0xea);
    CHECK_EQ(test_load(m, 0xffff0, 1), 0xea);
    const paddr second = 4 * GIB - 3 * 0x41000 - 0x84000;
    test_store(m, second + 5, 1, 0x40); /* program a byte */
    test_store(m, second + 5, 1, 0x12);
    CHECK_EQ(test_load(m, second + 5, 1), 0x80);
    test_store(m, second + 5, 1, 0xff);
    CHECK_EQ(test_load(m, second + 5, 1), 0); /* zeros stay */
    fake_virt_free(m);
    m = new_board(&q35_machine_class);
    m->backends.pflash = give_flash;
    CHECK(!fake_virt_finish(m, &e));
    CHECK_MSG(strstr(e.text, "a flash has the firmware"), "%s", e.text);
    fake_virt_free(m);
    for (unsigned i = 0; i < 2; i++) {
        block_close(flash_blocks[i]);
        flash_blocks[i] = NULL;
    }
    given_end();
}

TEST(firmware_that_is_not_there_names_its_package)
{
    struct error e = {""};
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    m->config.bios = NULL;
    CHECK(!fake_virt_finish(m, &e));
    CHECK_STR(e.text, "machine 'pc': its firmware, bios-256k.bin, is not installed; on Debian the "
                      "package seabios has it; -bios FILE takes another");
    fake_virt_free(m);
    m = new_board(&pc_machine_class);
    m->config.bios = "/proc/self/exe";
    CHECK(!fake_virt_finish(m, &e));
    CHECK_MSG(strstr(e.text, "firmware of PCs has a multiple of 64 KiB"), "%s", e.text);
    fake_virt_free(m);
    given_end();
}

/* ---- what it is told */

static unsigned cmos(struct machine *m, unsigned at)
{
    out(m, 0x70, 1, at);
    return (unsigned)in(m, 0x71, 1);
}

TEST(cmos_memory_has_sizes_and_the_order_of_booting)
{
    const struct firmware_config firmware = {.order = "dc",
                                             .once = "nda",
                                             .splash_time_ms = FIRMWARE_UNSET,
                                             .reboot_timeout_ms = FIRMWARE_UNSET};
    given_begin();
    struct machine *m = board(&pc_machine_class);
    CHECK_EQ(cmos(m, 0x15) | cmos(m, 0x16) << 8, 640);
    CHECK_EQ(cmos(m, 0x17) | cmos(m, 0x18) << 8, 31 * 1024);
    CHECK_EQ(cmos(m, 0x30) | cmos(m, 0x31) << 8, 31 * 1024);
    CHECK_EQ(cmos(m, 0x34) | cmos(m, 0x35) << 8, 16 * 16);
    CHECK_EQ(cmos(m, 0x5b) | cmos(m, 0x5c) << 8, 0);
    CHECK_EQ(cmos(m, 0x5f), 2);
    CHECK_EQ(cmos(m, 0x14) & 6, 6);
    CHECK_EQ(cmos(m, 0x3d), 0x12);
    CHECK_EQ(cmos(m, 0x38), 0x30);
    fake_virt_free(m);
    m = new_board(&pc_machine_class);
    struct error e = {""};
    m->config.firmware = &firmware;
    CHECK(machine_set(m, "fd-bootchk", "off", &e));
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    CHECK_EQ(cmos(m, 0x3d), 0x34);
    CHECK_EQ(cmos(m, 0x38), 0x11);
    machine_reset(m);
    CHECK_EQ(cmos(m, 0x3d), 0x23);
    CHECK_EQ(cmos(m, 0x38), 0x01);
    fake_virt_free(m);
    given_end();
}

static void read_item(struct machine *m, unsigned key, uint8_t *bytes, size_t n)
{
    out(m, 0x510, 2, key);
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)in(m, 0x511, 1);
    }
}

static uint32_t item32(struct machine *m, unsigned key)
{
    uint8_t bytes[4];
    read_item(m, key, bytes, 4);
    return load_le32(bytes);
}

/* Reads up to n bytes of a file; its size, or 0. */
static uint32_t read_file(struct machine *m, const char *name, uint8_t *bytes, size_t n)
{
    uint8_t count[4], row[64];
    read_item(m, FW_CFG_FILE_DIR, count, 4);
    for (uint32_t i = 0, files = load_be32(count); i < files; i++) {
        out(m, 0x510, 2, FW_CFG_FILE_DIR);
        for (uint32_t k = 0; k < 4 + 64 * (i + 1); k++) {
            row[(k - 4) & 63] = (uint8_t)in(m, 0x511, 1);
        }
        if (strcmp((const char *)row + 8, name) == 0) {
            read_item(m, load_be16(row + 4), bytes, n);
            return load_be32(row);
        }
    }
    return 0;
}

TEST(firmware_is_told_of_memory_cpus_and_the_console)
{
    uint8_t p[64];
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    struct error e = {""};
    m->config.no_screen = true;
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    CHECK_EQ(read_file(m, "etc/e820", p, sizeof(p)), 20);
    CHECK_EQ(load_le64(p), 0);
    CHECK_EQ(load_le64(p + 8), 32 * MIB);
    CHECK_EQ(load_le32(p + 16), 1);
    CHECK_EQ(read_file(m, "etc/sercon-port", p, 2), 2);
    CHECK_EQ(load_le16(p), 0x3f8);
    CHECK_EQ(read_file(m, "etc/system-states", p, 6), 6);
    CHECK_EQ(p[5], 0x80);
    CHECK_EQ(read_file(m, "etc/smbios/smbios-anchor", p, 31), 31);
    CHECK(memcmp(p, "_SM_", 4) == 0 && memcmp(p + 16, "_DMI_", 5) == 0);
    CHECK_EQ(item32(m, FW_CFG_RAM_SIZE), 32 * MIB);
    CHECK_EQ(item32(m, FW_CFG_NOGRAPHIC) & 0xffff, 1);
    CHECK_EQ(item32(m, FW_CFG_IRQ0_OVERRIDE), 1);
    CHECK_EQ(item32(m, FW_CFG_NB_CPUS) & 0xffff, 3);
    CHECK_EQ(item32(m, FW_CFG_NUMA), 0);
    CHECK_EQ(item32(m, 0x8007), 0); /* no such item */
    CHECK_EQ(item32(m, 0x9000), 0);
    fake_virt_free(m);
    given_end();
}

TEST(memory_below_4_gib_can_be_less)
{
    uint8_t p[64];
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    struct error e = {""};
    CHECK(machine_set(m, "max-ram-below-4g", "16M", &e));
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    test_store32(m, 4 * GIB, 0x99);
    CHECK_EQ(load_le32(m->ram + 16 * MIB), 0x99);
    CHECK_EQ(test_load32(m, 16 * MIB), UINT32_MAX);
    CHECK_EQ(read_file(m, "etc/e820", p, sizeof(p)), 40);
    CHECK_EQ(load_le64(p + 20), 4 * GIB);
    CHECK_EQ(load_le64(p + 28), 16 * MIB);
    CHECK_EQ(cmos(m, 0x5b), 0);
    CHECK_EQ(cmos(m, 0x5c), 1);
    fake_virt_free(m);
    m = new_board(&pc_machine_class);
    CHECK(machine_set(m, "max-ram-below-4g", "4G", &e));
    CHECK(!fake_virt_finish(m, &e));
    CHECK_MSG(strstr(e.text, "max-ram-below-4g=4294967296: it is a number of MiB"), "%s", e.text);
    fake_virt_free(m);
    m = new_board(&pc_machine_class);
    m->config.ram_bytes = 64 << 10;
    CHECK(!fake_virt_finish(m, &e));
    CHECK_MSG(strstr(e.text, "a PC has 1 MiB at least"), "%s", e.text);
    fake_virt_free(m);
    given_end();
}

/* ---- kernels */

#define SECTOR 512u

static void make_bzimage(uint8_t *k)
{
    memset(k, 0, 5 * SECTOR);
    k[P_SETUP_SECTORS] = 1;
    store_le16(k + P_BOOT_FLAG, 0xaa55);
    k[P_JUMP] = 0x66;
    memcpy(k + P_MAGIC, "HdrS", 4);
    store_le16(k + P_VERSION, 0x20c);
    k[P_LOAD_FLAGS] = LINUX_LOADED_HIGH;
    store_le32(k + P_INITRD_MOST, 0x7fffffff);
    store_le32(k + P_COMMAND_LINE_MOST, 100);
    store_le64(k + P_PREFERRED, 2 * MIB);
    store_le32(k + P_INIT_BYTES, (uint32_t)(4 * MIB));
    memset(k + 2 * SECTOR, 0x90, 3 * SECTOR);
}

/* A file with these bytes, to be unlinked. */
static char *file_with(const void *bytes, size_t n)
{
    char *name = strdup("/tmp/pc-board-test-XXXXXX");
    const int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
    return name;
}

static void drop_file(char *name)
{
    unlink(name);
    free(name);
}

static uint8_t sum(const uint8_t *p, size_t n)
{
    unsigned s = 0;
    while (n--) {
        s += *p++;
    }
    return (uint8_t)s;
}

TEST(a_kernel_is_items_and_a_rom_that_boots_first)
{
    uint8_t k[5 * SECTOR], rom[2048], p[2 * SECTOR];
    struct error e = {""};
    make_bzimage(k);
    given_begin();
    char *kernel = file_with(k, sizeof(k)), *initrd = file_with("RAMDISK", 8);
    struct machine *m = new_board(&pc_machine_class);
    m->config.kernel = kernel;
    m->config.initrd = initrd;
    m->config.append = "quiet";
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    CHECK_EQ(item32(m, FW_CFG_SETUP_SIZE), 2 * SECTOR);
    CHECK_EQ(item32(m, FW_CFG_SETUP_ADDR), 0x10000);
    CHECK_EQ(item32(m, FW_CFG_KERNEL_SIZE), 3 * SECTOR);
    CHECK_EQ(item32(m, FW_CFG_KERNEL_ADDR), 0x100000);
    CHECK_EQ(item32(m, FW_CFG_KERNEL_DATA), 0x90909090);
    CHECK_EQ(item32(m, FW_CFG_INITRD_SIZE), 8);
    CHECK_EQ(item32(m, FW_CFG_CMDLINE_SIZE), 6);
    read_item(m, FW_CFG_SETUP_DATA, p, sizeof(p));
    CHECK_EQ(p[P_LOADER], 0xff);
    CHECK_EQ(p[P_LOAD_FLAGS], 0x81);
    CHECK_EQ(load_le32(p + P_COMMAND_LINE), 0x20000);
    CHECK_EQ(load_le32(p + P_INITRD_BYTES), 8);
    CHECK_EQ(load_le16(p + P_HEAP_END), 0xde00);
    read_item(m, FW_CFG_CMDLINE_DATA, p, 6);
    CHECK_STR((const char *)p, "quiet");
    CHECK_EQ(read_file(m, "genroms/kernel.bin", rom, sizeof(rom)), sizeof(rom));
    CHECK_EQ(load_le16(rom), 0xaa55);
    CHECK_EQ(rom[2], sizeof(rom) / 512);
    CHECK_EQ(sum(rom, sizeof(rom)), 0);
    CHECK_EQ(sum(rom + load_le16(rom + 0x1a), 32), 0);
    CHECK_EQ(load_le32(rom + 12), 0x7fffffff);
    CHECK_EQ(load_le32(rom + 16), 6 * MIB);
    CHECK_EQ(read_file(m, "bootorder", p, 24), 24);
    CHECK_STR((const char *)p, "/rom@genroms/kernel.bin");
    fake_virt_free(m);
    drop_file(kernel);
    drop_file(initrd);
    given_end();
}

TEST(kernels_that_firmware_cannot_start_are_refused)
{
    static const struct {
        unsigned at, bytes;
        uint64_t value;
        size_t size;
        const char *why;
    } cases[] = {
        {P_VERSION, 2, 0x201, 5 * SECTOR, "a kernel of boot protocol 2.01"},
        {P_LOAD_FLAGS, 1, 0, 5 * SECTOR, "from 2.02 on bzImages are loaded"},
        {P_MAGIC, 4, 0, 5 * SECTOR, "no x86 kernel"},
        {P_SETUP_SECTORS, 1, 200, 5 * SECTOR, "the kernel is truncated"},
        {P_CODE_PARAGRAPHS, 4, 5 * SECTOR / 16, 5 * SECTOR, "the kernel is truncated"},
        {P_COMMAND_LINE_MOST, 4, 3, 5 * SECTOR, "-append: 5 characters; the kernel takes 3"},
        {P_SETUP_SECTORS, 1, 1, 100, "no x86 kernel"},
        {P_SETUP_SECTORS, 1, 1, 0, "no x86 kernel"},
    };
    given_begin();
    for (size_t i = 0; i < array_len(cases); i++) {
        uint8_t k[5 * SECTOR];
        struct error e = {""};
        make_bzimage(k);
        for (unsigned b = 0; b < cases[i].bytes; b++) {
            k[cases[i].at + b] = (uint8_t)(cases[i].value >> 8 * b);
        }
        char *kernel = file_with(k, cases[i].size);
        struct machine *m = new_board(&pc_machine_class);
        m->config.kernel = kernel;
        m->config.append = "quiet";
        CHECK(!fake_virt_finish(m, &e));
        CHECK_MSG(strstr(e.text, cases[i].why), "%s", e.text);
        fake_virt_free(m);
        drop_file(kernel);
    }
    given_end();
}

/* ---- ends */

TEST(the_power_button_is_an_event_of_acpi)
{
    static const struct machine_class *const classes[] = {&pc_machine_class, &q35_machine_class};
    static const unsigned places[] = {1 << 3 | 3, 0x1f << 3}, enables[] = {0x80, 0x44};
    given_begin();
    for (size_t i = 0; i < array_len(classes); i++) {
        struct machine *m = board(classes[i]);
        set_config(m, places[i], 0x40, 4, 0x600);
        set_config(m, places[i], enables[i], 1, enables[i] == 0x80 ? 1 : 0x80);
        CHECK_EQ(in(m, 0x600, 2), 0);
        machine_power_button(m);
        CHECK_EQ(in(m, 0x600, 2), 0x100);
        fake_virt_free(m);
    }
    given_end();
}
