/* SPDX-License-Identifier: MIT */
/*
 * tests/run: timeout 1800
 * The instructions of A64, each decode row and random sequences, against QEMU 10 as the reference.
 *
 *     oracle                    all kinds of cases on all engines, and what they cover
 *     oracle [--kind K] [--engine E] [--row NAME] [--seed N] [--cases N] [--case I]
 *
 * The second form runs a part: with --row cases of this row only, with --case only number I, whose
 * results are then shown even if they are equal. A failure names the options that repeat it.
 * TEST_SEED and TEST_SCALE of the environment are as for other tests. oracle_differences lists
 * where the reference, or Linux, is known to differ from the manual.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cpu/arm/a64_decode.h"
#include "tests/support/a64_compare.h"
#include "tests/support/a64_engine.h"

#define DIFFERENCES "tests/insn/aarch64/oracle_differences"
#define SHOWN 3 /* differences of one kind and engine that are explained */
#define ALL UINT32_MAX

struct options {
    const char *kind, *engine; /* NULL: all */
    unsigned row, cases, only; /* A64_ROW_NONE, 0, ALL: all */
    uint64_t seed;
    unsigned scale;
    bool part; /* the options choose */
};

struct run {
    struct options options;
    struct a64_differences differences;
    const char *qemu, *dragoman, *dir;
    bool covered[A64_ROW_COUNT];
    bool failed, skipped;
};

static void verdict(struct run *run, const char *name, const char *why)
{
    run->failed |= why != NULL;
    printf(why ? "not ok %s: %s\n" : "ok %s\n", name, why);
}

static void skip(struct run *run, const char *name, const char *why)
{
    run->skipped = true;
    printf("skip %s: %s\n", name, why);
}

/* ---- one batch on one engine */

struct comparison {
    const struct a64_batch *batch;
    const struct a64_results *expected, *got;
    unsigned first, count;
    enum a64_kind kind;
    uint64_t seed;
};

static const char *row_name(const struct a64_case *c)
{
    return c->row == A64_ROW_NONE ? "sequence" : a64_rows[c->row].name;
}

static char *parts_text(unsigned parts)
{
    char *text = mem_strdup("");
    for (unsigned i = 0; i < A64_PARTS; i++) {
        if (parts >> i & 1) {
            char *more = mem_printf("%s%s%s", text, *text ? "," : "", a64_part_names[i]);
            mem_free(text);
            text = more;
        }
    }
    return text;
}

static void show(const struct run *run, const struct comparison *c, const char *engine, unsigned i,
                 unsigned parts)
{
    const struct options *o = &run->options;
    const struct a64_case *k = &c->batch->cases[c->first + i];
    char *text = parts_text(parts);
    printf("# %s: %s %s %s; oracle --engine %s --kind %s --seed 0x%" PRIx64, row_name(k), engine,
           parts ? "differs in" : "does not differ", text, engine, a64_kind_names[c->kind],
           c->seed);
    if (o->row != A64_ROW_NONE) {
        printf(" --row %s", a64_rows[o->row].name);
    }
    printf(" --cases %u --case %u\n", c->batch->count, c->first + i);
    a64_explain(stdout, c->batch, c->first + i, c->expected->record[i], c->got->record[i]);
    mem_free(text);
}

/* The number of cases that differ and are not listed; the first is described in *why. */
static unsigned compare(struct run *run, const struct comparison *c, const struct a64_engine *e,
                        char **why)
{
    unsigned differ = 0;
    for (unsigned i = 0; i < c->count; i++) {
        const struct a64_case *k = &c->batch->cases[c->first + i];
        if (e->is_linux && (k->flags & A64_CASE_SYSTEM)) {
            continue;
        }
        unsigned parts = a64_compare(k, c->expected->record[i], c->got->record[i]);
        unsigned unlisted = a64_unlisted(&run->differences, e->name, c->batch, c->first + i, parts);
        if ((unlisted && differ < SHOWN) || run->options.only != ALL) {
            show(run, c, e->name, i, unlisted);
        }
        if (unlisted && !differ++) {
            *why = mem_printf("%s, case %u of seed 0x%" PRIx64, row_name(k), c->first + i, c->seed);
        }
    }
    return differ;
}

static void note_coverage(struct run *run, const struct comparison *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        const struct a64_case *k = &c->batch->cases[c->first + i];
        if (k->row != A64_ROW_NONE && !a64_undefined(c->expected->record[i])) {
            run->covered[k->row] = true;
        }
    }
}

