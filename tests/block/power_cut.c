/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/* Every writable format survives power cuts (tests/support/power_cut.h). A new one is a row. */
#include "tests/support/power_cut.h"
#include "base/bits.h"
#include "tests/support/recorder.h"
#include "tests/test.h"

#define MIB (1u << 20)

/* 2,000 cuts of each; at a larger scale 5,000 for each step of it. */
static unsigned cuts_wanted(void)
{
    return test_scale() == 1 ? 2000 : 5000 * test_scale();
}

static void survive(const struct power_cut_plan *p)
{
    struct power_cut_result r;
    struct error e = {{0}};
    CHECK_MSG(power_cut_run(p, test_seed(), cuts_wanted(), &r, &e), "%s", e.text);
    printf("# %s: %u writes, %u flushes, %u cuts, %u to repair\n", p->format, r.writes, r.flushes,
           r.cuts, r.dirty);
    CHECK(r.writes > p->operations / 3 && r.flushes > p->operations / 20);
    CHECK_EQ(r.cuts, cuts_wanted());
}

TEST(raw_survives_power_cuts)
{
    survive(&(struct power_cut_plan){.format = "raw", .disk_bytes = MIB, .operations = 300});
}

/* ---- the harness itself notices */

/* A driver that says that a flush is done, and does none. */
static bool forgetful_flush(struct block_node *n, unsigned operation, struct error *e)
{
    (void)e;
    if (operation == 1) {
        recorder_of(n->file)->lose_flushes = true;
    }
    return true;
}

TEST(a_flush_that_is_not_done_is_noticed)
{
    struct power_cut_result r;
    struct error e = {{0}};
    CHECK(!power_cut_run(
        &(struct power_cut_plan){
            .format = "raw", .disk_bytes = MIB, .operations = 300, .extra = forgetful_flush},
        test_seed(), 2000, &r, &e));
    CHECK_MSG(strstr(e.text, "has what operation") != NULL, "%s", e.text);
}
