/* SPDX-License-Identifier: MIT */
/* See a64_engine.h. */
#include "tests/support/a64_engine.h"

#include <unistd.h>

#include "base/mem.h"
#include "cpu/arm.h"
#include "cpu/arm/a64_decode.h"
#include "tests/support/a64_model.h"
#include "tests/support/board.h"
#include "tests/support/host_level.h"

/* Makes the image and runs it by one of a64_run.h's functions. */
static enum a64_outcome run_program(const struct a64_job *job, const char *program,
                                    enum a64_image_kind kind, struct a64_results *out, char **why)
{
    struct a64_image image;
    struct a64_runner by = {mem_printf("%s/%s", job->qemu, program), job->cpu, job->dir};
    const char *missing;
    enum a64_outcome outcome = A64_ABSENT;
    if (access(by.program, X_OK) != 0) {
        *why = mem_printf("%s is not there (tests/guests/fetch.sh fetches it)", by.program);
    } else if (!a64_image_make(&image, job, kind, &missing)) {
        *why = mem_strdup(missing);
        outcome = a64_assembler_present() ? A64_FAILED : A64_ABSENT;
    } else {
        bool good = kind == A64_IMAGE_LINUX ? a64_run_linux(out, &by, &image, job->count, why)
                                            : a64_run_system(out, &by, &image, job->count, why);
        outcome = good ? A64_DONE : A64_FAILED;
        a64_image_free(&image);
    }
    mem_free((void *)by.program);
    return outcome;
}

static enum a64_outcome run_linux(const struct a64_engine *e, const struct a64_job *job,
                                  struct a64_results *out, char **why)
{
    (void)e;
    return run_program(job, "qemu-aarch64", A64_IMAGE_LINUX, out, why);
}

static enum a64_outcome run_reference(const struct a64_engine *e, const struct a64_job *job,
                                      struct a64_results *out, char **why)
{
    (void)e;
    enum a64_outcome outcome = run_program(job, "qemu-system-aarch64", A64_IMAGE_BARE, out, why);
    for (unsigned i = 0; outcome == A64_DONE && i < job->count; i++) {
        const struct a64_case *c = &job->batch->cases[job->first + i];
        if (c->row != A64_ROW_NONE && a64_row_modelled(c->row)) {
            out->modelled = mem_resize_array(out->modelled, out->models + 1,
                                             sizeof(*out->modelled));
            struct a64_record *r = mem_alloc(sizeof(*r));
            a64_model(c, r);
            out->modelled[out->models++] = r;
            out->record[i] = r;
        }
    }
    return outcome;
}

const struct a64_engine a64_reference = {"qemu", false, 0, run_reference};

/* ---- dragoman in this process, on a board with nothing but RAM */

static bool copy_segments(struct test_board *b, const struct a64_image *image)
{
    for (unsigned i = 0; i < image->segments; i++) {
        const struct a64_segment *s = &image->segment[i];
        if (!space_write(b->memory, s->address, s->data, s->bytes)) {
            return false;
        }
    }
    return true;
}

static bool take_records(struct test_board *b, const struct a64_job *job, struct a64_results *out)
{
    out->size = A64_OUTPUT_END - A64_OUTPUT;
    out->bytes = mem_dup(b->ram + (A64_OUTPUT - A64_RAM), out->size);
    out->record = mem_array(job->count, sizeof(*out->record));
    return a64_records(out->bytes, out->size, job->count, out->record);
}

static enum a64_outcome run_here(const struct a64_job *job, const struct accel_config *config,
                                 struct a64_results *out, char **why)
{
    struct a64_image image;
    struct error e = {"not all records are there"};
    const char *missing;
    if (!a64_image_make(&image, job, A64_IMAGE_BARE, &missing)) {
        *why = mem_strdup(missing);
        return a64_assembler_present() ? A64_FAILED : A64_ABSENT;
    }
    struct test_board *b = test_board_new(&arm_cpu_class, job->cpu, 1, A64_RAM, A64_RAM_BYTES, &e);
    bool good = b && copy_segments(b, &image) &&
                test_board_run(b, config, image.segment[0].address, 120, &e) &&
                take_records(b, job, out);
    if (!good) {
        *why = mem_strdup(e.text);
    }
    if (b) {
        test_board_free(b);
    }
    a64_image_free(&image);
    return good ? A64_DONE : A64_FAILED;
}

static enum a64_outcome run_interpreter(const struct a64_engine *e, const struct a64_job *job,
                                        struct a64_results *out, char **why)
{
    (void)e;
    return run_here(job, &(struct accel_config){.interpreter = true}, out, why);
}

static enum a64_outcome run_translated(const struct a64_engine *e, const struct a64_job *job,
                                       struct a64_results *out, char **why)
{
    if (!test_host_has_level(e->level)) {
        *why = mem_printf("the host is not an x86-64-v%d", e->level);
        return A64_ABSENT;
    }
    /* One of them with blocks that are right at any address. */
    const enum accel_movable movable = e->level == 3 ? ACCEL_MOVABLE_ALWAYS : ACCEL_MOVABLE_AUTO;
    return run_here(job, &(struct accel_config){.host_level = e->level, .movable = movable}, out,
                    why);
}

/* Host code of blocks as the semantics emit them. */
static enum a64_outcome run_plain(const struct a64_engine *e, const struct a64_job *job,
                                  struct a64_results *out, char **why)
{
    (void)e;
    return run_here(job, &(struct accel_config){.no_opt = true}, out, why);
}

/* ---- dragoman's program, on the virt board: checksums must be those of the run in process */

static enum a64_outcome run_board(const struct a64_engine *e, const struct a64_job *job,
                                  struct a64_results *out, char **why)
{
    (void)e;
    if (access(job->dragoman, X_OK) != 0) {
        *why = mem_printf("%s is not there", job->dragoman);
        return A64_ABSENT;
    }
    enum a64_outcome outcome = run_here(job, &(struct accel_config){0}, out, why);
    if (outcome != A64_DONE) {
        return outcome;
    }
    struct a64_image image;
    struct a64_runner by = {job->dragoman, job->cpu, job->dir};
    const char *missing;
    uint64_t *sums = mem_array(job->count, sizeof(*sums));
    outcome = A64_FAILED;
    if (!a64_image_make(&image, job, A64_IMAGE_CHECKSUM, &missing)) {
        *why = mem_strdup(missing);
    } else {
        outcome = a64_run_checksums(sums, &by, &image, job->count, why) ? A64_DONE : A64_FAILED;
        a64_image_free(&image);
    }
    for (unsigned i = 0; outcome == A64_DONE && i < job->count; i++) {
        if (sums[i] != a64_record_checksum(out->record[i])) {
            *why = mem_printf("case %u leaves another record than in process", job->first + i);
            outcome = A64_FAILED;
        }
    }
    mem_free(sums);
    return outcome;
}

const struct a64_engine a64_engines[] = {
    {"interp", false, 0, run_interpreter}, {"jit-v2", false, 2, run_translated},
    {"jit-v3", false, 3, run_translated},  {"jit-v4", false, 4, run_translated},
    {"jit-plain", false, 0, run_plain},    {"board", false, 0, run_board},
    {"linux", true, 0, run_linux},         {NULL, false, 0, NULL},
};