static void run_engine(struct run *run, const struct a64_engine *e, const struct a64_job *job,
                       struct comparison *c)
{
    struct a64_results got = {0};
    unsigned batch = (unsigned)(c->seed - run->options.seed);
    char *name = batch ? mem_printf("%s_%s_%u", e->name, a64_kind_names[c->kind], batch)
                       : mem_printf("%s_%s", e->name, a64_kind_names[c->kind]);
    char *why = NULL, *text = NULL;
    printf("# %s\n", name);
    switch (e->run(e, job, &got, &why)) {
    case A64_DONE:
        c->got = &got;
        unsigned differ = compare(run, c, e, &why);
        text = differ ? mem_printf("%u of %u cases differ, the first: %s", differ, c->count, why)
                      : NULL;
        verdict(run, name, text);
        break;
    case A64_FAILED:
        verdict(run, name, why);
        break;
    case A64_ABSENT:
        skip(run, name, why);
    }
    a64_results_free(&got);
    mem_free(text);
    mem_free(why);
    mem_free(name);
}

/* ---- one kind of cases on all engines */

static const char *cpu_for(enum a64_kind kind)
{
    return kind == A64_PAUTH ? "max,sve=off,sme=off,pauth-qarma3=on"
                             : "max,sve=off,sme=off,pauth-qarma5=on";
}

/* Ours has instructions that QEMU's max has not; their results come from a model. */
static const char *own_cpu_for(enum a64_kind kind)
{
    return kind == A64_PAUTH ? "max,pauth-qarma3=on,cssc=on" : "max,pauth-qarma5=on,cssc=on";
}

/* qemu-user has no such choice, nor cases that need it. */
static const char *linux_cpu = "max,sve=off,sme=off";

static bool selected(const char *wanted, const char *name)
{
    return !wanted || strcmp(wanted, name) == 0;
}

static void run_batch(struct run *run, enum a64_kind kind, uint64_t seed, unsigned cases)
{
    const struct options *o = &run->options;
    struct a64_batch *b = a64_generate(kind, seed, cases, o->row);
    struct a64_job job = {b, 0, cases, cpu_for(kind), run->qemu, run->dragoman, run->dir};
    if (o->only != ALL && o->only < cases) {
        job.first = o->only;
        job.count = 1;
    }
    struct a64_results expected = {0};
    struct comparison c = {b, &expected, NULL, job.first, job.count, kind, seed};
    char *why = NULL, *name = mem_printf("reference_%s", a64_kind_names[kind]);
    enum a64_outcome outcome = a64_reference.run(&a64_reference, &job, &expected, &why);
    if (outcome == A64_FAILED) {
        verdict(run, name, why);
    } else if (outcome == A64_ABSENT) {
        skip(run, name, why);
    } else {
        note_coverage(run, &c);
        for (const struct a64_engine *e = a64_engines; e->name; e++) {
            job.cpu = e->is_linux ? linux_cpu : own_cpu_for(kind);
            bool applies = !e->is_linux || (kind != A64_SINGLE_EL1 && kind != A64_PAUTH);
            if (selected(o->engine, e->name) && applies) {
                run_engine(run, e, &job, &c);
            }
        }
    }
    a64_results_free(&expected);
    a64_batch_free(b);
    mem_free(why);
    mem_free(name);
}

/* The usual number of batches, and of cases in one. */
static const struct {
    unsigned batches, cases;
} usual[A64_KINDS] = {
    [A64_SINGLE_EL0] = {2, A64_BATCH},
    [A64_SINGLE_EL1] = {1, A64_BATCH},
    [A64_SEQUENCE] = {1, A64_BATCH},
    [A64_PAUTH] = {1, 1600},
};

static void run_kind(struct run *run, enum a64_kind kind)
{
    const struct options *o = &run->options;
    unsigned cases = o->cases ? o->cases : usual[kind].cases;
    unsigned batches = o->part ? 1 : usual[kind].batches * o->scale;
    for (unsigned n = 0; n < batches; n++) {
        run_batch(run, kind, o->seed + n, cases);
    }
}

/* ---- what all of them covered */

