/* SPDX-License-Identifier: MIT */
/*
 * From -cpu to what CPUID says. A model has the features that it names and that are emulated; those
 * that are not are told of. `max` has all that are emulated.
 */
#include "cpu/x86/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "cpu/x86/x86_decode.h"

#define X86_FEAT_none X86_FEAT_COUNT

static const struct {
    uint32_t leaf, subleaf;
    uint8_t reg;
} words[] = {
#define X(name, leaf, subleaf, reg) {leaf, subleaf, reg},
    X86_CPUID_WORDS(X)
#undef X
};

static const struct bit {
    const char *name;
    uint8_t word, bit, feat;
} bits[] = {
#define X(name, word, bit, feat) {#name, X86_WORD_##word, bit, X86_FEAT_##feat},
    X86_CPUID_BITS(X)
#undef X
};

/* Features of the opcode map that come with a bit of another one. */
static const struct {
    uint8_t bit, feat;
} implied[] = {{X86_HAS_lm, X86_FEAT_prefetchw},
               {X86_HAS_sse, X86_FEAT_sfence},
               {X86_HAS_sse2, X86_FEAT_fence},
               {X86_HAS_sse4_2, X86_FEAT_crc32}};

/* Other names; the first of each is the one that is shown. */
static const struct {
    const char *name;
    uint8_t bit;
} names[] = {{"pni", X86_HAS_sse3},
             {"sse4.1", X86_HAS_sse4_1},
             {"sse4.2", X86_HAS_sse4_2},
             {"i64", X86_HAS_lm},
             {"xd", X86_HAS_nx},
             {"ffxsr", X86_HAS_fxsr_opt},
             {"pclmuldq", X86_HAS_pclmulqdq}};
#define SHOWN_NAMES 3

/* What models leave out without a word: what they have not in QEMU, though it can be had, and SVM,
 * which most AMD models have. */
static const uint8_t left_out[] = {
    X86_HAS_pcid,   X86_HAS_invpcid, X86_HAS_tsc_deadline, X86_HAS_clzero,        X86_HAS_xsavec,
    X86_HAS_xsaves, X86_HAS_svm,     X86_HAS_npt,          X86_HAS_svme_addr_chk, X86_HAS_vgif};

bool x86_has(const struct x86_cpu *c, unsigned bit)
{
    return c->cpuid[bits[bit].word] >> bits[bit].bit & 1;
}

bool x86_is_intel(const struct x86_cpu *c)
{
    return strcmp(c->identity.vendor, "GenuineIntel") == 0;
}

const char *x86_model_name(const struct x86_cpu *c)
{
    return c->model->name;
}

static bool is_emulated(unsigned n)
{
    const unsigned feat = bits[n].feat;
    return feat != X86_FEAT_none && (feat == X86_FEAT_base || !x86_feat_untranslated[feat]);
}

static bool is_left_out(unsigned n)
{
    return memchr(left_out, (int)n, sizeof(left_out));
}

/* The bits that were asked for, and of these the ones that are there. */
static void set_bit(struct x86_cpu *c, unsigned n, bool on)
{
    const uint32_t mask = UINT32_C(1) << bits[n].bit;
    uint32_t *asked = &c->asked[bits[n].word], *has = &c->cpuid[bits[n].word];
    *asked = on ? *asked | mask : *asked & ~mask;
    *has = on && is_emulated(n) ? *has | mask : *has & ~mask;
}

/* As users see it. */
static const char *shown_name(unsigned n, char room[32])
{
    for (unsigned k = 0; k < SHOWN_NAMES; k++) {
        if (names[k].bit == n) {
            return names[k].name;
        }
    }
    snprintf(room, 32, "%s", bits[n].name);
    for (char *p = room; *p; p++) {
        *p = *p == '_' ? '-' : *p;
    }
    return room;
}

static bool is_same_name(const char *x, const char *y)
{
    while (*x && (*x == '_' ? '-' : *x) == (*y == '_' ? '-' : *y)) {
        x++;
        y++;
    }
    return !*x && !*y;
}

static unsigned feature_number(const char *name)
{
    for (unsigned n = 0; n < X86_CPUID_BIT_COUNT; n++) {
        if (is_same_name(bits[n].name, name)) {
            return n;
        }
    }
    for (size_t k = 0; k < array_len(names); k++) {
        if (strcmp(names[k].name, name) == 0) {
            return names[k].bit;
        }
    }
    return X86_CPUID_BIT_COUNT;
}

