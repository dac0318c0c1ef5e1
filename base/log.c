/* SPDX-License-Identifier: MIT */
/*
 * The log: see log.h. All its state is one struct below, the process's and not a machine's; system/
 * sets it. The mask is read without a lock; the lock guards the file and the rates.
 */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "base/os.h"
#include "base/strbuf.h"

/* How many lines one device or unit has had in the second that runs. */
struct rate {
    char who[32];
    int64_t second; /* os_now_ns() / 10^9 */
    unsigned lines, held_back;
};

#define RATES 64

unsigned log_categories;

static struct {
    struct os_mutex lock;
    FILE *file; /* NULL: standard error */
    struct log_filter filter;
    struct rate rate[RATES];
    unsigned next_rate; /* the row that the next new name takes */
} log_state = {.lock = OS_MUTEX_INIT};

static const struct {
    unsigned bit;
    const char *name, *help;
} categories[] = {
    {LOG_IN_ASM, "in_asm", "guest instructions of each block when it is translated"},
    {LOG_IR, "ir", "intermediate code of each block as the guest's translator asks for it"},
    {LOG_OPT, "opt", "intermediate code of each block as folded, which is what is compiled"},
    {LOG_OUT_ASM, "out_asm", "host instructions of each block"},
    {LOG_INT, "int", "exceptions and interrupts taken"},
    {LOG_MMU, "mmu", "page table walks and TLB maintenance"},
    {LOG_GUEST_ERRORS, "guest_errors", "what a guest does that a specification forbids"},
    {LOG_UNIMP, "unimp", "what a guest asks for that is not modelled"},
    {LOG_EXEC, "exec", "each block when it is entered (slow)"},
    {LOG_CPU, "cpu", "registers at each block entry (slow)"},
    {LOG_CPU_RESET, "cpu_reset", "registers of a CPU before it is reset"},
};

/* Names that QEMU has beside these. Those of bit 0 ask for what there is none of, or always is. */
static const struct {
    unsigned bit;
    const char *name;
} other_names[] = {
    {LOG_IR, "op"}, {LOG_OPT, "op_opt"}, {LOG_OPT, "op_ind"}, {LOG_GUEST_ERRORS, "invalid_mem"},
    {0, "fpu"},     {0, "vpu"},          {0, "nochain"},      {0, "page"},
    {0, "pcall"},   {0, "plugin"},       {0, "op_plugin"},    {0, "strace"},
    {0, "tid"},
};

bool log_category_at(size_t i, const char **name, const char **help)
{
    if (i >= array_len(categories)) {
        return false;
    }
    *name = categories[i].name;
    *help = categories[i].help;
    return true;
}

unsigned log_mask(void)
{
    return atomic_get(&log_categories);
}

void log_set_mask(unsigned mask)
{
    atomic_set(&log_categories, mask);
}

/* The lock is held. */
static FILE *out(void)
{
    return log_state.file ? log_state.file : stderr;
}

