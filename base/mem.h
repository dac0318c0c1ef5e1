/* SPDX-License-Identifier: MIT */
/*
 * Heap memory. The plain functions are for sizes that we choose and end the process when memory is
 * not to be had; the mem_try_* ones are for sizes that a guest, a file or a user chooses.
 * All may be called from any thread. What any of them returns is freed with mem_free().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

/* size zeroed bytes; a size of 0 gives a unique pointer. Never NULL. */
void *mem_alloc(size_t size);

/* Zeroed room for n elements of size bytes each; the product is checked. Never NULL. */
void *mem_array(size_t n, size_t size);

/* Resizes p (or NULL) to size bytes; bytes beyond the old size are not initialized. Never NULL. */
void *mem_realloc(void *p, size_t size);

/* Resizes p (or NULL) to n elements of size bytes each; the product is checked. Never NULL. */
void *mem_resize_array(void *p, size_t n, size_t size);

/* A copy of size bytes at p. Never NULL. */
void *mem_dup(const void *p, size_t size);

/* A copy of the string s; NULL gives NULL. */
char *mem_strdup(const char *s);

/* The formatted text as a new string. Never NULL. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *mem_vprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* As mem_alloc and mem_array, but NULL when there is no memory or the product overflows. */
void *mem_try_alloc(size_t size);
void *mem_try_array(size_t n, size_t size);

/* size zeroed bytes from the begin of a page on, which the host copies to and from files more
 * quickly than others. Never NULL. */
void *mem_buffer(size_t size);

/* Ends the process because so many bytes are not to be had. */
_Noreturn void mem_end(size_t size);

/* Frees what the functions above returned; NULL is allowed. */
void mem_free(void *p);

#endif