/* Leaves up to those where bits are, and the features of the opcode map. */
static void derive(struct x86_cpu *c)
{
    struct x86_identity *id = &c->identity;
    c->features = 0;
    for (unsigned w = 0; w < X86_CPUID_WORD_COUNT; w++) {
        uint32_t *last = words[w].leaf >> 31 ? &id->extended : &id->level;
        if (c->cpuid[w] && *last < words[w].leaf) {
            *last = words[w].leaf;
        }
    }
    for (unsigned n = 0; n < X86_CPUID_BIT_COUNT; n++) {
        c->features |= x86_has(c, n) ? UINT64_C(1) << bits[n].feat : 0;
    }
    for (size_t k = 0; k < array_len(implied); k++) {
        c->features |= x86_has(c, implied[k].bit) ? UINT64_C(1) << implied[k].feat : 0;
    }
}

/* ---- options */

struct options {
    struct x86_cpu *c;
    bool of_model; /* they are the table's, not the user's */
    bool check, enforce;
    struct error *e;
};

static bool unknown(struct error *e, const char *what, const char *word, const char *const *all,
                    size_t n)
{
    const char *near = error_nearest_name(word, all, n);
    error_set(e, "-cpu: no such CPU %s: \"%s\"", what, word);
    if (near) {
        error_append(e, ": did you mean \"%s\"?", near);
    }
    return false;
}

enum number {
    N_FAMILY,
    N_MODEL,
    N_STEPPING,
    N_LEVEL,
    N_XLEVEL,
    N_PHYS_BITS,
    N_COUNT
};

static const struct {
    const char *name;
    uint64_t least, most;
} numbers[N_COUNT] = {
    [N_FAMILY] = {"family", 0, 270},        [N_MODEL] = {"model", 0, 255},
    [N_STEPPING] = {"stepping", 0, 15},     [N_LEVEL] = {"level", 0, UINT32_MAX},
    [N_XLEVEL] = {"xlevel", 0, UINT32_MAX}, [N_PHYS_BITS] = {"phys-bits", 32, 52}};

static void put_number(struct x86_identity *id, enum number which, uint32_t v)
{
    switch (which) {
    case N_FAMILY:
        id->family = (uint16_t)v;
        break;
    case N_MODEL:
        id->model = (uint8_t)v;
        break;
    case N_STEPPING:
        id->stepping = (uint8_t)v;
        break;
    case N_LEVEL:
        id->level = v;
        break;
    case N_XLEVEL:
        id->extended = v;
        break;
    default:
        id->phys_bits = v;
        break;
    }
}

static bool set_number(struct options *o, enum number which, const char *value)
{
    char *end;
    const uint64_t v = strtoull(value, &end, 0);
    if (*end || end == value || *value == '-' || v < numbers[which].least ||
        v > numbers[which].most) {
        return error_set(o->e, "-cpu: %s=%s: expected a number from %llu to %llu",
                         numbers[which].name, value, (unsigned long long)numbers[which].least,
                         (unsigned long long)numbers[which].most);
    }
    put_number(&o->c->identity, which, (uint32_t)v);
    return true;
}

/* Up to 48 characters, and zeros behind them. */
static void put_text(char text[49], const char *value)
{
    memset(text, 0, 49);
    snprintf(text, 49, "%s", value);
}

static bool set_text(struct options *o, const char *name, const char *value)
{
    struct x86_identity *id = &o->c->identity;
    const bool vendor = strcmp(name, "vendor") == 0;
    const size_t n = strlen(value);
    if (vendor ? n != 12 : n > 48) {
        return error_set(o->e, "-cpu: %s=%s: expected %s characters", name, value,
                         vendor ? "12" : "at most 48");
    }
    if (vendor) {
        memcpy(id->vendor, value, n);
    } else {
        put_text(id->text, value);
    }
    return true;
}

static bool unknown_option(struct options *o, const char *item)
{
    static const char *const others[] = {"vendor", "model-id", "check", "enforce"};
    const char *all[X86_CPUID_BIT_COUNT + N_COUNT + array_len(others)];
    char room[X86_CPUID_BIT_COUNT][32];
    size_t n = 0;
    for (; n < X86_CPUID_BIT_COUNT; n++) {
        all[n] = shown_name((unsigned)n, room[n]);
    }
    for (unsigned k = 0; k < N_COUNT; k++) {
        all[n++] = numbers[k].name;
    }
    for (size_t k = 0; k < array_len(others); k++) {
        all[n++] = others[k];
    }
    return unknown(o->e, "feature", item, all, n);
}

static bool set_switch(struct options *o, const char *name, bool on)
{
    const unsigned n = feature_number(name);
    if (strcmp(name, "check") == 0) {
        o->check = on;
    } else if (strcmp(name, "enforce") == 0) {
        o->enforce = on;
    } else if (n == X86_CPUID_BIT_COUNT) {
        return unknown_option(o, name);
    } else if (!o->of_model || !is_left_out(n)) {
        set_bit(o->c, n, on);
    }
    return true;
}

