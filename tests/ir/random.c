/* SPDX-License-Identifier: MIT */
/*
 * Random blocks: written, printed, read back and folded must verify, and leave the same state. A
 * block that fails is printed with its seed.
 */
#include "tests/ir/random.h"

static struct ir_builder plain, again, folded;

static void setup(void)
{
    if (!plain.insns) {
        ir_builder_init(&plain, &rig_guest);
        ir_builder_init(&again, &rig_guest);
        ir_builder_init(&folded, &rig_guest);
    }
}

static bool read_back(struct ir_builder *b, const char *text, bool fold)
{
    struct error e;

    ir_begin(b, RIG_PC, 0);
    b->no_fold = !fold;
    const bool ok = ir_parse(b, text, &e) && ir_verify(b, &e);
    CHECK_MSG(ok, "%s, in %s", e.text, text);
    return ok;
}

static void clean_flags(struct rig *r)
{
    r->s.f &= IR_FLAGS_ALL;
    r->s.g &= IR_FLAGS_ALL;
}

static void tell(uint64_t seed, const char *text, const struct rig *got, const struct rig *want)
{
    struct strbuf after = {0};

    ir_print(&folded, &after);
    fprintf(stderr, "block of seed 0x%" PRIx64 ":\n%sfolded:\n%s", seed, text, after.text);
    for (unsigned i = 0; i < RIG_ROWS; i++) {
        const unsigned bytes = ir_type_bits(rig_rows[i].type) / 8;
        const uint64_t *g = (const void *)((const uint8_t *)got + rig_rows[i].offset);
        const uint64_t *w = (const void *)((const uint8_t *)want + rig_rows[i].offset);
        if (memcmp(g, w, bytes) != 0) {
            fprintf(stderr, "%s 0x%" PRIx64 " not 0x%" PRIx64 "\n", rig_rows[i].name, *g, *w);
        }
    }
    fprintf(stderr, "pc %" PRIx64 " not %" PRIx64 ", raised %d not %d, fp %x not %x\n", got->pc,
            want->pc, got->raised, want->raised, got->vcpu.env.fp_flags, want->vcpu.env.fp_flags);
    strbuf_free(&after);
    test_fail(__FILE__, __LINE__, "the block of seed 0x%" PRIx64 " differs when folded", seed);
}

static void try_block(uint64_t seed, unsigned length)
{
    static struct rig start, want;
    struct rig *r = rig_reset();
    struct strbuf text = {0};
    struct error e;
    struct rng rng;

    rng_seed(&rng, seed);
    random_block(&plain, &rng, length);
    random_state(&rng, r);
    memcpy(&start, r, sizeof(start));
    ir_print(&plain, &text);
    CHECK_MSG(ir_verify(&plain, &e), "%s, in %s", e.text, text.text);
    if (read_back(&again, text.text, false) && read_back(&folded, text.text, true)) {
        CHECK_MSG(memcmp(plain.insns + 1, again.insns + 1,
                         (plain.count - 1) * sizeof(plain.insns[0])) == 0,
                  "seed 0x%" PRIx64 " reads back otherwise", seed);
        rig_interpret(r, &plain);
        clean_flags(r);
        memcpy(&want, r, sizeof(want));
        memcpy(r, &start, sizeof(start));
        rig_interpret(r, &folded);
        clean_flags(r);
        if (rig_differs(r, &want)) {
            tell(seed, text.text, r, &want);
        }
    }
    strbuf_free(&text);
}

TEST(random_blocks_are_the_same_folded)
{
    struct rng seeds;

    setup();
    rng_seed(&seeds, test_seed());
    for (unsigned i = 0; i < 4000 * test_scale() && test_state.failures == 0; i++) {
        const uint64_t seed = rng_u64(&seeds);
        try_block(seed, 3 + (unsigned)(seed % 60));
    }
}
