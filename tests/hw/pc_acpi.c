/* SPDX-License-Identifier: MIT */
/* ACPI tables of pc and q35 as firmware gets them: their sums and links, what they say of registers
 * that firmware has moved; and iasl takes them to pieces and puts them together again. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "hw/i386/pc_board.h"
#include "hw/numa.h"
#include "hw/nvram/fw_cfg.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/given.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)
#define TABLES_MAX 16

static struct machine *new_board(const struct machine_class *cls)
{
    struct machine *m = fake_machine_new(cls);
    fake_virt_cpus(m, 3);
    m->config.ram_bytes = 32 * MIB;
    m->config.bios = given_firmware();
    m->backends = given_backends;
    m->power = &fake_power;
    return m;
}

static void finish(struct machine *m)
{
    struct error e = {""};
    CHECK_MSG(fake_virt_finish(m, &e), "%s", e.text);
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

static void set_config(struct machine *m, unsigned devfn, unsigned offset, uint32_t value)
{
    out(m, 0xcf8, 4, 0x80000000u | devfn << 8 | offset);
    out(m, 0xcfc, 4, value);
}

/* ---- the blob of tables, and where each begins */

struct tables {
    uint8_t bytes[0x10000];
    size_t n;
    unsigned count;
    size_t at[TABLES_MAX];
};

static void read_file(struct machine *m, const char *name, struct tables *t)
{
    uint8_t row[64];
    out(m, 0x510, 2, FW_CFG_FILE_DIR);
    for (unsigned i = 0; i < 4; i++) {
        row[i] = (uint8_t)in(m, 0x511, 1);
    }
    for (uint32_t i = 0, files = load_be32(row); i < files; i++) {
        for (unsigned k = 0; k < 64; k++) {
            row[k] = (uint8_t)in(m, 0x511, 1);
        }
        if (strcmp((const char *)row + 8, name) == 0) {
            t->n = load_be32(row);
            REQUIRE(t->n <= sizeof(t->bytes));
            out(m, 0x510, 2, load_be16(row + 4));
            for (size_t k = 0; k < t->n; k++) {
                t->bytes[k] = (uint8_t)in(m, 0x511, 1);
            }
            return;
        }
    }
}

static void read_tables(struct machine *m, struct tables *t)
{
    memset(t, 0, sizeof(*t));
    read_file(m, "etc/acpi/tables", t);
    for (size_t at = 0; at + 8 <= t->n && t->count < TABLES_MAX;
         at += load_le32(t->bytes + at + 4)) {
        REQUIRE(load_le32(t->bytes + at + 4) >= 8);
        t->at[t->count++] = at;
    }
}

static const uint8_t *find(const struct tables *t, const char *signature)
{
    for (unsigned i = 0; i < t->count; i++) {
        if (memcmp(t->bytes + t->at[i], signature, 4) == 0) {
            return t->bytes + t->at[i];
        }
    }
    return NULL;
}

/* ---- what they say */

