/* SPDX-License-Identifier: MIT */
/*
 * Random blocks: written, printed, read back and folded must verify, and leave the state that the
 * interpreter leaves as written, also as host code of each level. A block that fails is printed.
 */
#include "tests/ir/random.h"
#include "base/error.h"
#include "tests/ir/engines.h"

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

/* What both must leave: not the parity and half carry, which some producers do not define. */
#define CERTAIN_FLAGS (IR_FLAG_N | IR_FLAG_Z | IR_FLAG_C | IR_FLAG_V)

/* The block of the text, folded or not, leaves another state than the interpreter leaves as
 * written. Some blocks say that their flags are dead at the end; they are there at exits. */
static bool is_wrong(const struct engine *e, const char *text, bool fold,
                     const struct rig_state *start, char *why, size_t size)
{
    static struct rig_state got, want;

    ir_begin(&plain, RIG_PC, 0);
    plain.no_fold = true;
    ir_begin(&folded, RIG_PC, 0);
    folded.no_fold = !fold;
    if (!ir_parse(&plain, text, NULL) || !ir_verify(&plain, NULL) ||
        !ir_parse(&folded, text, NULL) || !ir_verify(&folded, NULL)) {
        return false;
    }
    want = got = *start;
    rig_run(engines()[e->parallel ? ENGINE_PARALLEL
                      : e->x86    ? ENGINE_X86
                                  : ENGINE_INTERPRETER]
                .rig,
            &plain, &want);
    if ((want.pc == RIG_PC || want.pc == rig_start(&folded)) && !want.raised) {
        return false; /* it leads to itself for ever */
    }
    const struct ir_insn *end = &folded.insns[folded.count - 1];

    folded.flags_dead = (start->x[0] & 1) && end->op == IR_br;
    rig_run(e->rig, &folded, &got);
    const uint64_t as_if = want.pc - (rig_start(&folded) - RIG_PC);
    const bool at_end = as_if == end->imm || (end[-1].op == IR_brcond && as_if == end[-1].imm);
    const bool dead = folded.flags_dead && !want.raised && at_end;
    return rig_differs(&got, &want, dead ? 0 : CERTAIN_FLAGS, why, size);
}

/* Takes lines out of a text that is wrong as long as it stays so. */
static void shrink(const struct engine *e, char *text, bool fold, const struct rig_state *start)
{
    char *copy = malloc(strlen(text) + 1), why[200];

    for (bool smaller = true; smaller;) {
        smaller = false;
        for (char *line = text; *line;) {
            const size_t n = strcspn(line, "\n") + 1;
            strcpy(copy, text);
            memmove(line, line + n, strlen(line + n) + 1);
            if (is_wrong(e, text, fold, start, why, sizeof(why))) {
                smaller = true;
            } else {
                strcpy(text, copy);
                line += n;
            }
        }
    }
    free(copy);
}

static void tell(const struct engine *e, char *text, bool fold, const struct rig_state *start)
{
    char why[200];

    shrink(e, text, fold, start);
    is_wrong(e, text, fold, start, why, sizeof(why));
    fprintf(stderr, "%s\n%s\nrounding %u f %x g %x", why, text, start->rounding, start->f,
            start->g);
    for (unsigned i = 0; i < 4; i++) {
        fprintf(stderr, "\nx%u %" PRIx64 " w%u %x v%u %" PRIx64 ":%" PRIx64, i, start->x[i], i,
                start->w[i], i, start->v[i].u64[1], start->v[i].u64[0]);
    }
    fprintf(stderr, "\n");
    engine_tell(e, &folded);
}

static void try_block(const struct engine *e, uint64_t seed, unsigned length)
{
    static struct rig_state start;
    struct strbuf text = {0};
    struct error error;
    struct rng rng;
    char why[200];

    rng_seed(&rng, seed);
    plain.movable = again.movable = folded.movable = seed >> 32 & 1;
    random_block(&plain, &rng, length);
    rig_clear(&start);
    random_state(&rng, &start);
    ir_print(&plain, &text);
    CHECK_MSG(ir_verify(&plain, &error), "%s, in %s", error.text, text.text);
    if (read_back(&again, text.text, false) && read_back(&folded, text.text, true)) {
        CHECK_MSG(memcmp(plain.insns + 1, again.insns + 1,
                         (plain.count - 1) * sizeof(plain.insns[0])) == 0,
                  "seed 0x%" PRIx64 " reads back otherwise", seed);
        for (unsigned fold = e->level == 0; fold < 2; fold++) {
            if (is_wrong(e, text.text, fold, &start, why, sizeof(why))) {
                test_fail(__FILE__, __LINE__, "the block of seed 0x%" PRIx64 " by %s, %s: %s", seed,
                          e->name, fold ? "folded" : "as written", why);
                tell(e, text.text, fold, &start);
                break;
            }
        }
    }
    strbuf_free(&text);
}

static void try_blocks(const struct engine *e, unsigned count)
{
    struct rng seeds;

    setup();
    plain.guest = again.guest = folded.guest = e->x86 ? &rig_guest_x86 : &rig_guest;
    rng_seed(&seeds, test_seed());
    for (unsigned i = 0; i < count * test_scale() && test_state.failures == 0; i++) {
        const uint64_t seed = rng_u64(&seeds);
        try_block(e, seed, 3 + (unsigned)(seed % 60));
    }
}

TEST(random_blocks_are_the_same_folded)
{
    try_blocks(&engines()[0], 4000);
}

#define TEST_LEVEL(n)                                                                              \
    TEST(random_blocks_are_the_same_as_host_code_of_v##n)                                          \
    {                                                                                              \
        if (!engines()[n - 1].rig) {                                                               \
            SKIP("%s", engines()[n - 1].why);                                                      \
        }                                                                                          \
        try_blocks(&engines()[n - 1], 3000);                                                       \
    }
TEST_LEVEL(2)
TEST_LEVEL(3)
TEST_LEVEL(4)

TEST(random_blocks_are_the_same_under_the_hosts_rules)
{
    try_blocks(&engines()[ENGINE_X86], 1000);
    for (unsigned i = ENGINE_X86_V2; i <= ENGINE_X86_V3 && engines()[i].rig; i++) {
        try_blocks(&engines()[i], 3000);
    }
}

/* There an atomic of the vCPU itself may end its own monitor, and does so in either engine. */
TEST(random_blocks_are_the_same_in_parallel)
{
    try_blocks(&engines()[ENGINE_PARALLEL_HOST], 3000);
}
