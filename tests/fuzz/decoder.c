/* SPDX-License-Identifier: MIT */
/*
 * Hostile code: any words, in any mode of any model, are disassembled, become valid IR and are
 * compiled for each level of this host. Nothing is run. The first bytes of an input choose model
 * and mode, the rest is the code.
 *
 * By itself a bounded test from a seed. For libFuzzer as virtqueue.c.
 */
#include "base/bits.h"
#include "base/mem.h"
#include "cpu/arm/a64_decode.h"
#include "cpu/arm/cpu.h"
#include "cpu/arm/exception.h"
#include "tests/support/levels.h"
#ifndef FUZZ_LIBFUZZER
#include "tests/test.h"
#endif

#define PC UINT64_C(0xffff000012345000)
#define MODELS 4
#define HEADER 16
#define CODE_BYTES 4096

/* Once for the process. */
struct rig {
    struct vcpu *cpus[MODELS];
    struct levels levels;
};

static struct rig *rig_get(void)
{
    static const char *const models[MODELS] = {"max", "cortex-a57", "neoverse-v1,pauth=off",
                                               "cortex-a76"};
    static struct rig rig;
    struct error e;

    if (rig.cpus[0]) {
        return &rig;
    }
    for (unsigned i = 0; i < MODELS; i++) {
        rig.cpus[i] = arm_cpu_class.create(models[i], 0, &e);
        arm_cpu_class.reset(rig.cpus[i]);
    }
    levels_open(&rig.levels, &arm_cpu_class);
    return &rig;
}

/* A mode as a guest may bring it about: what the level excludes is taken out. */
static uint64_t mode_of(uint64_t bits, uint64_t more)
{
    static const uint64_t rare = MODE_STEP_DUE | MODE_IL | MODE_FP_TRAP;
    const uint64_t el = more & 1;
    uint64_t mode = bits & UINT64_C(0x7ffffff) &
                    ~(uint64_t)(3 | 7 << MODE_IDX_SHIFT | 7 << MODE_UIDX_SHIFT);

    mode &= more & 14 ? ~rare : UINT64_MAX;
    mode |= el | (el ? 1 + (more >> 4 & 1) : 0) << MODE_IDX_SHIFT;
    mode |= (more >> 8 & 0x7f) << MODE_FP_SHIFT;
    return el ? mode : mode | (more >> 16 & 0x7ffff) << MODE_TRAPS_SHIFT;
}

/* NULL: all is well. */
static const char *run_input(const uint8_t *data, size_t n)
{
    struct rig *r = rig_get();
    static uint8_t code[CODE_BYTES];
    uint8_t header[HEADER + 1] = {0};
    char text[128];

    memcpy(header, data, n < sizeof(header) ? n : sizeof(header));
    n = n > sizeof(header) ? n - sizeof(header) : 0;
    n = (n < CODE_BYTES ? n : CODE_BYTES) & ~(size_t)3;
    if (!n) {
        return NULL;
    }
    memcpy(code, data + sizeof(header), n);
    for (size_t at = 0; at < n; at += 4) {
        arm_cpu_class.disas(0, code + at, 4, PC + at, text, sizeof(text));
        if (!*text || strlen(text) >= sizeof(text)) {
            return "the text of an instruction";
        }
    }
    const struct levels_code c = {
        .code = code, .n = n, .pc = PC, .mode = mode_of(load_le64(header), load_le64(header + 8))};
    return levels_translate(&r->levels, r->cpus[header[HEADER] % MODELS], &c);
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

/* Half of the words are of a row of the table, so that blocks are not over at once. */
static void fill(struct rng *g, uint8_t *data, size_t words)
{
    rng_bytes(g, data, HEADER + 1);
    for (size_t i = 0; i < words; i++) {
        const unsigned row = (unsigned)rng_below(g, A64_ROW_COUNT);
        uint32_t insn = rng_u32(g);
        if (rng_below(g, 16)) {
            insn = (insn & ~a64_rows[row].mask) | a64_rows[row].value;
        }
        store_le32(data + HEADER + 1 + 4 * i, insn);
    }
}

static void run(unsigned blocks, size_t words_max)
{
    static uint8_t data[HEADER + 1 + CODE_BYTES];
    struct rng g;

    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < blocks * test_scale() && !test_state.failures; i++) {
        const size_t words = 1 + (size_t)rng_below(&g, words_max);
        fill(&g, data, words);
        const char *why = run_input(data, HEADER + 1 + 4 * words);
        CHECK_MSG(!why, "input %u: %s", i, why);
    }
}

TEST(random_code_is_translated)
{
    run(15000, 24);
}

TEST(pages_full_of_random_code_are_translated)
{
    run(50, CODE_BYTES / 4);
}

/* One instruction without any end, over and over: the longest blocks there are. */
TEST(pages_full_of_one_instruction_are_translated)
{
    static uint8_t data[HEADER + 1 + CODE_BYTES];
    struct rng g;

    rng_seed(&g, test_seed());
    for (unsigned row = 0; row < A64_ROW_COUNT && !test_state.failures; row++) {
        rng_bytes(&g, data, HEADER + 1);
        const uint32_t insn = (rng_u32(&g) & ~a64_rows[row].mask) | a64_rows[row].value;
        for (size_t i = 0; i < CODE_BYTES / 4; i++) {
            store_le32(data + HEADER + 1 + 4 * i, insn);
        }
        const char *why = run_input(data, sizeof(data));
        CHECK_MSG(!why, "0x%08x: %s", insn, why);
    }
}

#endif