TEST(tables_follow_registers_that_firmware_moves)
{
    static struct tables t;
    given_begin();
    struct machine *m = new_board(&q35_machine_class);
    finish(m);
    read_tables(m, &t);
    REQUIRE(find(&t, "FACP") && find(&t, "MCFG") && find(&t, "FACS") && find(&t, "DSDT"));
    CHECK_EQ(find(&t, "FACS") - t.bytes, 0);
    CHECK_EQ(load_le32(find(&t, "FACP") + 36), 0);
    CHECK_EQ(load_le32(find(&t, "FACP") + 40), 64);
    CHECK_EQ(load_le32(find(&t, "FACP") + 56), 0x600);
    CHECK_EQ(load_le32(find(&t, "FACP") + 76), 0x608);
    CHECK_EQ(load_le64(find(&t, "FACP") + 120), 0xcf9);
    CHECK_EQ(find(&t, "FACP")[128], 0x0f);
    const size_t n = t.n;
    set_config(m, 0, 0x60, 0xb0000001);
    set_config(m, 0x1f << 3, 0x40, 0xb001);
    read_tables(m, &t);
    CHECK_EQ(t.n, n);
    CHECK_EQ(load_le64(find(&t, "MCFG") + 44), 0xb0000000);
    CHECK_EQ(find(&t, "MCFG")[55], 0xff);
    CHECK_EQ(load_le32(find(&t, "FACP") + 56), 0xb000);
    CHECK_EQ(load_le32(find(&t, "FACP") + 64), 0xb004);
    CHECK_EQ(load_le32(find(&t, "FACP") + 80), 0xb020);
    fake_virt_free(m);
    m = new_board(&pc_machine_class);
    finish(m);
    set_config(m, 1 << 3 | 3, 0x40, 0xb001);
    read_tables(m, &t);
    CHECK_EQ(load_le32(find(&t, "FACP") + 64), 0xb004);
    CHECK_EQ(load_le32(find(&t, "FACP") + 80), 0xafe0); /* these stay */
    CHECK(!find(&t, "MCFG"));
    fake_virt_free(m);
    given_end();
}

TEST(the_madt_has_cpus_controllers_and_levels)
{
    static struct tables t;
    unsigned of[5] = {0};
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    finish(m);
    read_tables(m, &t);
    const uint8_t *madt = find(&t, "APIC");
    REQUIRE(madt);
    for (size_t k = 44; k < load_le32(madt + 4); k += madt[k + 1]) {
        REQUIRE(madt[k] < 5 && madt[k + 1]);
        of[madt[k]]++;
    }
    CHECK_EQ(of[0], 3);
    CHECK_EQ(of[1], 1);
    CHECK_EQ(of[2], 5); /* the timer, and what PCI may lead to */
    CHECK_EQ(of[4], 1);
    fake_virt_free(m);
    given_end();
}

/* The memory of a node that SRAT tells of. */
static uint64_t memory_of(const uint8_t *srat, unsigned node)
{
    uint64_t sum = 0;
    for (size_t k = 48; k < load_le32(srat + 4); k += srat[k + 1]) {
        sum += srat[k] == 1 && load_le32(srat + k + 2) == node ? load_le64(srat + k + 16) : 0;
    }
    return sum;
}

static struct numa *two_nodes(void)
{
    static uint16_t cpu_node[3] = {0, 1, 1};
    static struct numa n;
    n = (struct numa){.count = 2, .cpu_node = cpu_node, .has_distances = true};
    for (unsigned i = 0; i < 2; i++) {
        n.node[i] = (struct numa_node){.present = true, .bytes = 16 * MIB, .has_cpu = true};
        n.distance[i][i] = NUMA_NEAR;
        n.distance[i][1 - i] = NUMA_FAR;
    }
    return &n;
}

TEST(nodes_have_their_memory_on_both_sides_of_the_hole)
{
    static struct tables t;
    struct error e;
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    m->config.numa = two_nodes();
    CHECK(machine_set(m, "max-ram-below-4g", "20M", &e));
    finish(m);
    read_tables(m, &t);
    const uint8_t *srat = find(&t, "SRAT");
    REQUIRE(srat && find(&t, "SLIT"));
    CHECK_EQ(memory_of(srat, 0), 15 * MIB + 0xa0000);
    CHECK_EQ(memory_of(srat, 1), 16 * MIB);
    const uint8_t *last = srat + load_le32(srat + 4) - 40;
    CHECK_EQ(load_le64(last + 8), UINT64_C(1) << 32);
    CHECK_EQ(load_le64(last + 16), 12 * MIB);
    fake_virt_free(m);
    given_end();
}

