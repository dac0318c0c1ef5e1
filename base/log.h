/* SPDX-License-Identifier: MIT */
/*
 * The log of `-d`, `-D` and `-dfilter`: what the translator and the guest do, by category.
 * Log state is the process's, not a machine's: it is the one exception to "no mutable globals
 * outside system/", kept in a single struct in log.c and set only by system/ through log_open(),
 * log_set_mask() and log_filter_set(). Everything here may be called from any thread; a line is
 * written whole.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/error.h"

enum log_category {
    LOG_IN_ASM = 1u << 0,
    LOG_IR = 1u << 1,
    LOG_OPT = 1u << 2,
    LOG_OUT_ASM = 1u << 3,
    LOG_INT = 1u << 4,
    LOG_MMU = 1u << 5,
    LOG_GUEST_ERRORS = 1u << 6,
    LOG_UNIMP = 1u << 7,
    LOG_EXEC = 1u << 8,
    LOG_CPU = 1u << 9,
    LOG_CPU_RESET = 1u << 10,
};

/* An inclusive range of guest addresses. */
struct log_range {
    uint64_t first, last;
};

#define LOG_FILTER_MAX 16

/* The ranges of -dfilter; none means every address. */
struct log_filter {
    size_t count;
    struct log_range range[LOG_FILTER_MAX];
};

extern unsigned log_categories; /* those that are on; log.c's own */

/* True if any category of mask is on. Cheap enough for once a block, not for once an instruction.
 */
static inline bool log_enabled(unsigned mask)
{
    return (atomic_get(&log_categories) & mask) != 0;
}

/* Writes the text, without adding a newline, if any category of mask is on. */
void log_print(unsigned mask, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_vprint(unsigned mask, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/*
 * A line "WHO: text" in guest_errors: a guest did what the specification forbids or leaves open.
 * who is the device's or unit's name. At most LOG_GUEST_LINES lines each second and who; what was
 * held back is counted in a line of its own when the next one appears.
 */
#define LOG_GUEST_LINES 10
void log_guest(const char *who, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As log_guest, in the category unimp: the guest asked for what this emulator does not model. */
void log_unimp(const char *who, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Parses a -d list such as "in_asm,int" into *mask. "help" is not handled here. On an unknown item
 * false, with the choices and the nearest in e; *mask is then unchanged.
 */
bool log_parse(const char *list, unsigned *mask, struct error *e);

/* Row i of the categories for -d help; false past the end. */
bool log_category_at(size_t i, const char **name, const char **help);

/* The categories that log_print writes; 0 at start. */
void log_set_mask(unsigned mask);
unsigned log_mask(void);

/* Sends the log to the file at path, which is truncated; %d in it stands for the process id. NULL
 * is standard error, as at start. */
bool log_open(const char *path, struct error *e);

/* Writes what was held back and goes back to standard error. */
void log_close(void);

/* Parses "START..LAST", "START+LENGTH", "LAST-LENGTH" items, comma separated, numbers as in C. */
bool log_filter_parse(const char *list, struct log_filter *f, struct error *e);

/* Replaces the filter in force. Called before any vCPU runs: readers take no lock. */
void log_filter_set(const struct log_filter *f);

/* True if the filter in force has addr in a range, or has no ranges. */
bool log_filter_match(uint64_t addr);

#endif
