/* SPDX-License-Identifier: MIT */
/*
 * Hostile x86 code: any bytes, in any mode, are disassembled, become valid IR and are compiled for
 * each level of this host. Nothing is run. The first bytes of an input choose the mode, the rest is
 * the code.
 *
 * By itself a bounded test from a seed. For libFuzzer as virtqueue.c.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "cpu/x86/cpu.h"
#include "cpu/x86/x86_decode.h"
#include "tests/support/levels.h"
#ifndef FUZZ_LIBFUZZER
#include "tests/test.h"
#endif

#define HEADER 8
#define CODE_BYTES 4096

/* Once for the process. */
struct rig {
    struct vcpu *cpu;
    struct levels levels;
};

static struct rig *rig_get(void)
{
    static struct rig rig;
    struct error e;

    if (rig.cpu) {
        return &rig;
    }
    rig.cpu = x86_cpu_class.create("max", 0, &e);
    x86_cpu_class.reset(rig.cpu);
    levels_open(&rig.levels, &x86_cpu_class);
    return &rig;
}

/* A mode as a guest may bring it about: 64-bit code has neither bases nor limits. */
static uint64_t mode_of(uint64_t bits)
{
    const uint64_t segments = UINT64_C(0xfff) << X86_KEY_BASE_SHIFT;
    uint64_t key = (bits & UINT64_C(0x7ffffc)) | (bits >> 32) % 3;

    if ((key & 3) == 2) {
        key &= ~(segments | X86_KEY_VM86 | X86_KEY_BIG_STACK);
        key |= X86_KEY_PROTECTED | X86_KEY_LONG;
    }
    return key & X86_KEY_PROTECTED ? key & ~(uint64_t)X86_KEY_VM86 : key;
}

/* NULL: all is well. */
static const char *run_input(const uint8_t *data, size_t n)
{
    static uint8_t code[CODE_BYTES];
    struct rig *r = rig_get();
    uint8_t header[HEADER] = {0};
    char text[128];

    memcpy(header, data, n < HEADER ? n : HEADER);
    n = n > HEADER ? n - HEADER : 0;
    n = n < CODE_BYTES ? n : CODE_BYTES;
    if (!n) {
        return NULL;
    }
    memcpy(code, data + HEADER, n);
    const uint64_t mode = mode_of(load_le64(header));
    const uint64_t pc = (mode & 3) == 2 ? UINT64_C(0xffff800012345000) : 0x2000;
    for (size_t at = 0, length; at < n; at += length) {
        length = x86_cpu_class.disas(mode, code + at, n - at, pc + at, text, sizeof(text));
        if (!length) {
            break; /* more bytes are needed than there are */
        }
        if (!*text || strlen(text) >= sizeof(text) || length > n - at) {
            return "the text of an instruction";
        }
    }
    const struct levels_code c = {.code = code,
                                  .n = n,
                                  .pc = pc,
                                  .mode = mode,
                                  .aux = (mode & 3) == 2 ? 0 : UINT64_C(0x12340) << 32};
    return levels_translate(&r->levels, r->cpu, &c);
}

#ifdef FUZZ_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (run_input(data, n)) {
        abort();
    }
    return 0;
}

#else

/* Most instructions are of a row of the map, so that blocks are not over at once. */
static void fill(struct rng *g, uint8_t *data, size_t bytes)
{
    rng_bytes(g, data, HEADER + bytes);
    const unsigned mode = 2u << (mode_of(load_le64(data)) & 3);
    for (size_t at = 0; at + 15 < bytes;) {
        const unsigned row = (unsigned)rng_below(g, X86_ROW_COUNT);
        const unsigned n = rng_below(g, 16) ? x86_random_row(g, row, mode, data + HEADER + at) : 1;
        at += n ? n : 1;
    }
}

static void run(unsigned blocks, size_t bytes_max)
{
    static uint8_t data[HEADER + CODE_BYTES];
    struct rng g;

    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < blocks * test_scale() && !test_state.failures; i++) {
        const size_t bytes = 1 + (size_t)rng_below(&g, bytes_max);
        fill(&g, data, bytes);
        const char *why = run_input(data, HEADER + bytes);
        CHECK_MSG(!why, "input %u: %s", i, why);
    }
}

TEST(random_code_is_translated)
{
    run(8000, 100);
}

/* One instruction without any end, over and over: the longest blocks there are. */
TEST(pages_full_of_one_instruction_are_translated)
{
    static uint8_t data[HEADER + CODE_BYTES];
    struct rng g;

    rng_seed(&g, test_seed());
    for (unsigned row = 0; row < X86_ROW_COUNT && !test_state.failures; row++) {
        rng_bytes(&g, data, HEADER);
        const unsigned mode = 2u << (mode_of(load_le64(data)) & 3);
        const unsigned n = x86_random_row(&g, row, mode, data + HEADER);
        for (size_t at = n; n && at + n <= CODE_BYTES; at += n) {
            memcpy(data + HEADER + at, data + HEADER, n);
        }
        const char *why = n ? run_input(data, sizeof(data)) : NULL;
        CHECK_MSG(!why, "row %s: %s", x86_rows[row].name, why);
    }
}

#endif
