/* SPDX-License-Identifier: MIT */
/* Kernels that begin in 32-bit mode: what firmware's option ROM is given of them, and which are
 * refused. */
#include <unistd.h>

#include "base/bits.h"
#include "hw/i386/pc_kernel.h"
#include "tests/hw/fake_arm.h"
#include "tests/support/given.h"
#include "tests/support/machine.h"
#include "tests/test.h"

#define MIB (UINT64_C(1) << 20)
#define FILE_BYTES 4096u
#define LOAD 0x200000u
#define HEADER 0x40u

/* A multiboot kernel by addresses: its header is at HEADER, the file at LOAD. */
static void make_kernel(uint8_t *k)
{
    memset(k, 0x90, FILE_BYTES);
    uint8_t *h = k + HEADER;
    store_le32(h, 0x1badb002);
    store_le32(h + 4, 0x10003);
    store_le32(h + 8, (uint32_t) - (0x1badb002 + 0x10003));
    store_le32(h + 12, LOAD + HEADER);
    store_le32(h + 16, LOAD);
    store_le32(h + 20, 0);
    store_le32(h + 24, LOAD + 2 * FILE_BYTES);
    store_le32(h + 28, LOAD + 0x80);
}

static char *file_with(const void *bytes, size_t n)
{
    char *name = strdup("/tmp/pc-flat-test-XXXXXX");
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

/* The board with that kernel, and its modules; NULL: e says why. */
static struct machine *start(const char *kernel, const char *initrd, struct error *e)
{
    struct machine *m = fake_machine_new(&pc_machine_class);
    fake_virt_cpus(m, 1);
    m->config.ram_bytes = 16 * MIB;
    m->config.bios = given_firmware();
    m->config.kernel = kernel;
    m->config.initrd = initrd;
    m->config.append = "words";
    m->backends = given_backends;
    m->power = &fake_power;
    if (fake_virt_finish(m, e)) {
        return m;
    }
    fake_virt_free(m);
    return NULL;
}

static void read_item(struct machine *m, unsigned key, uint8_t *bytes, size_t n)
{
    struct space *ports = m->vcpus[0]->spaces[X86_SPACE_PORTS];
    uint64_t value = 0;
    CHECK(space_store(ports, 0x510, 2, key));
    for (size_t i = 0; i < n; i++) {
        CHECK(space_load(ports, 0x511, 1, &value));
        bytes[i] = (uint8_t)value;
    }
}

static uint32_t item32(struct machine *m, unsigned key)
{
    uint8_t bytes[4];
    read_item(m, key, bytes, 4);
    return load_le32(bytes);
}

TEST(a_multiboot_kernel_lies_where_its_header_says_with_its_modules_behind)
{
    static uint8_t k[FILE_BYTES], image[2 * FILE_BYTES], info[512];
    struct error e = {""};
    char list[120];
    given_begin();
    make_kernel(k);
    char *kernel = file_with(k, sizeof(k)), *a = file_with("first", 5), *b = file_with("next", 4);
    snprintf(list, sizeof(list), "%s one two,%s", a, b);
    struct machine *m = start(kernel, list, &e);
    CHECK_MSG(m, "%s", e.text);
    REQUIRE(m);
    CHECK_EQ(item32(m, FW_CFG_KERNEL_ADDR), LOAD);
    CHECK_EQ(item32(m, FW_CFG_KERNEL_ENTRY), LOAD + 0x80);
    CHECK_EQ(item32(m, FW_CFG_KERNEL_SIZE), sizeof(image));
    read_item(m, FW_CFG_KERNEL_DATA, image, sizeof(image));
    CHECK(memcmp(image, k, FILE_BYTES) == 0);
    CHECK_EQ(image[FILE_BYTES], 0);
    const uint32_t first = item32(m, FW_CFG_INITRD_ADDR);
    CHECK_EQ(first, LOAD + sizeof(image));
    CHECK_EQ(item32(m, FW_CFG_INITRD_SIZE), 2 * 4096);
    CHECK_EQ(item32(m, FW_CFG_INITRD_DATA), 0x73726966); /* "firs" */
    read_item(m, FW_CFG_SETUP_DATA, info, sizeof(info));
    CHECK_EQ(load_le32(info) & 0x4d, 0x4d); /* memory, words, modules, map */
    CHECK_EQ(load_le32(info + 20), 2);
    CHECK_EQ(load_le32(info + 48), PC_ROM_MAP);
    const uint8_t *row = info + (load_le32(info + 24) - PC_ROM_INFO);
    CHECK_EQ(load_le32(row), first);
    CHECK_EQ(load_le32(row + 4), first + 5);
    CHECK_MSG(strstr((const char *)info + (load_le32(row + 8) - PC_ROM_INFO), " one two"),
              "the module's words");
    CHECK_EQ(load_le32(row + 16), first + 4096);
    CHECK_EQ(load_le32(row + 20), first + 4096 + 4);
    CHECK_MSG(strstr((const char *)info + (load_le32(info + 16) - PC_ROM_INFO), " words"),
              "the kernel's words");
    fake_virt_free(m);
    drop_file(kernel);
    drop_file(a);
    drop_file(b);
    given_end();
}

TEST(multiboot_kernels_that_cannot_be_are_refused)
{
    static const struct {
        unsigned at;
        uint32_t value;
        const char *why;
    } cases[] = {
        {12, LOAD - 4, "addresses that cannot be"},      /* the header lies before the file */
        {12, LOAD + 0x1000, "addresses that cannot be"}, /* and so would the file before itself */
        {20, LOAD - 1, "addresses that cannot be"},      /* it ends before it begins */
        {20, LOAD + 0x2000, "the kernel is truncated"},  /* there is not so much of it */
        {24, 0xfffff000, "it is from 0x200000 to 0xfffff000; there is memory from 0x100000 to"},
        {8, 0, "no x86 kernel"}, /* a wrong sum */
    };
    static uint8_t k[FILE_BYTES];
    given_begin();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct error e = {""};
        make_kernel(k);
        store_le32(k + HEADER + cases[i].at, cases[i].value);
        char *kernel = file_with(k, sizeof(k));
        CHECK(!start(kernel, NULL, &e));
        CHECK_MSG(strstr(e.text, cases[i].why), "%zu: %s", i, e.text);
        drop_file(kernel);
    }
    given_end();
}

