/* SPDX-License-Identifier: MIT */
/* The list of device classes, and finding one in it. */
#include "hw/classes.h"

#include <string.h>

#define ROW(variable) &variable,
const struct device_class *const device_classes[] = {DEVICE_CLASSES(ROW) NULL};
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
