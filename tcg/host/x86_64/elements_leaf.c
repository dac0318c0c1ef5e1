/* SPDX-License-Identifier: MIT */
/* Rows of elements by the host's own string instructions. Intel SDM, volume 2: REP. */
#include "tcg/elements.h"

#define STATUS_FLAGS 0xd501u /* those that FLAGS values hold */

/* One function for each size and direction; tables by direction, then log2 of the size. */
#define BY_SIZE(name)                                                                              \
    {                                                                                              \
        {name##_b, name##_w, name##_l, name##_q},                                                  \
        {                                                                                          \
            name##_b_down, name##_w_down, name##_l_down, name##_q_down                             \
        }                                                                                          \
    }
#define SIZES(KIND, name, instruction)                                                             \
    KIND(name##_b, "", instruction "b", "")                                                        \
    KIND(name##_w, "", instruction "w", "")                                                        \
    KIND(name##_l, "", instruction "l", "")                                                        \
    KIND(name##_q, "", instruction "q", "")                                                        \
    KIND(name##_b_down, "std\n\t", instruction "b", "\n\tcld")                                     \
    KIND(name##_w_down, "std\n\t", instruction "w", "\n\tcld")                                     \
    KIND(name##_l_down, "std\n\t", instruction "l", "\n\tcld")                                     \
    KIND(name##_q_down, "std\n\t", instruction "q", "\n\tcld")

#define COPY(name, before, instruction, behind)                                                    \
    static void name(void *to, const void *from, size_t n)                                         \
    {                                                                                              \
        __asm__ volatile(before instruction behind                                                 \
                         : "+D"(to), "+S"(from), "+c"(n)                                           \
                         :                                                                         \
                         : "memory", "cc");                                                        \
    }
SIZES(COPY, copy, "rep movs")

#define FILL(name, before, instruction, behind)                                                    \
    static void name(void *to, uint64_t value, size_t n)                                           \
    {                                                                                              \
        __asm__ volatile(before instruction behind                                                 \
                         : "+D"(to), "+c"(n)                                                       \
                         : "a"(value)                                                              \
                         : "memory", "cc");                                                        \
    }
SIZES(FILL, fill, "rep stos")

/* Behind a comparison AX is the flags as FLAGS values have them. */
#define COMPARE(name, before, instruction, behind)                                                 \
    static size_t name(const void *x, const void *y, size_t n, uint32_t *flags)                    \
    {                                                                                              \
        size_t left = n;                                                                           \
        uint64_t packed;                                                                           \
        __asm__ volatile(before instruction "\n\tlahf\n\tseto %%al" behind                         \
                         : "+S"(x), "+D"(y), "+c"(left), "=&a"(packed)                             \
                         :                                                                         \
                         : "memory", "cc");                                                        \
        *flags = (uint32_t)packed & STATUS_FLAGS;                                                  \
        return n - left;                                                                           \
    }
SIZES(COMPARE, compare_equal, "repe cmps")
SIZES(COMPARE, compare_other, "repne cmps")

#define SCAN(name, before, instruction, behind)                                                    \
    static size_t name(const void *x, uint64_t value, size_t n, uint32_t *flags)                   \
    {                                                                                              \
        size_t left = n;                                                                           \
        __asm__ volatile(before instruction "\n\tlahf\n\tseto %%al" behind                         \
                         : "+D"(x), "+c"(left), "+a"(value)                                        \
                         :                                                                         \
                         : "memory", "cc");                                                        \
        *flags = (uint32_t)value & STATUS_FLAGS;                                                   \
        return n - left;                                                                           \
    }
SIZES(SCAN, scan_equal, "repe scas")
SIZES(SCAN, scan_other, "repne scas")

void elements_copy_leaf(const struct elements *e, void *to, const void *from, size_t n)
{
    static void (*const by_size[2][4])(void *, const void *, size_t) = BY_SIZE(copy);

    by_size[e->down][e->log2](to, from, n);
}

void elements_fill_leaf(const struct elements *e, void *to, uint64_t value, size_t n)
{
    static void (*const by_size[2][4])(void *, uint64_t, size_t) = BY_SIZE(fill);

    by_size[e->down][e->log2](to, value, n);
}

size_t elements_compare_leaf(const struct elements *e, const void *x, const void *y, size_t n,
                             uint32_t *flags)
{
    static size_t (*const by_size[2][2][4])(const void *, const void *, size_t, uint32_t *) = {
        BY_SIZE(compare_other), BY_SIZE(compare_equal)};

    return by_size[e->while_equal][e->down][e->log2](x, y, n, flags);
}

size_t elements_scan_leaf(const struct elements *e, const void *x, uint64_t value, size_t n,
                          uint32_t *flags)
{
    static size_t (*const by_size[2][2][4])(const void *, uint64_t, size_t, uint32_t *) = {
        BY_SIZE(scan_other), BY_SIZE(scan_equal)};

    return by_size[e->while_equal][e->down][e->log2](x, value, n, flags);
}
