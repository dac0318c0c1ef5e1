/* SPDX-License-Identifier: MIT */
/* tests/run: timeout 300 */
/*
 * Instructions of x86 against the host CPU, in 16-, 32- and 64-bit code: random cases of
 * every row of the opcode map that has semantics and that user mode may execute without harm, and
 * sequences of them. Compared are registers of all kinds, RFLAGS but for what the manual leaves
 * undefined, MXCSR, the exception that ends the case, and memory. By the reference interpreter and
 * by host code of each level.
 */
#include "tests/test.h"

#include "accel/accel.h"
#include "cpu/x86/cpu.h"
#include "cpu/x86/x86_decode.h"
#include "tests/support/host_level.h"
#include "tests/support/x86_case.h"

static const unsigned modes[3] = {2, 4, 8};

/* Of the PC, 16-bit code has 16 bits and 32-bit code 32; so have registers. */
static uint64_t register_mask(const struct x86_batch *b)
{
    return b->mode == 8 ? UINT64_MAX : 0xffffffff;
}

static bool is_operand_fault(uint64_t vector)
{
    return vector == X86_STACK || vector == X86_GP || vector == X86_PAGE;
}

static bool same(const struct x86_batch *b, unsigned n, const struct x86_record *x,
                 const struct x86_record *y)
{
    const uint64_t mask = register_mask(b);
    const uint64_t flags = X86_STATUS | X86_TF | X86_IF | X86_DF | X86_IOPL | X86_NT | X86_AC |
                           X86_ID;
    const unsigned count = b->mode == 8 ? 16 : 8;
    for (unsigned k = 0; k < count; k++) {
        if ((x->r[k] ^ y->r[k]) & mask) {
            return false;
        }
    }
    const bool faulted = x->vector != 3; /* by a fault that came before any flag was written */
    const struct x86_fx_how fx = {b->estimate[n], faulted, b->codes[n]};
    const uint64_t undefined = faulted ? 0 : b->undefined[n];
    const bool either = is_operand_fault(x->vector) && is_operand_fault(y->vector) &&
                        x86_case_has_checks(b, n, x);
    return ((x->rflags ^ y->rflags) & flags & ~undefined) == 0 && x->rip == y->rip &&
           (x->vector == y->vector || either) && x86_fx_same(x->fx, y->fx, fx) &&
           memcmp(x->window, y->window, sizeof(x->window)) == 0;
}

/* Registers that are not as in the other. */
static void describe(const struct x86_batch *b, const struct x86_record *r,
                     const struct x86_record *other, struct strbuf *out)
{
    for (unsigned k = 0; k < (b->mode == 8 ? 16 : 8); k++) {
        if (r == other || ((r->r[k] ^ other->r[k]) & register_mask(b))) {
            strbuf_printf(out, " r%u=%llx", k, (unsigned long long)r->r[k]);
        }
    }
    x86_fx_print(r->fx, r == other ? NULL : other->fx, out);
    strbuf_printf(out, ", flags %llx, rip %llx, vector %llu\n", (unsigned long long)r->rflags,
                  (unsigned long long)r->rip, (unsigned long long)r->vector);
}

static void report(const struct x86_batch *b, unsigned n, const struct x86_record *host_,
                   const struct x86_record *guest_, const char *engine)
{
    struct strbuf text = {0};
    struct x86_record before = {.rflags = b->cases[n].rflags, .rip = b->cases[n].rip};
    memcpy(before.r, b->cases[n].r, sizeof(before.r));
    memcpy(before.fx, b->cases[n].fx, sizeof(before.fx));
    strbuf_printf(&text, "%u-bit, %s: ", 8 * b->mode, engine);
    strbuf_printf(&text, "\n  host  ");
    describe(b, host_, guest_, &text);
    strbuf_printf(&text, "  guest ");
    describe(b, guest_, host_, &text);
    x86_case_print(b, n, &text);
    strbuf_printf(&text, "\n  before");
    describe(b, &before, &before, &text);
    for (unsigned k = 0; k < X86_CASE_WINDOW_BYTES; k++) {
        if (host_->window[k] != guest_->window[k]) {
            strbuf_printf(&text, "  memory at %x: %02x, not %02x\n",
                          X86_CASE_DATA + X86_CASE_WINDOW + k, guest_->window[k], host_->window[k]);
            break;
        }
    }
    CHECK_MSG(false, "%s", strbuf_text(&text));
    strbuf_free(&text);
}

