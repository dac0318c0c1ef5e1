/* SPDX-License-Identifier: MIT */
/* See a64_engine.h. */
#include "tests/support/a64_engine.h"

#include <unistd.h>

#include "base/mem.h"
#include "cpu/arm/a64_decode.h"
#include "tests/support/a64_model.h"

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

const struct a64_engine a64_reference = {"qemu", false, run_reference};

const struct a64_engine a64_engines[] = {
    {"linux", true, run_linux},
    {NULL, false, NULL},
};
