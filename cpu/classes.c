/* SPDX-License-Identifier: MIT */
/* The architectures that there are. */
#include <string.h>

#include "cpu/arm.h"
#include "cpu/cpu.h"

const struct cpu_class *const cpu_classes[] = {&arm_cpu_class, NULL};

const struct cpu_class *cpu_class_find(const char *arch)
{
    for (unsigned i = 0; cpu_classes[i]; i++) {
        if (strcmp(cpu_classes[i]->arch, arch) == 0) {
            return cpu_classes[i];
        }
    }
    return NULL;
}