static bool set_option(struct options *o, char *item)
{
    char *value = strchr(item, '=');
    bool on = *item != '-';
    item += *item == '+' || *item == '-';
    if (value) {
        *value++ = 0;
        for (unsigned k = 0; k < N_COUNT; k++) {
            if (is_same_name(numbers[k].name, item)) {
                return set_number(o, k, value);
            }
        }
        if (strcmp(item, "vendor") == 0 || is_same_name("model-id", item)) {
            return set_text(o, item, value);
        }
        on = strcmp(value, "on") == 0;
        if (feature_number(item) != X86_CPUID_BIT_COUNT && !on && strcmp(value, "off") != 0) {
            return error_set(o->e, "-cpu: %s=%s: expected on or off", item, value);
        }
    }
    return set_switch(o, item, on);
}

static bool set_options(struct options *o, const char *text, const char *between)
{
    char *copy = mem_strdup(text), *rest = copy;
    bool good = true;
    for (char *item; good && (item = strsep(&rest, between)) != NULL;) {
        good = *item == 0 || set_option(o, item);
    }
    mem_free(copy);
    return good;
}

/* ---- models */

/* By its name, another one, or its name without a version, which is the first one's. */
static const struct x86_model *find_model(const char *name)
{
    char first[64];
    snprintf(first, sizeof(first), "%s-v1", name);
    for (const struct x86_model *m = x86_models; m->name; m++) {
        if (strcmp(m->name, name) == 0 || strcmp(m->name, first) == 0 ||
            (m->alias && strcmp(m->alias, name) == 0)) {
            return m;
        }
    }
    return NULL;
}

static bool unknown_model(const char *name, struct error *e)
{
    if (strcmp(name, "host") == 0) {
        return error_set(e, "-cpu: host: needs KVM, which is to come; max has all that is "
                            "emulated");
    }
    const char *all[3 * 128];
    char stems[128][48];
    size_t n = 0, stem = 0;
    for (const struct x86_model *m = x86_models; m->name && n + 3 < array_len(all); m++) {
        const char *version = strstr(m->name, "-v1");
        all[n++] = m->name;
        all[n++] = m->alias; /* or NULL */
        if (version && !version[3]) {
            snprintf(stems[stem], sizeof(stems[0]), "%.*s", (int)(version - m->name), m->name);
            all[n++] = stems[stem++];
        }
    }
    return unknown(e, "model", name, all, n);
}

/* The model that m changes comes first. */
static void apply_model(struct options *o, const struct x86_model *m)
{
    struct x86_identity *id = &o->c->identity;
    const struct x86_model *chain[16];
    unsigned n = 0;
    o->c->model = m;
    for (; m && n < array_len(chain); m = m->from ? find_model(m->from) : NULL) {
        chain[n++] = m;
    }
    while (n-- > 0) {
        id->caches = chain[n]->caches ? chain[n]->caches : id->caches;
        if (chain[n]->id) {
            put_text(id->text, chain[n]->id);
        }
        set_options(o, chain[n]->options ? chain[n]->options : "", " ");
    }
}

static bool is_missing(const struct x86_cpu *c, unsigned n)
{
    return c->asked[bits[n].word] >> bits[n].bit & 1 && !x86_has(c, n);
}

static void describe_missing(const struct x86_cpu *c, struct strbuf *out)
{
    static const char *const registers[] = {"EAX", "EBX", "ECX", "EDX"};
    for (unsigned n = 0; n < X86_CPUID_BIT_COUNT; n++) {
        char room[32];
        if (is_missing(c, n)) {
            strbuf_printf(out,
                          "TCG doesn't support requested feature: CPUID.%02XH:%s.%s [bit %u]\n",
                          words[bits[n].word].leaf, registers[words[bits[n].word].reg],
                          shown_name(n, room), bits[n].bit);
        }
    }
}

char *x86_model_missing(const struct vcpu *v)
{
    const struct x86_cpu *c = (const struct x86_cpu *)v;
    struct strbuf out = {0};
    if (c->checks) {
        describe_missing(c, &out);
    }
    return strbuf_take(&out);
}

/* QEMU's words, behind which come those of what is missing. */
static bool check(struct options *o)
{
    struct strbuf out = {0};
    describe_missing(o->c, &out);
    const bool good = !o->enforce || !*strbuf_text(&out);
    if (!good) {
        error_set(o->e, "-cpu: TCG doesn't support requested features");
        error_append_lines(o->e, strbuf_text(&out));
    }
    strbuf_free(&out);
    return good;
}

