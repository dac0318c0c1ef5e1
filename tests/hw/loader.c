/* SPDX-License-Identifier: MIT */
/* The generic loader, -device loader. */
#include <unistd.h>

#include "base/bits.h"
#include "hw/classes.h"
#include "tests/support/machine.h"
#include "tests/test.h"

static bool create(struct machine *m, const char *const pairs[][2], struct error *e)
{
    struct device *d = device_new(&loader_class, m, NULL);
    bool good = true;
    for (; (*pairs)[0] && good; pairs++) {
        good = device_set(d, (*pairs)[0], (*pairs)[1], e);
    }
    if (!good || !device_create(d, e)) {
        device_free(d);
        return false;
    }
    return true;
}

#define CREATE(m, e, ...) create(m, (const char *const[][2]){__VA_ARGS__, {NULL, NULL}}, e)

TEST(numbers_are_stored_in_either_byte_order_at_each_reset)
{
    struct machine *m = test_machine_new(4096);
    struct error e;
    CHECK(CREATE(m, &e, {"addr", "0x40000010"}, {"data", "0x11223344"}, {"data-len", "4"}));
    CHECK(CREATE(m, &e, {"addr", "0x40000020"}, {"data", "0x1122334455667788"}, {"data-len", "8"},
                 {"data-be", "on"}));
    CHECK(machine_finish(m, &e));
    machine_reset(m);
    CHECK_EQ(test_load32(m, 0x40000010), 0x11223344);
    CHECK_EQ(test_load(m, 0x40000020, 8), 0x8877665544332211);
    test_store32(m, 0x40000010, 0);
    machine_reset(m);
    CHECK_EQ(test_load32(m, 0x40000010), 0x11223344);
    test_machine_free(m);
}

TEST(file_goes_to_its_address_as_it_is)
{
    char path[] = "/tmp/loader-test-XXXXXX";
    int fd = mkstemp(path);
    CHECK(write(fd, "\177ELF is not what follows", 24) == 24);
    close(fd);
    struct machine *m = test_machine_new(4096);
    struct error e;
    CHECK(CREATE(m, &e, {"file", path}, {"addr", "0x40000100"}, {"force-raw", "on"}));
    CHECK(machine_finish(m, &e));
    machine_reset(m);
    CHECK_EQ(test_load32(m, 0x40000100), 0x464c457f);
    CHECK(!CREATE(m, &e, {"file", path}, {"addr", "0x40000800"}));
    CHECK(strstr(e.text, "the ELF file is truncated"));
    unlink(path);
    test_machine_free(m);
}

