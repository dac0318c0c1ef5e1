/* SPDX-License-Identifier: MIT */
/* The generic loader, -device loader. */
#include <unistd.h>

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

TEST(nonsense_is_refused)
{
    struct machine *m = test_machine_new(4096);
    struct error e;
    CHECK(!CREATE(m, &e, {"addr", "0x1000"}));
    CHECK_STR(e.text, "loader: one of file=, data= with data-len=, or cpu-num= is needed");
    CHECK(!CREATE(m, &e, {"data-len", "9"}));
    CHECK_STR(e.text, "loader: data-len=9: from 1 to 8 are possible");
    CHECK(!CREATE(m, &e, {"file", "x"}, {"data-len", "4"}));
    CHECK(!CREATE(m, &e, {"file", "/nonexistent"}));
    CHECK_STR(e.text, "loader /nonexistent: No such file or directory");
    CHECK(!CREATE(m, &e, {"cpu-num", "3"}));
    CHECK_STR(e.text, "loader: cpu-num=3: the machine has 0 vCPUs, counted from 0");
    CHECK(CREATE(m, &e, {"data-len", "4"}, {"addr", "0x1000"}));
    CHECK(!machine_finish(m, &e));
    CHECK_STR(e.text, "loader data: there is no memory at 0x1000");
    test_machine_free(m);
}
