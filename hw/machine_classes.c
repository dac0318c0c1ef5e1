/* SPDX-License-Identifier: MIT */
/* The list of machine classes, and finding one in it. */
#include <string.h>

#include "hw/classes.h"

#define ROW(variable) &variable,
const struct machine_class *const machine_classes[] = {MACHINE_CLASSES(ROW) NULL};
#undef ROW

static bool is_named(const struct machine_class *c, const char *name)
{
    bool is = strcmp(c->name, name) == 0;
    for (const char *const *also = c->also; also && *also && !is; also++) {
        is = strcmp(*also, name) == 0;
    }
    return is;
}

const struct machine_class *machine_class_find(const char *arch, const char *name)
{
    for (const struct machine_class *const *c = machine_classes; *c; c++) {
        if (strcmp((*c)->arch, arch) == 0 && is_named(*c, name)) {
            return *c;
        }
    }
    return NULL;
}

const struct machine_class *machine_class_default(const char *arch)
{
    for (const struct machine_class *const *c = machine_classes; *c; c++) {
        if (strcmp((*c)->arch, arch) == 0 && (*c)->is_default) {
            return *c;
        }
    }
    return NULL;
}
