/* SPDX-License-Identifier: MIT */
/* The lists of device and machine classes, and finding one in them. */
#include "hw/classes.h"

#include <string.h>

#define ROW(variable) &variable,
const struct device_class *const device_classes[] = {DEVICE_CLASSES(ROW) NULL};
const struct machine_class *const machine_classes[] = {MACHINE_CLASSES(ROW) NULL};
#undef ROW

const struct device_class *device_class_find(const char *name)
{
    for (const struct device_class *const *c = device_classes; *c; c++) {
        if (strcmp((*c)->name, name) == 0 || ((*c)->alias && strcmp((*c)->alias, name) == 0)) {
            return *c;
        }
    }
    return NULL;
}

const struct machine_class *machine_class_find(const char *arch, const char *name)
{
    for (const struct machine_class *const *c = machine_classes; *c; c++) {
        if (strcmp((*c)->arch, arch) == 0 && strcmp((*c)->name, name) == 0) {
            return *c;
        }
    }
    return NULL;
}