static void write_text(char *path, const char *text)
{
    strcpy(path, "/tmp/loader-test-XXXXXX");
    int fd = mkstemp(path);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

TEST(intel_hex_records_go_to_their_addresses)
{
    char path[32];
    write_text(path, ":020000044000BA\r\n"
                     ":040100001122334451\r\n"
                     ":04010400556677883D\n"              /* goes on */
                     ":020000024000BC\n:02FFFF00AABB9B\n" /* a segment: 64 KiB from 0x40000 */
                     ":0400000540000100B6\n:00000001FF\nwhat follows is not read");
    struct machine *m = test_machine_new(4096);
    struct error e;
    CHECK(CREATE(m, &e, {"file", path}));
    const struct placement *p = m->placements.first;
    REQUIRE(p && p->next && !p->next->next);
    CHECK_EQ(p->base, 0x4ffff);
    CHECK_EQ(p->size, 2);
    CHECK_EQ(p->next->base, 0x40000100);
    CHECK_EQ(p->next->size, 8);
    CHECK(memcmp(p->next->bytes, "\x11\x22\x33\x44\x55\x66\x77\x88", 8) == 0);
    unlink(path);
    test_machine_free(m);
}

static void refuses_hex(const char *text, const char *part)
{
    char path[32];
    struct machine *m = test_machine_new(4096);
    struct error e = {""};
    write_text(path, text);
    CHECK(!CREATE(m, &e, {"file", path}));
    CHECK_MSG(strstr(e.text, part), "\"%s\" does not say \"%s\"", e.text, part);
    unlink(path);
    test_machine_free(m);
}

TEST(damaged_intel_hex_files_are_refused)
{
    refuses_hex(":020000044000BA\n", "the Intel HEX file is truncated");
    refuses_hex(":020000044000BA\n:0100000011EF\n", "line 2 of the Intel HEX file is no record");
    refuses_hex(":020000044000BA\n:01000000", "line 2 of the Intel HEX file is no record");
    refuses_hex(":020000044000BA\nx", "line 2 of the Intel HEX file is no record");
    refuses_hex(":020000044000BA\n:00000006FA\n",
                "line 2 of the Intel HEX file is of no known type");
    refuses_hex(":020000044000BA\n:0100000440BB\n", "is too long or too short for its type");
    refuses_hex(":020000044000BA\n:0100000011EE\n:0100010011ED\n:0100000011EE\n:00000001FF\n",
                "overlaps");
}

TEST(guest_loader_places_its_file_and_tells_of_it)
{
    char path[32];
    struct machine *m = test_machine_new(4096);
    struct error e;
    write_text(path, "guest");
    struct device *d = device_new(&guest_loader_class, m, NULL);
    CHECK(device_set(d, "kernel", path, &e) && device_set(d, "addr", "0x40000200", &e) &&
          device_set(d, "bootargs", "quiet", &e) && device_create(d, &e));
    CHECK(machine_finish(m, &e));
    machine_reset(m);
    CHECK_EQ(test_load32(m, 0x40000200), 0x73657567);
    REQUIRE(m->modules);
    CHECK(!m->modules->ramdisk && m->modules->addr == 0x40000200 && m->modules->bytes == 5);
    CHECK_STR(m->modules->bootargs, "quiet");
    unlink(path);
    test_machine_free(m);
}

TEST(guest_loader_refuses_what_it_cannot_do)
{
    static const struct {
        const char *kernel, *initrd, *addr, *bootargs, *part;
    } cases[] = {
        {NULL, NULL, "0x40000000", NULL, "kernel= or initrd= is needed"},
        {"x", NULL, NULL, NULL, "addr= is needed"},
        {"x", "y", "0x40000000", NULL, "exclude each other"},
        {NULL, "y", "0x40000000", "quiet", "bootargs= is for kernel="},
        {"/nonexistent", NULL, "0x40000000", NULL, "No such file"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct machine *m = test_machine_new(4096);
        struct device *d = device_new(&guest_loader_class, m, NULL);
        struct error e = {""};
        CHECK(!cases[i].kernel || device_set(d, "kernel", cases[i].kernel, &e));
        CHECK(!cases[i].initrd || device_set(d, "initrd", cases[i].initrd, &e));
        CHECK(!cases[i].addr || device_set(d, "addr", cases[i].addr, &e));
        CHECK(!cases[i].bootargs || device_set(d, "bootargs", cases[i].bootargs, &e));
        CHECK(!device_create(d, &e));
        CHECK_MSG(strstr(e.text, cases[i].part), "\"%s\" does not say \"%s\"", e.text,
                  cases[i].part);
        device_free(d);
        test_machine_free(m);
    }
}

TEST(nonsense_is_refused)
{
    struct machine *m = test_machine_new(4096);
    struct error e;
    CHECK(!CREATE(m, &e, {"addr", "0x1000"}));
    CHECK_STR(e.text, "loader: one of file=, data= with data-len=, or cpu-num= is needed");
    CHECK(!CREATE(m, &e, {"data-len", "9"}));
    CHECK_STR(e.text, "loader: data-len=9: from 1 to 8 are possible");
    CHECK(!CREATE(m, &e, {"file", "x"}, {"data-len", "4"}));
    CHECK(!CREATE(m, &e, {"file", "x"}, {"data-be", "on"}));
    CHECK(!CREATE(m, &e, {"data", "4"}, {"addr", "0x40000000"}));
    CHECK_STR(e.text, "loader: data= needs data-len=, from 1 to 8");
    CHECK(!CREATE(m, &e, {"data", "4"}, {"data-len", "4"}, {"force-raw", "on"}));
    CHECK_STR(e.text, "loader: force-raw= is for file=");
    CHECK(!CREATE(m, &e, {"file", "/nonexistent"}));
    CHECK_STR(e.text, "loader /nonexistent: No such file or directory");
    CHECK(!CREATE(m, &e, {"cpu-num", "3"}));
    CHECK_STR(e.text, "loader: cpu-num=3: the machine has 0 vCPUs, counted from 0");
    CHECK(CREATE(m, &e, {"data-len", "4"}, {"addr", "0x1000"}));
    CHECK(!machine_finish(m, &e));
    CHECK_STR(e.text, "loader data: there is no memory at 0x1000");
    test_machine_free(m);
}