TEST(tables_tell_of_what_is_there)
{
    static struct tables t;
    struct error e;
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    finish(m);
    read_tables(m, &t);
    REQUIRE(find(&t, "HPET"));
    CHECK_EQ(load_le32(find(&t, "HPET") + 36), test_load32(m, 0xfed00000));
    CHECK_EQ(load_le64(find(&t, "HPET") + 44), 0xfed00000);
    CHECK_EQ(load_le16(find(&t, "FACP") + 109), 3); /* old devices, a keyboard controller */
    fake_virt_free(m);
    m = new_board(&pc_machine_class);
    CHECK(machine_set(m, "hpet", "off", &e) && machine_set(m, "i8042", "off", &e));
    finish(m);
    read_tables(m, &t);
    CHECK(!find(&t, "HPET"));
    CHECK_EQ(load_le16(find(&t, "FACP") + 109), 1);
    CHECK_EQ(test_load32(m, 0xfed00000), UINT32_MAX);
    CHECK_EQ(in(m, 0x64, 1), 0xff);
    fake_virt_free(m);
    given_end();
}

TEST(acpi_can_be_left_out)
{
    static struct tables t;
    struct error e;
    given_begin();
    struct machine *m = new_board(&pc_machine_class);
    CHECK(machine_set(m, "acpi", "off", &e));
    finish(m);
    read_tables(m, &t);
    CHECK_EQ(t.n, 0);
    fake_virt_free(m);
    given_end();
}

/* ---- iasl */

static void save(const char *folder, const uint8_t *table)
{
    char path[80];
    uint8_t sum = 0;
    const size_t n = load_le32(table + 4);
    uint8_t *copy = malloc(n);
    memcpy(copy, table, n);
    for (size_t i = 0; i < n && memcmp(table, "FACS", 4) != 0; i++) {
        sum += copy[i];
    }
    copy[9] -= sum; /* as the firmware does; FACS has none there */
    snprintf(path, sizeof(path), "%s/%.4s.aml", folder, (const char *)table);
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(copy, 1, n, f) == n && fclose(f) == 0);
    free(copy);
}

/* Taken to pieces, and put together without a complaint. */
static void compile(const char *folder, const char *signature)
{
    char command[400];
    snprintf(command, sizeof(command),
             "cd %s && iasl -d %s.aml > log 2>&1 && iasl -p again %s.dsl >> log 2>&1 && "
             "grep -q ' 0 Errors, 0 Warnings' log",
             folder, signature, signature);
    const bool good = system(command) == 0;
    if (!good) {
        snprintf(command, sizeof(command), "grep -A3 -E 'Error|Warning' %s/log", folder);
        CHECK(system(command) >= 0);
    }
    CHECK_MSG(good, "iasl complains of %s in %s", signature, folder);
}

static void check_by_iasl(struct machine *m, const char *folder)
{
    static struct tables t;
    char command[80];
    mkdir(folder, 0700);
    read_tables(m, &t);
    CHECK(t.count >= 5);
    for (unsigned i = 0; i < t.count; i++) {
        char signature[5] = "";
        memcpy(signature, t.bytes + t.at[i], 4);
        if (strcmp(signature, "XSDT") != 0) { /* which has offsets in place of addresses */
            save(folder, t.bytes + t.at[i]);
            compile(folder, signature);
        }
    }
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK(test_state.failures || system(command) == 0);
}

TEST(iasl_has_no_complaint)
{
    char folder[] = "/tmp/pc-acpi-test-XXXXXX", one[60];
    given_begin();
    if (system("command -v iasl > /dev/null") != 0) {
        SKIP("iasl is not installed (package acpica-tools)");
    }
    CHECK(mkdtemp(folder));
    static const struct machine_class *const classes[] = {&pc_machine_class, &q35_machine_class};
    for (unsigned i = 0; i < 4; i++) {
        struct machine *m = new_board(classes[i % 2]);
        m->config.numa = i >= 2 ? two_nodes() : NULL;
        finish(m);
        if (i % 2) {
            set_config(m, 0, 0x60, 0xb0000001);
        }
        snprintf(one, sizeof(one), "%s/%u", folder, i);
        check_by_iasl(m, one);
        fake_virt_free(m);
    }
    rmdir(folder);
    given_end();
}