struct engine {
    const char *name;
    struct accel_config config;
    int level; /* that the host must have */
    bool oracle;
};

static const struct engine engines[] = {
    {"kept nothing", {0}, 0, true},
    {"interpreter", {.interpreter = true}, 0, false},
    {"v2", {.host_level = 2}, 2, false},
    {"v3", {.host_level = 3}, 3, false},
    {"v4", {.host_level = 4}, 4, false},
    {"unfolded", {.no_opt = true}, 0, false},
    {"movable", {.movable = ACCEL_MOVABLE_ALWAYS}, 0, false},
};

static struct x86_batch batch;
static struct x86_results host, guest;
static struct x86_coverage covered[9];

static void compare(const struct x86_batch *b, const struct engine *e)
{
    const bool all = x86_guest_run(b, e->oracle ? NULL : &e->config, &guest);
    unsigned bad = 0;
    CHECK_MSG(all, "%s, %u-bit: %u cases of %u", e->name, 8 * b->mode, guest.count, b->count);

    for (unsigned n = 0; n < guest.count && n < host.count && bad < 1; n++) {
        if (!same(b, n, &host.record[n], &guest.record[n])) {
            report(b, n, &host.record[n], &guest.record[n], e->name);
            bad++;
        }
    }
    for (unsigned k = 0; k < sizeof(host.data) && all && !bad; k++) {
        bad += host.data[k] != guest.data[k] && x86_case_counts(k);
        CHECK_MSG(!bad, "%s, %u-bit: memory at %x: %02x, not %02x", e->name, 8 * b->mode,
                  X86_CASE_DATA + k, guest.data[k], host.data[k]);
    }
}

static void report_end(const struct x86_batch *b, unsigned n)
{
    struct strbuf text = {0};
    x86_case_print(b, n, &text);
    CHECK_MSG(false, "%u-bit: the child ended at case %u: %s", 8 * b->mode, n, strbuf_text(&text));
    strbuf_free(&text);
}

static void run_batches(const struct engine *e, unsigned count, bool sequences)
{
    for (unsigned m = 0; m < 3; m++) {
        struct rng rng;
        unsigned row = 0;
        const char *why;
        rng_seed(&rng, test_seed() + m + 16 * sequences);
        for (unsigned k = 0; k < count; k++) {
            x86_batch_make(&batch, &rng, modes[m], &row, sequences);
            const bool good = x86_host_run(&batch, &host, &why);
            if (!good && why) {
                SKIP("%s", why);
            }
            if (!good) {
                report_end(&batch, host.count);
            }
            for (unsigned n = 0; n < host.count && !sequences; n++) {
                x86_cover(&covered[modes[m]], batch.row[n]);
            }
            compare(&batch, e);
        }
    }
}

static void run_engine(unsigned number)
{
    const struct engine *e = &engines[number];
    const bool slow = e->oracle || e->config.interpreter;
    if (e->level && !test_host_has_level(e->level)) {
        SKIP("the host is not an x86-64-v%d", e->level);
    }
    run_batches(e, (slow ? 4 : 8) * test_scale(), false);
    run_batches(e, (slow ? 1 : 4) * test_scale(), true);
}

/* Tests run from the last one to the first. */
TEST(every_row_was_compared_in_every_mode)
{
    for (unsigned m = 0; m < 3; m++) {
        for (unsigned row = 0; row < X86_ROW_COUNT; row++) {
            CHECK_MSG(!x86_case_has_row(row, modes[m]) || x86_covered(&covered[modes[m]], row),
                      "no case of row %s in %u-bit code", x86_rows[row].name, 8 * modes[m]);
        }
    }
}

TEST(engine_that_keeps_nothing_does_what_the_host_does)
{
    run_engine(0);
}

TEST(interpreter_does_what_the_host_does)
{
    run_engine(1);
}

TEST(code_for_v2_does_what_the_host_does)
{
    run_engine(2);
}

TEST(code_for_v3_does_what_the_host_does)
{
    run_engine(3);
}

TEST(code_for_v4_does_what_the_host_does)
{
    run_engine(4);
}

TEST(unfolded_code_does_what_the_host_does)
{
    run_engine(5);
}

TEST(movable_code_does_what_the_host_does)
{
    run_engine(6);
}
