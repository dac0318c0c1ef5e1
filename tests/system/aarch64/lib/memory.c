/* SPDX-License-Identifier: MIT */
/* The library of the bare-metal test guests (guest.h): what the compiler calls for struct copies.
 */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int c, size_t n);

__attribute__((no_builtin("memcpy"))) void *memcpy(void *restrict to, const void *restrict from,
                                                   size_t n)
{
    char *t = to;
    const char *f = from;
    for (size_t i = 0; i < n; i++) {
        t[i] = f[i];
    }
    return to;
}

__attribute__((no_builtin("memset"))) void *memset(void *to, int c, size_t n)
{
    char *t = to;
    for (size_t i = 0; i < n; i++) {
        t[i] = (char)c;
    }
    return to;
}
