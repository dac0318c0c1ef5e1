/* SPDX-License-Identifier: MIT */
/* The writer of ACPI's machine language, and the generic event device. What tables say of a whole
 * machine is in tests/cli/firmware.sh. */
#include "hw/acpi/aml.h"
#include "hw/acpi/ged.h"
#include "tests/support/machine.h"
#include "tests/test.h"

/* What was written is this; then nothing is. */
static void check(struct aml *a, const char *bytes, size_t n)
{
    CHECK_EQ(a->out.len, n);
    CHECK(a->out.len == n && memcmp(a->out.text, bytes, n) == 0);
    CHECK_EQ(a->depth, 0);
    strbuf_free(&a->out);
}

#define CHECK_AML(a, bytes) check(a, bytes, sizeof(bytes) - 1)

TEST(integers_take_as_few_bytes_as_they_need)
{
    struct aml a = {.depth = 0};
    const uint64_t values[] = {
        0, 1, 2, 0xff, 0x100, 0xffff, 0x10000, UINT32_MAX, UINT64_C(1) << 32};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        aml_int(&a, values[i]);
    }
    CHECK_AML(&a, "\x00\x01\x0a\x02\x0a\xff\x0b\x00\x01\x0b\xff\xff\x0c\x00\x00\x01\x00"
                  "\x0c\xff\xff\xff\xff\x0e\x00\x00\x00\x00\x01\x00\x00\x00");
}

TEST(names_have_segments_of_four_and_prefixes)
{
    struct aml a = {.depth = 0};
    aml_ref(&a, "X");
    aml_ref(&a, "\\_SB");
    aml_ref(&a, "\\_SB.PCI0");
    aml_ref(&a, "A.B.C");
    CHECK_AML(&a, "X___\\_SB_\\\x2e_SB_PCI0\x2f\x03"
                  "A___B___C___");
}

/* Bytes of a length that counts itself, where n bytes follow. */
static void check_length(size_t n, const char *bytes, size_t length)
{
    struct aml a = {.depth = 0};
    aml_else(&a);
    for (size_t i = 0; i < n; i++) {
        aml_int(&a, 0);
    }
    aml_end(&a);
    CHECK_EQ(a.out.len, 1 + length + n);
    CHECK_MSG(memcmp(a.out.text + 1, bytes, length) == 0, "%zu bytes", n);
    strbuf_free(&a.out);
}

TEST(lengths_count_themselves_and_grow)
{
    check_length(0, "\x01", 1);
    check_length(62, "\x3f", 1);
    check_length(63, "\x41\x04", 2);
    check_length(4093, "\x4f\xff", 2);
    check_length(4094, "\x81\x00\x01", 3);
    check_length(0xffffc, "\x8f\xff\xff", 3);
    check_length(0xffffd, "\xc1\x00\x00\x01", 4);
}

TEST(what_holds_others_nests)
{
    struct aml a = {.depth = 0};
    aml_scope(&a, "\\_SB");
    aml_device(&a, "DEV");
    aml_method(&a, "_STA", 0, true);
    aml_op(&a, AML_RETURN);
    aml_int(&a, 15);
    aml_end(&a);
    aml_end(&a);
    aml_end(&a);
    CHECK_AML(&a, "\x10\x17\\_SB_\x5b\x82\x0f"
                  "DEV_\x14\x09_STA\x08\xa4\x0a\x0f");
}

TEST(resources_have_a_size_and_an_end)
{
    struct aml a = {.depth = 0};
    aml_resources(&a);
    aml_memory32(&a, 0x09000000, 0x1000);
    aml_interrupt(&a, AML_EDGE, 41);
    aml_end(&a);
    CHECK_AML(&a, "\x11\x1a\x0a\x17\x86\x09\x00\x01\x00\x00\x00\x09\x00\x10\x00\x00"
                  "\x89\x06\x00\x03\x01\x29\x00\x00\x00\x79\x00");
}

TEST(uuids_have_their_first_groups_turned)
{
    struct aml a = {.depth = 0};
    aml_uuid(&a, "33db4d5b-1ff7-401c-9657-7441c03dD766");
    CHECK_AML(&a,
              "\x11\x13\x0a\x10\x5b\x4d\xdb\x33\xf7\x1f\x1c\x40\x96\x57\x74\x41\xc0\x3d\xd7\x66");
}

#define GED_BASE UINT64_C(0x09080000)

TEST(an_event_is_an_edge_and_is_read_once)
{
    struct machine *m = test_machine_new(4096);
    struct device *d = test_device(m, &ged_class, NULL);
    struct test_line line = {0};
    d->irq[0] = test_line_irq(&line);
    device_map(d, m->memory, GED_BASE);
    CHECK_EQ(test_load32(m, GED_BASE), 0);
    ged_raise(d, GED_POWER_DOWN);
    CHECK_EQ(line.rises, 1);
    CHECK_EQ(line.level, 0);
    CHECK(test_round_trip(d));
    CHECK_EQ(test_load32(m, GED_BASE), GED_POWER_DOWN);
    CHECK_EQ(test_load32(m, GED_BASE), 0);
    ged_raise(d, GED_POWER_DOWN);
    device_reset(d);
    CHECK_EQ(test_load32(m, GED_BASE), 0);
    test_store32(m, GED_BASE, 0xff);
    CHECK_EQ(test_load32(m, GED_BASE), 0);
    test_machine_free(m);
}
