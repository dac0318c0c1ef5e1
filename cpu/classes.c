/* SPDX-License-Identifier: MIT */
/* The architectures that there are, in the order in which they are listed. A new one is a line. */
#include <stddef.h>

#include "cpu/arch.h"

/* X(variable): a const struct arch. */
/* clang-format off */
#define ARCHS(X) \
    X(aarch64_arch) \
    X(i386_arch) \
    X(x86_64_arch)
/* clang-format on */

#define DECLARE(variable) extern const struct arch variable;
ARCHS(DECLARE)
#undef DECLARE

#define ROW(variable) &variable,
const struct arch *const archs[] = {ARCHS(ROW) NULL};
#undef ROW