/* Rows of which every word is undefined, in a state that a guest can be in. */
static bool always_undefined(unsigned row)
{
    static const char *const names[] = {"udf", "smc", "hlt", "dcps", "drps", "sysl"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(a64_rows[row].name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void check_coverage(struct run *run)
{
    char *why = NULL;
    for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
        if (!run->covered[row] && !a64_row_elsewhere(row) && !always_undefined(row)) {
            printf("# not executed: %s\n", a64_rows[row].text);
            why = why ? why : mem_printf("%s, and perhaps others, is not", a64_rows[row].name);
        }
    }
    verdict(run, "every_row_is_executed", why);
    mem_free(why);
}

/* Those that chance has not shown, in cases of their rows alone. */
static void look_for_differences(struct run *run)
{
    for (unsigned i = 0; i < run->differences.count; i++) {
        const struct a64_difference *d = &run->differences.row[i];
        for (unsigned row = 0; row < A64_ROW_COUNT && !d->seen; row++) {
            if (a64_name_matches(d->row, a64_rows[row].name)) {
                run->options.row = row;
                run_batch(run, A64_SINGLE_EL0, run->options.seed, A64_BATCH / 4);
            }
        }
    }
    run->options.row = A64_ROW_NONE;
}

static void check_differences(struct run *run)
{
    char *why = NULL;
    look_for_differences(run);
    for (unsigned i = 0; i < run->differences.count; i++) {
        const struct a64_difference *d = &run->differences.row[i];
        if (!d->seen) {
            printf("# not seen: %s %s\n", d->engine, d->row);
            why = why ? why : mem_printf("%s %s is not", d->engine, d->row);
        }
    }
    verdict(run, "every_listed_difference_is_seen", why);
    mem_free(why);
}

/* ---- the command line */

static bool parse_row(const char *name, unsigned *row)
{
    for (*row = 0; *row < A64_ROW_COUNT; ++*row) {
        if (strcmp(a64_rows[*row].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool parse_option(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--row") == 0) {
        return parse_row(value, &o->row);
    } else if (strcmp(name, "--kind") == 0) {
        o->kind = value;
    } else if (strcmp(name, "--engine") == 0) {
        o->engine = value;
    } else if (strcmp(name, "--seed") == 0) {
        o->seed = strtoull(value, NULL, 0);
    } else if (strcmp(name, "--cases") == 0) {
        o->cases = (unsigned)strtoul(value, NULL, 0);
        return o->cases > 0 && o->cases <= A64_BATCH;
    } else if (strcmp(name, "--case") == 0) {
        o->only = (unsigned)strtoul(value, NULL, 0);
    } else {
        return false;
    }
    return true;
}

static bool parse(struct options *o, int argc, char **argv)
{
    const char *seed = getenv("TEST_SEED"), *scale = getenv("TEST_SCALE");
    *o = (struct options){
        .row = A64_ROW_NONE,
        .only = ALL,
        .seed = seed ? strtoull(seed, NULL, 0) : 0x5eed,
        .scale = scale && atoi(scale) > 0 ? (unsigned)atoi(scale) : 1,
    };
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !parse_option(o, argv[i], argv[i + 1])) {
            fprintf(stderr, "oracle: wrong option %s\n", argv[i]);
            return false;
        }
        o->part = true;
    }
    return true;
}

static bool prepare(struct run *run)
{
    const char *cache = getenv("DRAGOMAN_CACHE"), *build = getenv("BUILD");
    const char *dragoman = getenv("DRAGOMAN");
    char *why = NULL;
    build = build ? build : "build";
    run->qemu = cache ? mem_printf("%s/qemu10/bin", cache)
                      : mem_printf("%s/cache/qemu10/bin", build);
    run->dragoman = dragoman ? mem_printf("%s-system-aarch64", dragoman)
                             : mem_printf("%s/dragoman-system-aarch64", build);
    run->dir = mkdtemp(mem_printf("%s/oracle.XXXXXX", build));
    if (!run->dir || !a64_read_differences(&run->differences, DIFFERENCES, &why)) {
        fprintf(stderr, "oracle: %s\n", why ? why : "no folder for temporary files");
        return false;
    }
    return true;
}

static void clean_up(const struct run *run)
{
    char *command = mem_printf("rm -rf %s", run->dir);
    if (system(command) != 0) {
        perror(run->dir);
    }
    mem_free(command);
}

int main(int argc, char **argv)
{
    static struct run run;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!parse(&run.options, argc, argv) || !prepare(&run)) {
        return 2;
    }
    printf("# TEST_SEED=0x%" PRIx64 "\n", run.options.seed);
    for (unsigned kind = 0; kind < A64_KINDS; kind++) {
        if (selected(run.options.kind, a64_kind_names[kind])) {
            run_kind(&run, kind);
        }
    }
    if (!run.options.part && !run.skipped) {
        check_coverage(&run);
    }
    if (!run.options.part && !run.skipped && !getenv("TEST_SEED")) {
        check_differences(&run); /* these are rare: not every seed has all of them */
    }
    clean_up(&run);
    return run.failed;
}