/* Writes the text, in which names from outside cannot steer a terminal. The lock is held. */
static void write_text(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static void write_text(const char *fmt, va_list ap)
{
    struct strbuf s = {0};
    strbuf_vprintf(&s, fmt, ap);
    strbuf_make_visible(&s);
    fwrite(strbuf_text(&s), 1, s.len, out());
    strbuf_free(&s);
}

void log_vprint(unsigned mask, const char *fmt, va_list ap)
{
    if (log_enabled(mask)) {
        os_mutex_lock(&log_state.lock);
        write_text(fmt, ap);
        os_mutex_unlock(&log_state.lock);
    }
}

void log_print(unsigned mask, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    log_vprint(mask, fmt, ap);
    va_end(ap);
}

/* The row of who, which is a new one's if it has none: names are few, and the oldest gives way. */
static struct rate *rate_of(const char *who)
{
    for (unsigned i = 0; i < RATES; i++) {
        if (strncmp(log_state.rate[i].who, who, sizeof(log_state.rate[i].who) - 1) == 0) {
            return &log_state.rate[i];
        }
    }
    struct rate *r = &log_state.rate[log_state.next_rate++ % RATES];
    *r = (struct rate){0};
    snprintf(r->who, sizeof(r->who), "%s", who);
    return r;
}

/* True if who may write a line now. The lock is held. */
static bool admit(const char *who)
{
    struct rate *r = rate_of(who);
    int64_t second = os_now_ns() / 1000000000;
    if (r->second != second) {
        if (r->held_back) {
            fprintf(out(), "%s: %u more lines held back\n", who, r->held_back);
        }
        r->second = second;
        r->lines = r->held_back = 0;
    }
    if (r->lines >= LOG_GUEST_LINES) {
        r->held_back++;
        return false;
    }
    r->lines++;
    return true;
}

static void limited(unsigned mask, const char *who, const char *fmt, va_list ap)
{
    if (!log_enabled(mask)) {
        return;
    }
    os_mutex_lock(&log_state.lock);
    if (admit(who)) {
        fprintf(out(), "%s: ", who);
        write_text(fmt, ap);
        fputc('\n', out());
    }
    os_mutex_unlock(&log_state.lock);
}

void log_guest(const char *who, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    limited(LOG_GUEST_ERRORS, who, fmt, ap);
    va_end(ap);
}

void log_unimp(const char *who, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    limited(LOG_UNIMP, who, fmt, ap);
    va_end(ap);
}

/* Says what was held back and starts afresh. The lock is held. */
static void end_rates(void)
{
    for (unsigned i = 0; i < RATES; i++) {
        struct rate *r = &log_state.rate[i];
        if (r->held_back) {
            fprintf(out(), "%s: %u more lines held back\n", r->who, r->held_back);
        }
        *r = (struct rate){0};
    }
}

static void set_file(FILE *file)
{
    os_mutex_lock(&log_state.lock);
    end_rates();
    if (log_state.file) {
        fclose(log_state.file);
    }
    log_state.file = file;
    os_mutex_unlock(&log_state.lock);
}

/* path with the process id in the place of its first %d; allocated. */
static char *with_pid(const char *path)
{
    const char *at = strstr(path, "%d");

    return at ? mem_printf("%.*s%d%s", (int)(at - path), path, (int)getpid(), at + 2)
              : mem_strdup(path);
}

bool log_open(const char *path, struct error *e)
{
    FILE *file = NULL;
    if (path) {
        char *name = with_pid(path);
        file = fopen(name, "we");
        mem_free(name);
        if (!file) {
            return error_set(e, "log file '%s': %s", path, strerror(errno));
        }
        setvbuf(file, NULL, _IOLBF, 0); /* whole lines, so that a crash loses none */
    }
    set_file(file);
    return true;
}

void log_close(void)
{
    set_file(NULL);
}

static bool unknown_category(const char *item, struct error *e)
{
    const char *names[array_len(categories)];
    for (size_t i = 0; i < array_len(categories); i++) {
        names[i] = categories[i].name;
    }
    const char *near = error_nearest_name(item, names, array_len(names));
    error_set(e, "unknown log category '%s'", item);
    if (near) {
        error_append(e, " (did you mean '%s'?)", near);
    }
    for (size_t i = 0; i < array_len(names); i++) {
        error_append(e, "%s%s", i ? ", " : "; known: ", names[i]);
    }
    return false;
}

static bool add_bit(const char *item, unsigned *bits)
{
    for (size_t i = 0; i < array_len(categories); i++) {
        if (strcmp(categories[i].name, item) == 0) {
            *bits |= categories[i].bit;
            return true;
        }
    }
    for (size_t i = 0; i < array_len(other_names); i++) {
        if (strcmp(other_names[i].name, item) == 0) {
            *bits |= other_names[i].bit;
            return true;
        }
    }
    return false;
}

bool log_parse(const char *list, unsigned *mask, struct error *e)
{
    unsigned bits = 0;
    for (const char *p = list; *p;) {
        char item[32];
        size_t n = strcspn(p, ",");
        snprintf(item, sizeof(item), "%.*s", (int)(n < sizeof(item) ? n : sizeof(item)), p);
        if (!add_bit(item, &bits)) {
            return unknown_category(item, e);
        }
        p += n + (p[n] == ',');
    }
    *mask = bits;
    return true;
}

/* A C number at *p, moving behind it. */
static bool number(const char **p, uint64_t *v)
{
    if (!(**p >= '0' && **p <= '9')) {
        return false;
    }
    char *end;
    errno = 0;
    *v = strtoull(*p, &end, 0);
    *p = end;
    return errno == 0;
}

/* One item of a filter at *p, moving behind it; false if it is not of the three forms. */
static bool range(const char **p, struct log_range *r)
{
    uint64_t a, b;
    if (!number(p, &a)) {
        return false;
    }
    char sign = **p;
    *p += sign == '.' ? (*p)[1] == '.' ? 2 : 0 : sign == '+' || sign == '-';
    if (!sign || !number(p, &b)) {
        return false;
    }
    switch (sign) {
    case '.':
        *r = (struct log_range){a, b};
        return b >= a;
    case '+':
        *r = (struct log_range){a, a + (b - 1)};
        return b != 0 && r->last >= a;
    case '-':
        *r = (struct log_range){a - (b - 1), a};
        return b != 0 && r->first <= a;
    }
    return false;
}

bool log_filter_parse(const char *list, struct log_filter *f, struct error *e)
{
    struct log_filter parsed = {0};
    for (const char *p = list; *p;) {
        const char *start = p;
        struct log_range r;
        bool good = range(&p, &r) && (*p == ',' || !*p);
        if (!good) {
            return error_set(e,
                             "address range '%.*s': START..LAST, START+LENGTH or LAST-LENGTH "
                             "is needed, with LAST not below START and LENGTH not 0",
                             (int)strcspn(start, ","), start);
        }
        if (parsed.count == LOG_FILTER_MAX) {
            return error_set(e, "more than %d address ranges", LOG_FILTER_MAX);
        }
        parsed.range[parsed.count++] = r;
        p += *p == ',';
    }
    *f = parsed;
    return true;
}

void log_filter_set(const struct log_filter *f)
{
    log_state.filter = *f;
}

bool log_filter_match(uint64_t addr)
{
    const struct log_filter *f = &log_state.filter;
    for (size_t i = 0; i < f->count; i++) {
        if (addr >= f->range[i].first && addr <= f->range[i].last) {
            return true;
        }
    }
    return f->count == 0;
}
