/* SPDX-License-Identifier: MIT */
/* The engines that run IR in tests: the interpreter, and each level of host code of this host. */
#ifndef TESTS_IR_ENGINES_H
#define TESTS_IR_ENGINES_H

#include "tests/support/ir_rig.h"
#include "tests/test.h"

enum {
    ENGINE_INTERPRETER,
    ENGINE_PARALLEL = 4, /* the interpreter, where vCPUs run in parallel */
    ENGINE_PARALLEL_HOST,
    ENGINE_X86, /* the interpreter under x86's floating-point rules, and host code from v2 on */
    ENGINE_X86_V2,
    ENGINE_X86_V3,
    ENGINES
};

struct engine {
    const char *name;
    int level; /* as rig_create */
    bool parallel;
    bool x86; /* rules */
    struct rig *rig;
    char why[150]; /* there is no rig */
};

/* Made at the first call; the interpreter is the first and always there. */
static inline struct engine *engines(void)
{
    static struct engine all[ENGINES] = {{.name = "interpreter"},
                                         {.name = "x86-64-v2", .level = 2},
                                         {.name = "x86-64-v3", .level = 3},
                                         {.name = "x86-64-v4", .level = 4},
                                         {.name = "interpreter, parallel", .parallel = true},
                                         {.name = "parallel", .level = 2, .parallel = true},
                                         {.name = "interpreter, x86", .x86 = true},
                                         {.name = "x86-64-v2, x86", .level = 2, .x86 = true},
                                         {.name = "x86-64-v3, x86", .level = 3, .x86 = true}};
    struct error e;

    for (unsigned i = 0; i < ENGINES; i++) {
        if (!all[i].rig && !all[i].why[0]) {
            all[i].rig = rig_create_for(all[i].x86 ? &rig_guest_x86 : &rig_guest, all[i].level,
                                        all[i].parallel, &e);
            if (!all[i].rig) {
                snprintf(all[i].why, sizeof(all[i].why), "%.149s", e.text);
            }
        }
    }
    return all;
}

/* Prints IR and the host code that it became, for a failure. */
static inline void engine_tell(const struct engine *e, const struct ir_builder *b)
{
    struct strbuf text = {0};
    char *code = rig_code(e->rig);

    ir_print(b, &text);
    fprintf(stderr, "%s ran\n%s\n%s\n", e->name, strbuf_text(&text), code);
    strbuf_free(&text);
    free(code);
}

#endif