bool x86_model_apply(struct x86_cpu *c, const char *text, struct error *e)
{
    struct options o = {.c = c, .of_model = true, .check = true, .e = e};
    const size_t n = strcspn(text, ",");
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)(n < sizeof(name) ? n : sizeof(name) - 1), text);
    const struct x86_model *m = find_model(name);
    if (!m) {
        return unknown_model(name, e);
    }
    memset(c->cpuid, 0, sizeof(c->cpuid));
    memset(c->asked, 0, sizeof(c->asked));
    c->identity = (struct x86_identity){.family = 0};
    apply_model(&o, m);
    for (unsigned k = 0; strcmp(m->name, "max") == 0 && k < X86_CPUID_BIT_COUNT; k++) {
        set_bit(c, k, is_emulated(k) && k != X86_HAS_ht); /* which follows the CPUs */
    }
    o.of_model = false;
    if (!set_options(&o, text + n, ",") || !check(&o)) {
        return false;
    }
    c->checks = o.check;
    derive(c);
    return true;
}

/* ---- help */

struct line {
    char name[48], text[128];
};

static int compare_lines(const void *x, const void *y)
{
    return strcmp(((const struct line *)x)->name, ((const struct line *)y)->name);
}

static void describe_model(const struct x86_model *m, struct line *lines, size_t *n)
{
    const struct x86_model *first = m;
    const char *version = strrchr(m->name, '-');
    while (first->from && !first->id) {
        first = find_model(first->from);
    }
    struct line *l = &lines[(*n)++];
    snprintf(l->name, sizeof(l->name), "%s", m->name);
    snprintf(l->text, sizeof(l->text), "%s%s%s", first->id ? first->id : "",
             first->id && m->note ? " " : "", m->note ? m->note : "");
    if (m->alias) {
        l = &lines[(*n)++];
        snprintf(l->name, sizeof(l->name), "%s", m->alias);
        snprintf(l->text, sizeof(l->text), "(alias of %s)", m->name);
    }
    if (!m->from && version) {
        l = &lines[(*n)++];
        snprintf(l->name, sizeof(l->name), "%.*s", (int)(version - m->name), m->name);
        snprintf(l->text, sizeof(l->text), "(alias configured by machine type)");
    }
}

static void describe_features(struct strbuf *out)
{
    struct line *lines = mem_alloc(X86_CPUID_BIT_COUNT * sizeof(*lines));
    unsigned column = 0;
    for (unsigned n = 0; n < X86_CPUID_BIT_COUNT; n++) {
        char room[32];
        snprintf(lines[n].name, sizeof(lines[n].name), "%s", shown_name(n, room));
        lines[n].text[0] = 0;
    }
    qsort(lines, X86_CPUID_BIT_COUNT, sizeof(lines[0]), compare_lines);
    for (unsigned n = 0; n < X86_CPUID_BIT_COUNT; n++) {
        const unsigned more = (unsigned)strlen(lines[n].name) + 1;
        if (column == 0 || column + more > 75) {
            strbuf_puts(out, column ? "\n " : " ");
            column = 1;
        }
        strbuf_printf(out, " %s", lines[n].name);
        column += more;
    }
    strbuf_puts(out, "\n");
    mem_free(lines);
}

void x86_model_without_long_mode(struct x86_cpu *c)
{
    static const uint8_t wide[] = {X86_HAS_lm,   X86_HAS_lahf_lm, X86_HAS_syscall,
                                   X86_HAS_cx16, X86_HAS_pcid,    X86_HAS_fsgsbase,
                                   X86_HAS_la57, X86_HAS_pku,     X86_HAS_pdpe1gb};
    for (size_t k = 0; k < array_len(wide); k++) {
        set_bit(c, wide[k], false);
    }
    derive(c);
}

char *x86_models_describe(void)
{
    struct strbuf out = {0};
    size_t n = 0, count = 0;
    while (x86_models[count].name) {
        count++;
    }
    struct line *lines = mem_alloc(3 * count * sizeof(*lines));
    for (size_t k = 0; k + 2 < count; k++) { /* base and max come last */
        describe_model(&x86_models[k], lines, &n);
    }
    qsort(lines, n, sizeof(*lines), compare_lines);
    strbuf_puts(&out, "Available CPUs:\n");
    for (size_t k = 0; k < n; k++) {
        strbuf_printf(&out, "  %-20s  %s\n", lines[k].name, lines[k].text);
    }
    for (size_t k = count - 2; k < count; k++) {
        strbuf_printf(&out, "  %-20s  %s\n", x86_models[k].name, x86_models[k].note);
    }
    mem_free(lines);
    strbuf_puts(&out, "\nRecognized CPUID flags:\n");
    describe_features(&out);
    return strbuf_take(&out);
}