TEST(modules_that_cannot_be_are_refused)
{
    static uint8_t k[FILE_BYTES];
    struct error e = {""};
    char list[2000] = "/dev/null";
    given_begin();
    make_kernel(k);
    char *kernel = file_with(k, sizeof(k)), *a = file_with("first", 5);
    CHECK(!start(kernel, "/nowhere/module words", &e));
    CHECK_MSG(strstr(e.text, "-initrd /nowhere/module: "), "%s", e.text);
    strcpy(list, a);
    for (unsigned i = 0; i < 64; i++) {
        strcat(list, ",");
        strcat(list, a);
    }
    CHECK(!start(kernel, list, &e));
    CHECK_MSG(strstr(e.text, "more than 64 modules"), "%s", e.text);
    drop_file(kernel);
    drop_file(a);
    given_end();
}

TEST(random_kernels_do_no_harm)
{
    static uint8_t k[FILE_BYTES];
    unsigned seed = 1, refused = 0;
    given_begin();
    for (unsigned i = 0; i < 200; i++) {
        struct error e = {""};
        make_kernel(k);
        for (unsigned n = 0; n < 3; n++) {
            seed = seed * 1664525 + 1013904223;
            k[HEADER + 4 + 4 * (seed >> 8) % 28] = (uint8_t)(seed >> 16);
        }
        store_le32(k + HEADER + 8, (uint32_t) - (0x1badb002 + load_le32(k + HEADER + 4)));
        char *kernel = file_with(k, sizeof(k));
        struct machine *m = start(kernel, NULL, &e);
        CHECK(m || e.text[0]);
        refused += !m;
        if (m) {
            fake_virt_free(m);
        }
        drop_file(kernel);
    }
    CHECK(refused > 10);
    given_end();
}
