/* SPDX-License-Identifier: MIT */
/* The microvm board, with vCPUs that run nothing: its map, interrupts, tables, and how kernels
 * begin. */
#include <unistd.h>

#include "base/bits.h"
#include "block/block.h"
#include "hw/i386/microvm.h"
#include "hw/i386/mptable.h"
#include "hw/intc/lapic.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/kernels.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define SECTOR 512u

static struct block *disk;

static struct block *give_disk(void *opaque, const char *id, struct error *e)
{
    (void)opaque, (void)id, (void)e;
    return disk;
}

static struct machine *new_board(unsigned cpus)
{
    struct machine *m = fake_machine_new(&microvm_machine_class);
    fake_virt_cpus(m, cpus);
    m->config.ram_bytes = 32 * MIB;
    m->backends.drive = give_disk;
    return m;
}

static struct machine *board(unsigned cpus)
{
    struct machine *m = new_board(cpus);
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

static int acknowledge(struct machine *m, int cpu)
{
    const struct x86_apic *t = fake_x86(m, (unsigned)cpu)->apic;
    return t->acknowledge(t->opaque, cpu);
}

static void lapic_write(struct machine *m, unsigned cpu, unsigned reg, uint32_t value)
{
    const struct requester by = {.id = cpu};
    CHECK(space_store_by(m->memory, &by, LAPIC_BASE + reg, 4, value));
}

static void redirect(struct machine *m, unsigned ioapic, unsigned pin, uint32_t low)
{
    test_store32(m, PC_IOAPIC_BASE(ioapic), 0x10 + 2 * pin);
    test_store32(m, PC_IOAPIC_BASE(ioapic) + 0x10, low);
}

/* ---- the map */

TEST(every_part_answers_where_the_map_has_it)
{
    struct machine *m = board(2);
    CHECK_EQ(test_load32(m, LAPIC_BASE + 0x30), 0x01050014);
    test_store32(m, PC_IOAPIC_BASE(1), 1);
    CHECK_EQ(test_load32(m, PC_IOAPIC_BASE(1) + 0x10), 0x170020);
    CHECK_EQ(test_load32(m, MICROVM_VIRTIO), 0x74726976);
    CHECK_EQ(test_load32(m, MICROVM_VIRTIO + 23 * 0x200), 0x74726976);
    CHECK_EQ(test_load32(m, MICROVM_GED), 0);
    CHECK_EQ(in(m, 0x3fd, 1), 0x60);
    out(m, 0x70, 1, 13);
    CHECK_EQ(in(m, 0x71, 1), 0x80);
    out(m, 0x510, 2, 0);
    CHECK_EQ(in(m, 0x511, 1), 'Q');
    CHECK_EQ(in(m, 0x511, 1), 'E');
    CHECK_EQ(in(m, 0x514, 4), 0x554d4551); /* "QEMU CFG" */
    CHECK_EQ(in(m, 0x21, 1), 0);
    CHECK_EQ(in(m, 0x92, 1), 0xff); /* nothing is there */
    CHECK_EQ(test_load32(m, 0xd0000000), UINT32_MAX);
    CHECK_EQ(fake_x86(m, 1)->cpu_count, 2);
    fake_virt_free(m);
}

TEST(memory_goes_on_above_4_gib)
{
    struct machine *m = new_board(1);
    struct error e = {""};
    m->config.ram_bytes = PC_LOW_RAM_MOST + 16 * MIB;
    if (os_total_memory_bytes() < m->config.ram_bytes) {
        fake_virt_free(m);
        return;
    }
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    test_store32(m, PC_LOW_RAM_MOST - 4, 1);
    test_store32(m, 4 * GIB, 2);
    test_store32(m, 4 * GIB + 16 * MIB - 4, 3);
    CHECK_EQ(load_le32(m->ram + PC_LOW_RAM_MOST - 4), 1);
    CHECK_EQ(load_le32(m->ram + PC_LOW_RAM_MOST), 2);
    CHECK_EQ(test_load32(m, PC_LOW_RAM_MOST), UINT32_MAX);
    CHECK_EQ(test_load32(m, 4 * GIB + 16 * MIB), UINT32_MAX);
    fake_virt_free(m);
}

/* ---- interrupts */

TEST(lines_of_isa_reach_both_kinds_of_controllers)
{
    struct machine *m = board(1);
    lapic_write(m, 0, 0xf0, 0x1ff);
    redirect(m, 0, 4, 0x41);
    out(m, 0x20, 1, 0x13);
    out(m, 0x21, 1, 0x20);
    out(m, 0x21, 1, 1);
    out(m, 0x3f9, 1, 2); /* the transmitter is empty */
    CHECK_EQ(fake_arm(m, 0)->line[X86_LINE_INTR], 1);
    CHECK_EQ(acknowledge(m, 0), 0x41);
    CHECK_EQ(acknowledge(m, 0), 0x24);
    CHECK_EQ(fake_arm(m, 0)->line[X86_LINE_INTR], 0);
    fake_virt_free(m);
}

TEST(the_timer_is_input_2_of_the_ioapic)
{
    struct machine *m = board(1);
    lapic_write(m, 0, 0xf0, 0x1ff);
    redirect(m, 0, 2, 0x55);
    out(m, 0x43, 1, 0x34);
    out(m, 0x40, 1, 100);
    out(m, 0x40, 1, 0);
    acknowledge(m, 0);
    lapic_write(m, 0, 0xb0, 0);
    clock_manual_advance(m->clock, 90000);
    CHECK_EQ(acknowledge(m, 0), 0x55);
    fake_virt_free(m);
}

TEST(messages_between_cpus_start_them)
{
    struct machine *m = board(3);
    CHECK_EQ(m->vcpus[0]->powered_off, 0);
    CHECK_EQ(m->vcpus[2]->powered_off, 1);
    lapic_write(m, 0, 0x310, 2u << 24);
    lapic_write(m, 0, 0x300, 0x4500);
    lapic_write(m, 0, 0x300, 0x4608);
    CHECK_EQ(fake_x86(m, 2)->inits, 1);
    CHECK_EQ(fake_x86(m, 2)->startup, 8);
    CHECK_EQ(fake_x86(m, 2)->boot, X86_BOOT_STARTUP);
    CHECK_EQ(fake_x86(m, 1)->inits, 0);
    lapic_write(m, 2, 0x300, 0xc0400);
    CHECK_EQ(fake_x86(m, 0)->nmis, 1);
    fake_virt_free(m);
}

/* ---- tables */

static uint8_t sum(const uint8_t *p, size_t n)
{
    unsigned s = 0;
    while (n--) {
        s += *p++;
    }
    return (uint8_t)s;
}

static const uint8_t *table_at(struct machine *m, uint64_t at)
{
    const uint8_t *p = m->ram + at;
    CHECK(at >= PC_TABLES && at < PC_TABLES_END);
    CHECK_MSG(sum(p, load_le32(p + 4)) == 0, "%.4s has a wrong sum", p);
    return p;
}

TEST(acpi_tables_are_in_memory_with_sums_and_addresses)
{
    struct machine *m = board(3);
    const uint8_t *rsdp = m->ram + PC_TABLES, *fadt = NULL, *madt = NULL;
    CHECK(memcmp(rsdp, "RSD PTR BOCHS ", 8) == 0);
    CHECK_EQ(sum(rsdp, 20), 0);
    CHECK_EQ(sum(rsdp, 36), 0);
    const uint8_t *xsdt = table_at(m, load_le64(rsdp + 24));
    CHECK(memcmp(xsdt, "XSDT", 4) == 0);
    for (size_t k = 36; k < load_le32(xsdt + 4); k += 8) {
        const uint8_t *t = table_at(m, load_le64(xsdt + k));
        fadt = memcmp(t, "FACP", 4) == 0 ? t : fadt;
        madt = memcmp(t, "APIC", 4) == 0 ? t : madt;
    }
    REQUIRE(fadt && madt);
    CHECK(memcmp(table_at(m, load_le64(fadt + 140)), "DSDT", 4) == 0);
    CHECK_EQ(load_le32(fadt + 112), 1u << 20 | 1u << 10);
    CHECK_EQ(load_le64(fadt + 120), MICROVM_SLEEP + 2);
    CHECK_EQ(fadt[128], 0x42);
    CHECK_EQ(load_le64(fadt + 248), MICROVM_SLEEP);
    CHECK_EQ(load_le64(fadt + 260), MICROVM_SLEEP + 1);
    CHECK_EQ(load_le32(madt + 36), LAPIC_BASE);
    unsigned cpus = 0, ioapics = 0;
    for (size_t k = 44; k < load_le32(madt + 4); k += madt[k + 1]) {
        cpus += madt[k] == 0;
        ioapics += madt[k] == 1;
    }
    CHECK_EQ(cpus, 3);
    CHECK_EQ(ioapics, 2);
    fake_virt_free(m);
}

TEST(without_acpi_there_is_an_mp_table)
{
    struct machine *m = new_board(2);
    struct error e = {""};
    CHECK(machine_set(m, "acpi", "off", &e));
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    const uint8_t *p = m->ram + 0xf0000, *t = p + 16; /* where systems look for it */
    CHECK(memcmp(p, "_MP_", 4) == 0);
    CHECK_EQ(sum(p, 16), 0);
    CHECK_EQ(load_le32(p + 4), 0xf0000 + 16);
    CHECK(memcmp(t, "PCMP", 4) == 0);
    const unsigned length = load_le16(t + 4);
    CHECK_EQ(sum(t, length), 0);
    unsigned entries = 0, of[5] = {0};
    for (unsigned at = 44; at < length && t[at] < 5; entries++) {
        of[t[at]]++;
        at += t[at] == 0 ? 20 : 8;
    }
    CHECK_EQ(entries, load_le16(t + 34));
    CHECK_EQ(of[0], 2);
    CHECK_EQ(of[2], 1);
    CHECK_EQ(of[3], 15);
    CHECK_EQ(test_load32(m, MICROVM_GED), UINT32_MAX);
    CHECK_EQ(test_load32(m, MICROVM_VIRTIO + 8 * 0x200), UINT32_MAX); /* 8 places only */
    fake_virt_free(m);
}

/* ---- how it ends */

static int asked;

static void request(struct power *p, enum power_request r)
{
    (void)p;
    asked = (int)r;
}

TEST(registers_switch_it_off_and_reset_it)
{
    struct power power = {.request = request};
    struct machine *m = new_board(1);
    struct error e = {""};
    m->power = &power;
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    asked = -1;
    test_store(m, MICROVM_SLEEP, 1, 5 << 2); /* without SLP_EN */
    test_store(m, MICROVM_SLEEP, 1, 0x20 | 3 << 2);
    test_store(m, MICROVM_SLEEP + 2, 1, 1);
    CHECK_EQ(asked, -1);
    test_store(m, MICROVM_SLEEP, 1, 0x20 | 5 << 2);
    CHECK_EQ(asked, POWER_OFF);
    test_store(m, MICROVM_SLEEP + 2, 1, 0x42);
    CHECK_EQ(asked, POWER_RESET);
    CHECK_EQ(test_load(m, MICROVM_SLEEP + 1, 1), 0);
    fake_virt_free(m);
}

TEST(the_power_button_is_an_event_with_an_edge)
{
    struct machine *m = board(1);
    lapic_write(m, 0, 0xf0, 0x1ff);
    redirect(m, 0, MICROVM_GED_GSI, 0x61);
    machine_power_button(m);
    CHECK_EQ(acknowledge(m, 0), 0x61);
    CHECK_EQ(test_load32(m, MICROVM_GED), 2);
    fake_virt_free(m);
}

/* ---- kernels */

/* A file with these bytes, whose name is the caller's for as long as the program runs. */
static const char *file_with(const void *bytes, size_t n)
{
    static char names[16][40];
    static unsigned used;
    char *name = names[used++ % 16];
    strcpy(name, "/tmp/microvm-test-XXXXXX");
    const int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
    close(fd);
    return name;
}

/* A bzImage of protocol 2.12 with one sector of setup and three of code. */
static void make_bzimage(uint8_t *k)
{
    memset(k, 0, 5 * SECTOR);
    k[0x1f1] = 1;
    store_le16(k + 0x1fe, 0xaa55);
    k[0x201] = 0x66;
    memcpy(k + 0x202, "HdrS", 4);
    store_le16(k + 0x206, 0x20c);
    k[0x211] = 1;
    store_le32(k + 0x22c, 0x7fffffff);
    store_le32(k + 0x238, 100);
    store_le64(k + 0x258, 2 * MIB);
    store_le32(k + 0x260, 4 * MIB);
    memset(k + 2 * SECTOR, 0x90, 3 * SECTOR);
}

/* The board with these as -kernel, -initrd and -append; NULL, and why. */
static struct machine *start(const char *kernel, const char *initrd, const char *append,
                             struct error *e)
{
    struct machine *m = new_board(1);
    m->config.kernel = kernel;
    m->config.initrd = initrd;
    m->config.append = append;
    if (fake_virt_finish(m, e)) {
        return m;
    }
    fake_virt_free(m);
    return NULL;
}

TEST(a_bzimage_begins_at_1_mib_with_its_parameters)
{
    uint8_t k[5 * SECTOR];
    struct error e = {""};
    make_bzimage(k);
    const char *kernel = file_with(k, sizeof(k)), *initrd = file_with("RAMDISK", 8);
    struct machine *m = start(kernel, initrd, "quiet splash", &e);
    CHECK_MSG(m, "%s", e.text);
    REQUIRE(m);
    const struct fake_x86 *f = fake_x86(m, 0);
    const uint8_t *p = m->ram + f->common.x0;
    CHECK_EQ(f->boot, X86_BOOT_LINUX);
    CHECK_EQ(f->common.pc, MIB);
    CHECK_EQ(m->ram[MIB], 0x90);
    CHECK_EQ(m->ram[MIB + 3 * SECTOR - 1], 0x90);
    CHECK(memcmp(p + 0x202, "HdrS", 4) == 0);
    CHECK_EQ(p[0x210], 0xff);
    CHECK_STR((const char *)m->ram + load_le32(p + 0x228), "quiet splash");
    const uint32_t at = load_le32(p + 0x218);
    CHECK_EQ(load_le32(p + 0x21c), 8);
    CHECK_EQ(at, 32 * MIB - 4096);
    CHECK_STR((const char *)m->ram + at, "RAMDISK");
    CHECK_EQ(load_le64(p + 0x70), PC_TABLES);
    uint64_t ram = 0;
    for (unsigned n = 0; n < p[0x1e8]; n++) {
        const uint8_t *row = p + 0x2d0 + 20 * n;
        ram += load_le32(row + 16) == PC_RAM ? load_le64(row + 8) : 0;
    }
    CHECK_EQ(ram, 31 * MIB + 0x9fc00);
    CHECK_EQ(in(m, 0x21, 1), 0xff); /* no firmware has masked the 8259s */
    CHECK_EQ(in(m, 0xa1, 1), 0xff);
    CHECK_EQ(fake_arm(m, 0)->line[X86_LINE_INTR], 0);
    fake_virt_free(m);
    unlink(kernel);
    unlink(initrd);
}

TEST(kernels_that_cannot_be_are_refused_with_a_reason)
{
    static const struct {
        unsigned at, bytes;
        uint64_t value;
        size_t size;
        const char *why;
    } cases[] = {
        {0x206, 2, 0x201, 5 * SECTOR, "a kernel of boot protocol 2.01"},
        {0x211, 1, 0, 5 * SECTOR, "from 2.02 on bzImages are loaded"},
        {0x202, 4, 0, 5 * SECTOR,
         "no x86 kernel; those that can be loaded are bzImage, multiboot, and ELF"},
        {0x1f1, 1, 200, 5 * SECTOR, "the kernel is truncated"},
        {0x260, 4, 31 * MIB, 5 * SECTOR, "it needs memory up to 0x2100000; there are 32 MiB (-m)"},
        {0x238, 4, 3, 5 * SECTOR, "-append: 5 characters; the kernel takes 3 at most"},
        {0x1f4, 4, 5 * SECTOR / 16, 5 * SECTOR, "the kernel is truncated"},
        {0x1f1, 1, 1, 100, "no x86 kernel"},
        {0x1f1, 1, 1, 0, "no x86 kernel"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        uint8_t k[5 * SECTOR];
        struct error e = {""};
        make_bzimage(k);
        for (unsigned b = 0; b < cases[i].bytes; b++) {
            k[cases[i].at + b] = (uint8_t)(cases[i].value >> 8 * b);
        }
        const char *kernel = file_with(k, cases[i].size);
        CHECK(!start(kernel, NULL, "quiet", &e));
        CHECK_MSG(strstr(e.text, cases[i].why), "%s", e.text);
        unlink(kernel);
    }
}

TEST(a_ram_disk_that_does_not_fit_is_refused)
{
    uint8_t k[5 * SECTOR];
    struct error e = {""};
    make_bzimage(k);
    store_le32(k + 0x260, (uint32_t)(29 * MIB));
    const char *kernel = file_with(k, sizeof(k));
    uint8_t *big = calloc(1, 2 * MIB);
    const char *initrd = file_with(big, 2 * MIB);
    free(big);
    CHECK(!start(kernel, initrd, NULL, &e));
    CHECK_MSG(strstr(e.text, "its 2 MiB do not fit between the kernel"), "%s", e.text);
    CHECK(!start(NULL, initrd, NULL, &e));
    CHECK_MSG(strstr(e.text, "-initrd: needs -kernel"), "%s", e.text);
    CHECK(!start(NULL, NULL, "x", &e));
    CHECK_MSG(strstr(e.text, "-append: needs -kernel"), "%s", e.text);
    unlink(kernel);
    unlink(initrd);
}

/* An ELF file with a segment of bytes at 1 MiB and a note of its entry. */
static size_t make_pvh(uint8_t *k, uint32_t note)
{
    memset(k, 0, 4096);
    memcpy(k, "\177ELF\2\1\1", 7);
    store_le16(k + 16, 2);
    store_le16(k + 18, ELF_X86_64);
    store_le32(k + 20, 1);
    store_le64(k + 24, UINT64_C(0xffffffff81000000));
    store_le64(k + 32, 64);
    store_le16(k + 52, 64);
    store_le16(k + 54, 56);
    store_le16(k + 56, 2);
    uint8_t *load = k + 64, *notes = k + 64 + 56, *n = k + 512;
    store_le32(load, 1);
    store_le64(load + 8, 1024);
    store_le64(load + 16, UINT64_C(0xffffffff81000000));
    store_le64(load + 24, MIB);
    store_le64(load + 32, 64);
    store_le64(load + 40, 8192);
    store_le32(notes, 4);
    store_le64(notes + 8, 512);
    store_le64(notes + 32, 52);
    store_le32(n, 4); /* another maker's */
    store_le32(n + 4, 5);
    store_le32(n + 8, 18);
    memcpy(n + 12, "GNU", 4);
    store_le32(n + 24, 4);
    store_le32(n + 28, 8);
    store_le32(n + 32, note);
    memcpy(n + 36, "Xen", 4);
    store_le64(n + 40, MIB + 16);
    memset(k + 1024, 0x33, 64);
    return 1088;
}

TEST(an_elf_file_with_xens_note_begins_there_with_the_start_info)
{
    uint8_t k[4096];
    struct error e = {""};
    const size_t n = make_pvh(k, 18);
    const char *kernel = file_with(k, n), *initrd = file_with("RAMDISK", 8);
    struct machine *m = start(kernel, initrd, "verbose", &e);
    CHECK_MSG(m, "%s", e.text);
    REQUIRE(m);
    const struct fake_x86 *f = fake_x86(m, 0);
    const uint8_t *p = m->ram + f->common.x0;
    CHECK_EQ(f->boot, X86_BOOT_PVH);
    CHECK_EQ(f->common.pc, MIB + 16);
    CHECK_EQ(m->ram[MIB + 63], 0x33);
    CHECK_EQ(load_le32(p), 0x336ec578);
    CHECK_EQ(load_le32(p + 4), 1);
    CHECK_EQ(load_le32(p + 12), 1);
    const uint8_t *module = m->ram + load_le64(p + 16), *map = m->ram + load_le64(p + 40);
    CHECK_STR((const char *)m->ram + load_le64(module), "RAMDISK");
    CHECK_EQ(load_le64(module + 8), 8);
    CHECK_STR((const char *)m->ram + load_le64(p + 24), "verbose");
    CHECK_EQ(load_le64(p + 32), PC_TABLES);
    CHECK(load_le32(p + 48) >= 4);
    CHECK_EQ(load_le64(map + 8), 0x9fc00);
    CHECK_EQ(load_le32(map + 16), PC_RAM);
    fake_virt_free(m);
    unlink(kernel);
    unlink(initrd);
}

TEST(an_elf_file_without_the_note_or_of_others_is_refused)
{
    uint8_t k[4096];
    struct error e = {""};
    size_t n = make_pvh(k, 17);
    const char *kernel = file_with(k, n);
    CHECK(!start(kernel, NULL, NULL, &e));
    CHECK_MSG(strstr(e.text, "without Xen's note"), "%s", e.text);
    unlink(kernel);
    n = make_pvh(k, 18);
    store_le64(k + 64 + 56 + 8, UINT64_MAX - 8); /* notes behind the end */
    kernel = file_with(k, n);
    CHECK(!start(kernel, NULL, NULL, &e));
    unlink(kernel);
    n = make_pvh(k, 18);
    store_le32(k + 512 + 4, UINT32_MAX); /* a note that is too long */
    kernel = file_with(k, n);
    CHECK(!start(kernel, NULL, NULL, &e));
    unlink(kernel);
    n = make_pvh(k, 18);
    store_le16(k + 18, ELF_AARCH64);
    kernel = file_with(k, n);
    CHECK(!start(kernel, NULL, NULL, &e));
    CHECK_MSG(strstr(e.text, "x86-64"), "%s", e.text);
    unlink(kernel);
}

TEST(firmware_ends_at_4_gib_and_is_seen_below_1_mib)
{
    uint8_t *rom = calloc(1, 0x40000);
    struct error e = {""};
    memcpy(rom + 0x3fff0, "\xea\x5b\xe0\x00\xf0", 5);
    memcpy(rom, "low", 4);
    const char *file = file_with(rom, 0x40000), *odd = file_with(rom, 1000);
    struct machine *m = new_board(1);
    m->config.bios = file;
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    CHECK_EQ(test_load(m, 0xfffffff0, 1), 0xea);
    CHECK_EQ(test_load(m, 0xffff0, 1), 0xea);
    CHECK_EQ(test_load(m, 0xfffc0000, 1), 'l');
    CHECK_EQ(test_load(m, 0xe0000, 1), 0);
    CHECK_EQ(fake_x86(m, 0)->boot, X86_BOOT_PLAIN);
    CHECK_EQ(fake_arm(m, 0)->pc, 0xfff0);
    fake_virt_free(m);
    m = new_board(1);
    m->config.bios = odd;
    CHECK(!fake_virt_finish(m, &e));
    CHECK_MSG(strstr(e.text, "1000 bytes; firmware of PCs has a multiple of 64 KiB"), "%s", e.text);
    fake_virt_free(m);
    m = new_board(1);
    m->config.bios = file;
    m->config.kernel = file;
    CHECK(!fake_virt_finish(m, &e));
    CHECK_MSG(strstr(e.text, "no x86 kernel; those that firmware can start"), "%s", e.text);
    fake_virt_free(m);
    free(rom);
    unlink(file);
    unlink(odd);
}

/* ---- properties */

/* What the kernel is told of a disk, with a property of the board. */
static char *told(const char *prop, const char *value)
{
    uint8_t k[5 * SECTOR];
    struct error e = {""};
    make_bzimage(k);
    store_le32(k + 0x238, 2000);
    struct machine *m = new_board(1);
    m->config.append = "quiet";
    m->config.kernel = file_with(k, sizeof(k));
    CHECK(machine_set(m, "acpi", "off", &e));
    CHECK(!prop || machine_set(m, prop, value, &e));
    CHECK_MSG(machine_build(m, &e), "%s", e.text);
    disk = test_disk(1 << 20);
    struct device *d = device_new(&virtio_blk_device_class, m, NULL);
    d->bus = m->cls->default_bus(m, BUS_VIRTIO);
    CHECK(device_set(d, "drive", "d", &e) && device_create(d, &e));
    CHECK_MSG(machine_finish(m, &e), "%s", e.text);
    machine_reset(m);
    char *text = strdup((const char *)m->ram + PC_COMMAND_LINE);
    unlink(m->config.kernel);
    fake_virt_free(m);
    block_close(disk);
    return text;
}

TEST(a_kernel_without_acpi_is_told_of_virtio_devices)
{
    char *text = told(NULL, NULL);
    CHECK_STR(text, "quiet virtio_mmio.device=512@0xfeb00e00:12");
    free(text);
    text = told("ioapic2", "on");
    CHECK_STR(text, "quiet virtio_mmio.device=512@0xfeb02e00:47");
    free(text);
    text = told("auto-kernel-cmdline", "off");
    CHECK_STR(text, "quiet");
    free(text);
}

TEST(parts_can_be_left_out)
{
    static const struct {
        const char *prop;
        unsigned port, with;
    } cases[] = {{"pic", 0x21, 0}, {"pit", 0x61, 0}, {"rtc", 0x71, 0}, {"isa-serial", 0x3fd, 0x60}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct machine *m = new_board(1);
        struct error e = {""};
        CHECK(machine_set(m, cases[i].prop, "off", &e));
        CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
        CHECK_EQ(in(m, cases[i].port, 1), 0xff);
        fake_virt_free(m);
        m = board(1);
        CHECK(in(m, cases[i].port, 1) != 0xff);
        fake_virt_free(m);
    }
    struct machine *m = new_board(1);
    struct error e = {""};
    CHECK(machine_set(m, "ioapic2", "off", &e));
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    CHECK_EQ(test_load32(m, PC_IOAPIC_BASE(1)), UINT32_MAX);
    CHECK_EQ(microvm_of(m)->first_gsi, 16);
    fake_virt_free(m);
    m = new_board(1);
    CHECK(machine_set(m, "x-oem-id", "OURS", &e) && machine_set(m, "x-oem-table-id", "MINE", &e));
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
    CHECK(memcmp(m->ram + PC_TABLES + 9, "OURS\0\0", 6) == 0);
    fake_virt_free(m);
    m = new_board(1);
    CHECK(machine_set(m, "pcie", "on", &e));
    CHECK(!fake_virt_finish(m, &e));
    CHECK_MSG(strstr(e.text, "only pcie=off is possible"), "%s", e.text);
    fake_virt_free(m);
}

/* ---- for people */

TEST(interrupt_controllers_say_what_is_pending)
{
    struct machine *m = board(2);
    struct strbuf s = {0};
    lapic_write(m, 0, 0xf0, 0x1ff);
    redirect(m, 0, 4, 0x41);
    redirect(m, 1, 3, 0x8752 | 1u << 16);
    out(m, 0x3f9, 1, 2);
    for (struct device *d = m->devices; d; d = d->next) {
        if (d->cls->info) {
            d->cls->info(d, &s);
        }
    }
    static const char *const lines[] = {
        "lapic of CPU 0: id=0 base=900 tpr=00 ppr=00 svr=1ff esr=0\n",
        "  isr (none)\n  irr 41\n",
        "lapic of CPU 1: id=1 base=800 ",
        "  pin 4  0x0000000000000041 dest=0 vec=65  edge         fixed  physical active\n",
        "  pin 3  0x0000000000018752 dest=0 vec=82  level masked ExtINT physical\n",
        "pic0: irr=11 imr=00 isr=00 hprio=0 irq_base=00 rr_sel=0 elcr=00 fnm=0\n",
    };
    for (size_t i = 0; i < array_len(lines); i++) {
        CHECK_MSG(strstr(strbuf_text(&s), lines[i]), "no \"%s\" in: %s", lines[i], strbuf_text(&s));
    }
    strbuf_free(&s);
    fake_virt_free(m);
}
