/* SPDX-License-Identifier: MIT */
/* What can run a batch of A64 cases: emulators to compare with, and dragoman in its several forms.
 */
#ifndef TESTS_SUPPORT_A64_ENGINE_H
#define TESTS_SUPPORT_A64_ENGINE_H

#include "tests/support/a64_generate.h"
#include "tests/support/a64_run.h"

enum a64_outcome {
    A64_DONE,
    A64_FAILED, /* a bug of the engine or of the harness */
    A64_ABSENT  /* not on this host */
};

struct a64_engine {
    const char *name;
    bool is_linux; /* runs only what a Linux program can */
    int level;     /* of the host's instructions: x86-64-v2, … */
    /* *why (allocated) says why it is not done. */
    enum a64_outcome (*run)(const struct a64_engine *e, const struct a64_job *job,
                            struct a64_results *out, char **why);
};

/* The reference: QEMU's system emulator, with a64_model() for what it does not have. */
extern const struct a64_engine a64_reference;

/* The engines that are compared with it; ends with a row without name. */
extern const struct a64_engine a64_engines[];

#endif
