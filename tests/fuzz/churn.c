/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * Programs that change page tables, the map of memory and their code leave the same under every
 * engine as under one that keeps nothing (tests/support/oracle.h).
 */
#include "tests/support/churn.h"
#include "base/rng.h"
#include "tests/support/host_level.h"
#include "tests/support/oracle.h"
#include "tests/test.h"

#define PROGRAMS 24u
#define INSNS_MAX UINT64_C(5000000)

static bool run_oracle(struct churn *c, struct churn_result *r, uint64_t *insns)
{
    struct test_board *b = churn_board(c);
    struct oracle o;

    oracle_init(&o, b->vcpus[0]);
    while (!b->ended && o.insns < INSNS_MAX && oracle_run(&o, 100000) != ORACLE_OFF) {
    }
    *insns = o.insns;
    oracle_free(&o);
    churn_result(c, r);
    return b->ended;
}

/* insns is of counted engines. */
static bool run_engine(struct churn *c, const struct accel_config *config, struct churn_result *r,
                       uint64_t *insns, struct error *e)
{
    const uint64_t *executed = &churn_board(c)->vcpus[0]->instructions, before = *executed;
    struct accel_config own = *config;
    if (own.track_code == ACCEL_TRACK_AUTO) {
        own.track_code =
            ACCEL_TRACK_OFF; /* the programs are what is tested, not what max asks for */
    }
    bool good;

    own.cache_bytes = 8u << 20;
    good = test_board_go(churn_board(c), &own, 60, e);
    *insns = *executed - before;
    churn_result(c, r);
    return good;
}

/* The engines are tried with the same programs, each on a machine of its own. */
static void compare(const struct accel_config *config)
{
    struct error e = {""};
    struct churn *mine = churn_create(&e), *theirs = churn_create(&e);
    const bool coherent = config->track_code == ACCEL_TRACK_ON;
    uint64_t faults = 0, changes = 0;

    REQUIRE(mine && theirs);
    for (unsigned n = 0; n < PROGRAMS * test_scale(); n++) {
        const uint64_t seed = test_seed() + n;
        struct churn_result want, got;
        uint64_t executed, insns = 0;
        char why[200] = "";
        churn_load(theirs, seed, coherent);
        CHECK_MSG(run_oracle(theirs, &want, &insns), "program 0x%" PRIx64 " does not end", seed);
        churn_load(mine, seed, coherent);
        const bool ended = run_engine(mine, config, &got, &executed, &e);
        CHECK_MSG(ended && !churn_differs(&got, &want, why, sizeof(why)),
                  "program 0x%" PRIx64 ": %s%s", seed, ended ? "" : e.text, why);
        CHECK_MSG(!config->counted || executed == insns,
                  "program 0x%" PRIx64 ": %" PRIu64 " instructions, not %" PRIu64, seed, executed,
                  insns);
        faults += want.faults;
        changes += want.changes;
    }
    CHECK(faults > 100 * PROGRAMS && changes > 20 * PROGRAMS);
    churn_free(mine);
    churn_free(theirs);
}

static void compare_level(int level)
{
    if (!test_host_has_level(level)) {
        SKIP("the host is not an x86-64-v%d", level);
    }
    compare(&(struct accel_config){.host_level = level});
}

TEST(host_code_of_level_2_keeps_nothing_too_long)
{
    compare_level(2);
}

TEST(host_code_of_level_3_keeps_nothing_too_long)
{
    compare_level(3);
}

TEST(host_code_of_level_4_keeps_nothing_too_long)
{
    compare_level(4);
}

TEST(host_code_without_folding_keeps_nothing_too_long)
{
    compare(&(struct accel_config){.no_opt = true});
}

TEST(movable_code_keeps_nothing_too_long)
{
    compare(&(struct accel_config){.movable = ACCEL_MOVABLE_ALWAYS});
}

TEST(the_interpreter_keeps_nothing_too_long)
{
    compare(&(struct accel_config){.interpreter = true});
}

TEST(counted_host_code_keeps_nothing_too_long)
{
    compare(&(struct accel_config){.counted = true, .shift = 3});
}

TEST(the_counted_interpreter_keeps_nothing_too_long)
{
    compare(&(struct accel_config){.counted = true, .shift = 3, .interpreter = true});
}

TEST(vcpus_in_turn_keep_nothing_too_long)
{
    compare(&(struct accel_config){.single_thread = true});
}

/* ---- code that is written without maintenance */

TEST(host_code_sees_writes_to_code_that_is_tracked)
{
    compare(&(struct accel_config){.track_code = ACCEL_TRACK_ON});
}

TEST(host_code_of_level_2_sees_writes_to_code_that_is_tracked)
{
    compare(&(struct accel_config){.track_code = ACCEL_TRACK_ON, .host_level = 2});
}

TEST(host_code_without_folding_sees_writes_to_code_that_is_tracked)
{
    compare(&(struct accel_config){.track_code = ACCEL_TRACK_ON, .no_opt = true});
}

TEST(movable_code_sees_writes_to_code_that_is_tracked)
{
    compare(&(struct accel_config){.track_code = ACCEL_TRACK_ON, .movable = ACCEL_MOVABLE_ALWAYS});
}

TEST(the_interpreter_sees_writes_to_code_that_is_tracked)
{
    compare(&(struct accel_config){.track_code = ACCEL_TRACK_ON, .interpreter = true});
}

TEST(counted_host_code_sees_writes_to_code_that_is_tracked)
{
    compare(&(struct accel_config){.track_code = ACCEL_TRACK_ON, .counted = true, .shift = 3});
}

TEST(the_counted_interpreter_sees_writes_to_code_that_is_tracked)
{
    compare(&(struct accel_config){
        .track_code = ACCEL_TRACK_ON, .counted = true, .shift = 3, .interpreter = true});
}
