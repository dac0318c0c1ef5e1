/* SPDX-License-Identifier: MIT */
/* ELF files of either word size and byte order, and what is said of those of other machines. */
#include <string.h>

#include "base/bits.h"
#include "hw/elf.h"
#include "tests/support/kernels.h"
#include "tests/support/machine.h"
#include "tests/test.h"

enum {
    MACHINE = 0x7177
};

struct fields {
    const struct arch_elf *kind;
    uint8_t *at;
};

static void put(struct fields *f, unsigned bytes, uint64_t value)
{
    if (f->kind->big_endian) {
        store_be(f->at, bytes, value);
    } else {
        store_le(f->at, bytes, value);
    }
    f->at += bytes;
}

/* Header, one program header, 16 bytes of 0x5a for 0x40000100; entry 8 bytes in. */
static size_t make(uint8_t *out, const struct arch_elf *k)
{
    struct fields f = {k, out + 16};
    const unsigned word = k->bits / 8;
    const unsigned header = k->bits == 64 ? 64 : 52, segment = k->bits == 64 ? 56 : 32;
    memset(out, 0, header + segment);
    memcpy(out, "\177ELF", 4);
    out[4] = (uint8_t)(k->bits / 32);
    out[5] = k->big_endian ? 2 : 1;
    put(&f, 2, 2);
    put(&f, 2, k->machine);
    put(&f, 4, 1);
    put(&f, word, 0x40000108);
    put(&f, word, header);
    put(&f, word, 0);
    put(&f, 4, 0);
    put(&f, 2, header);
    put(&f, 2, segment);
    put(&f, 2, 1);
    f.at = out + header;
    put(&f, 4, 1);
    if (word == 8) {
        put(&f, 4, 5);
    }
    put(&f, word, header + segment);
    put(&f, word, 0x40000100);
    put(&f, word, 0x40000100);
    put(&f, word, 16);
    put(&f, word, 32);
    memset(out + header + segment, 0x5a, 16);
    return header + segment + 16;
}

static bool place(struct machine *m, const uint8_t *file, size_t n, const struct arch_elf *kinds,
                  struct elf_info *info, struct error *e)
{
    const struct elf_file f = {"file", file, n};
    return elf_place(&f, kinds, &m->placements, info, e);
}

TEST(both_word_sizes_and_byte_orders_are_read)
{
    static const struct arch_elf kinds[] = {{MACHINE, 32, false, "little32"},
                                            {MACHINE, 32, true, "big32"},
                                            {MACHINE, 64, false, "little64"},
                                            {MACHINE, 64, true, "big64"},
                                            {0}};
    for (unsigned i = 0; i < 4; i++) {
        struct machine *m = test_machine_new(4096);
        struct elf_info info;
        struct error e;
        uint8_t file[256];
        const size_t n = make(file, &kinds[i]);
        REQUIRE(place(m, file, n, kinds, &info, &e));
        CHECK_EQ(info.entry, 0x40000108);
        CHECK_EQ(info.low, 0x40000100);
        CHECK_EQ(info.high, 0x40000120);
        REQUIRE(machine_finish(m, &e));
        machine_reset(m);
        CHECK_EQ(test_load32(m, 0x4000010c), 0x5a5a5a5a);
        CHECK(!place(m, file, n - 1, kinds, &info, &e));
        CHECK_STR(e.text, "file: the ELF file is truncated");
        test_machine_free(m);
    }
}

TEST(other_kinds_are_refused_by_name)
{
    static const struct arch_elf mine[] = {{MACHINE, 32, true, "mine"}, {0}}, none[] = {{0}};
    static const struct {
        struct arch_elf kind;
        const char *text;
    } cases[] = {
        {{ELF_X86_64, 64, false, NULL}, "file: an ELF file for x86-64, not for mine"},
        {{ELF_AARCH64, 64, false, NULL}, "file: an ELF file for AArch64, not for mine"},
        {{4711, 32, false, NULL}, "file: an ELF file for another machine, not for mine"},
        {{MACHINE, 64, true, NULL}, "file: not a 32-bit big-endian ELF file"},
        {{MACHINE, 32, false, NULL}, "file: not a 32-bit big-endian ELF file"},
    };
    struct machine *m = test_machine_new(4096);
    struct elf_info info;
    struct error e;
    uint8_t file[256];
    for (size_t i = 0; i < array_len(cases); i++) {
        const size_t n = make(file, &cases[i].kind);
        CHECK(!place(m, file, n, mine, &info, &e));
        CHECK_STR(e.text, cases[i].text);
    }
    CHECK(!place(m, file, make(file, &mine[0]), none, &info, &e));
    CHECK_STR(e.text, "file: an ELF file, of which this machine's CPUs run none");
    test_machine_free(m);
}
