/* SPDX-License-Identifier: MIT */
/* Heap memory that ends the process, or says so, when there is none: see mem.h. */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

#define BUFFER_ALIGN 4096u

_Noreturn void mem_end(size_t size)
{
    fprintf(stderr, "dragoman: out of memory (%zu bytes wanted)\n", size);
    exit(1);
}

/* The product, or SIZE_MAX, which no allocation can satisfy, if it overflows. */
static size_t product(size_t n, size_t size)
{
    size_t total;
    return __builtin_mul_overflow(n, size, &total) ? SIZE_MAX : total;
}

static void *zeroed(size_t size)
{
    /* The compilers warn of, and allocators refuse, more than PTRDIFF_MAX: no object is larger. */
    return size > PTRDIFF_MAX ? NULL : calloc(1, size ? size : 1);
}

void *mem_try_alloc(size_t size)
{
    return fail_now() ? NULL : zeroed(size);
}

void *mem_try_array(size_t n, size_t size)
{
    return mem_try_alloc(product(n, size));
}

void *mem_alloc(size_t size)
{
    void *p = zeroed(size);
    if (!p) {
        mem_end(size);
    }
    return p;
}

void *mem_buffer(size_t size)
{
    const size_t whole = (size / BUFFER_ALIGN + 1) * BUFFER_ALIGN;
    void *p = aligned_alloc(BUFFER_ALIGN, whole);
    if (!p) {
        mem_end(size);
    }
    return memset(p, 0, whole);
}

void *mem_array(size_t n, size_t size)
{
    return mem_alloc(product(n, size));
}

void *mem_realloc(void *p, size_t size)
{
    void *q = size > PTRDIFF_MAX ? NULL : realloc(p, size ? size : 1);
    if (!q) {
        mem_end(size);
    }
    return q;
}

void *mem_resize_array(void *p, size_t n, size_t size)
{
    return mem_realloc(p, product(n, size));
}

void *mem_dup(const void *p, size_t size)
{
    void *q = mem_alloc(size);
    if (size) {
        memcpy(q, p, size);
    }
    return q;
}

char *mem_strdup(const char *s)
{
    return s ? mem_dup(s, strlen(s) + 1) : NULL;
}

char *mem_vprintf(const char *fmt, va_list ap)
{
    char *text;
    if (vasprintf(&text, fmt, ap) < 0) {
        mem_end(strlen(fmt));
    }
    return text;
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = mem_vprintf(fmt, ap);
    va_end(ap);
    return text;
}

void mem_free(void *p)
{
    free(p);
}
