/* SPDX-License-Identifier: MIT */
/* Finding an architecture by its name. */
#include "cpu/arch.h"

#include <string.h>

const struct arch *arch_find(const char *name)
{
    for (const struct arch *const *a = archs; *a; a++) {
        if (strcmp((*a)->name, name) == 0) {
            return *a;
        }
    }
    return NULL;
}
