/* SPDX-License-Identifier: MIT */
/* Property tables: defaults, parsing with errors that say what is accepted, help. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/device.h"

/* ---- parsing of values: each returns NULL or what would have been accepted */

static const char *parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"on", "true", "yes", "y"};
    static const char *const no[] = {"off", "false", "no", "n"};
    for (size_t i = 0; i < array_len(yes); i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out = strcmp(text, yes[i]) == 0;
            return NULL;
        }
    }
    return "on or off";
}

static bool parse_number(const char *text, uint64_t *out, const char **end)
{
    if (*text < '0' || *text > '9') {
        return false;
    }
    char *stop;
    errno = 0;
    *out = strtoull(text, &stop, 0);
    *end = stop;
    return errno == 0;
}

static const char *parse_unsigned(const char *text, uint64_t max, uint64_t *out)
{
    const char *end;
    if (parse_number(text, out, &end) && *end == 0 && *out <= max) {
        return NULL;
    }
    switch (max) {
    case UINT8_MAX:
        return "a number from 0 to 255";
    case UINT16_MAX:
        return "a number from 0 to 65535";
    case UINT32_MAX:
        return "a number from 0 to 4294967295";
    default:
        return "a number";
    }
}

static const char *parse_size(const char *text, uint64_t *out)
{
    static const char suffixes[] = "bkmgtpe";
    const char *end;
    if (!parse_number(text, out, &end)) {
        return "a size in bytes or with a suffix K, M, G, T";
    }
    if (*end) {
        const char *s = strchr(suffixes, *end | 0x20);
        if (!s || end[1]) {
            return "a size in bytes or with a suffix K, M, G, T";
        }
        unsigned shift = 10 * (unsigned)(s - suffixes);
        if (*out > UINT64_MAX >> shift) {
            return "a size of less than 16 EiB";
        }
        *out <<= shift;
    }
    return NULL;
}

static const char *parse_mac(const char *text, uint8_t *out)
{
    uint8_t mac[6];
    const char *p = text;
    for (int i = 0; i < 6; i++) {
        unsigned value = 0, digits = 0;
        for (; digits < 2 && strchr("0123456789abcdefABCDEF", *p) && *p; digits++, p++) {
            value = value * 16 + (unsigned)(*p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10);
        }
        bool separated = i == 5 ? *p == 0 : *p == ':' || *p == '-';
        if (digits == 0 || !separated) {
            return "six hexadecimal bytes, such as 52:54:00:12:34:56";
        }
        mac[i] = (uint8_t)value;
        p++;
    }
    memcpy(out, mac, 6);
    return NULL;
}

static const char *parse_pci_addr(const char *text, int32_t *out)
{
    char *end;
    if (strcmp(text, "-1") == 0) {
        *out = -1;
        return NULL;
    }
    unsigned long slot = strtoul(text, &end, 16), function = 0;
    bool good = *text != '-' && end != text && slot < 32;
    if (good && *end == '.') {
        const char *f = end + 1;
        function = strtoul(f, &end, 16);
        good = *f != '-' && end != f && function < 8;
    }
    if (!good || *end) {
        return "slot or slot.function in hexadecimal, 0 to 1f and 0 to 7";
    }
    *out = (int32_t)(slot << 3 | function);
    return NULL;
}

static const char *parse_bootindex(const char *text, int32_t *out)
{
    uint64_t n = 0;
    const bool none = strcmp(text, "-1") == 0;
    if (!none && parse_unsigned(text, INT32_MAX, &n)) {
        return "a number from 0 to 2147483647, or -1";
    }
    *out = none ? -1 : (int32_t)n;
    return NULL;
}

static bool parse_enum(const struct prop *p, const char *text, int *out)
{
    for (int i = 0; p->choices[i]; i++) {
        if (strcmp(p->choices[i], text) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* ---- the table */

size_t props_number_bytes(enum prop_type type)
{
    switch (type) {
    case PROP_U8:
        return 1;
    case PROP_U16:
        return 2;
    case PROP_U32:
    case PROP_PCI_ADDR:
    case PROP_BOOTINDEX:
        return 4;
    case PROP_U64:
    case PROP_SIZE:
        return 8;
    default:
        return 0;
    }
}

/* The default of a number may be a word, which stands for all ones. */
static bool is_default_word(const struct prop *p, const char *value)
{
    return props_number_bytes(p->type) && p->initial && strcmp(p->initial, value) == 0 &&
           !(*value >= '0' && *value <= '9');
}

static bool is_default_number(const struct prop *p, const void *at)
{
    static const uint8_t ones[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return p->initial && is_default_word(p, p->initial) &&
           memcmp(at, ones, props_number_bytes(p->type)) == 0;
}

static const char *assign(const struct prop *p, void *at, const char *value)
{
    const char *accepted = NULL;
    uint64_t n = 0;
    if (is_default_word(p, value)) {
        memset(at, 0xff, props_number_bytes(p->type));
        return NULL;
    }
    switch (p->type) {
    case PROP_BOOL:
        return parse_bool(value, at);
    case PROP_U8:
        accepted = parse_unsigned(value, UINT8_MAX, &n);
        if (!accepted) {
            *(uint8_t *)at = (uint8_t)n;
        }
        return accepted;
    case PROP_U16:
        accepted = parse_unsigned(value, UINT16_MAX, &n);
        if (!accepted) {
            *(uint16_t *)at = (uint16_t)n;
        }
        return accepted;
    case PROP_U32:
        accepted = parse_unsigned(value, UINT32_MAX, &n);
        if (!accepted) {
            *(uint32_t *)at = (uint32_t)n;
        }
        return accepted;
    case PROP_U64:
        accepted = parse_unsigned(value, UINT64_MAX, &n);
        if (!accepted) {
            *(uint64_t *)at = n;
        }
        return accepted;
    case PROP_SIZE:
        accepted = parse_size(value, &n);
        if (!accepted) {
            *(uint64_t *)at = n;
        }
        return accepted;
    case PROP_ENUM:
        return parse_enum(p, value, at) ? NULL : "";
    case PROP_MAC:
        return parse_mac(value, at);
    case PROP_PCI_ADDR:
        return parse_pci_addr(value, at);
    case PROP_BOOTINDEX:
        return parse_bootindex(value, at);
    case PROP_STRING:
    case PROP_DRIVE:
    case PROP_NETDEV:
    case PROP_CHARDEV:
    case PROP_OBJECT:
        mem_free(*(char **)at);
        *(char **)at = mem_strdup(value);
        return NULL;
    }
    return "";
}

static bool owns_text(enum prop_type type)
{
    return type == PROP_STRING || type >= PROP_DRIVE;
}

void props_init(const struct prop *props, void *base)
{
    for (const struct prop *p = props; p && p->name; p++) {
        if (p->initial) {
            const char *accepted = assign(p, (char *)base + p->offset, p->initial);
            assert(!accepted);
        }
    }
}

const char *props_text(const struct prop *props, const void *base, const char *name)
{
    for (const struct prop *p = props; p && p->name; p++) {
        if (p->type == PROP_STRING && strcmp(p->name, name) == 0) {
            return *(char *const *)((const char *)base + p->offset);
        }
    }
    return NULL;
}

void props_free(const struct prop *props, void *base)
{
    for (const struct prop *p = props; p && p->name; p++) {
        if (owns_text(p->type)) {
            char **text = (void *)((char *)base + p->offset);
            mem_free(*text);
            *text = NULL;
        }
    }
}

static void append_choices(struct error *e, const char *const *names, const char *word)
{
    size_t n = 0;
    for (; names[n]; n++) {
        error_append(e, "%s%s", n ? ", " : "", names[n]);
    }
    const char *near = error_nearest_name(word, names, n);
    if (near) {
        error_append(e, "; did you mean '%s'?", near);
    }
}

enum {
    LISTED_MAX = 20 /* names in a message of one line */
};

static bool unknown_prop(const struct prop *props, const char *what, const char *prop,
                         struct error *e)
{
    const char *names[64] = {NULL};
    size_t n = 0;
    for (const struct prop *p = props; p && p->name && n < array_len(names); p++) {
        names[n++] = p->name;
    }
    const char *near = error_nearest_name(prop, names, n);
    error_set(e, "%s has no property '%s'", what, prop);
    if (near) {
        error_append(e, "; did you mean '%s'?", near);
    }
    if (n > LISTED_MAX) {
        error_append(e, "%s 'help' in its place lists them", near ? "" : ";");
        return false;
    }
    error_append(e, n ? "%s it has: " : "%s it has none", near ? "" : ";");
    for (size_t i = 0; i < n; i++) {
        error_append(e, "%s%s", i ? ", " : "", names[i]);
    }
    return false;
}

bool props_set(const struct prop *props, void *base, const char *what, const char *prop,
               const char *value, struct error *e)
{
    const struct prop *p = props;
    while (p && p->name && strcmp(p->name, prop) != 0) {
        p++;
    }
    if (!p || !p->name) {
        return unknown_prop(props, what, prop, e);
    }
    const char *accepted = assign(p, (char *)base + p->offset, value);
    if (!accepted) {
        return true;
    }
    error_set(e, "%s: %s=%s: expected %s", what, prop, value, accepted);
    if (p->type == PROP_ENUM) {
        append_choices(e, p->choices, value);
    }
    return false;
}

/* ---- values as text */

static void describe(const struct prop *p, const void *at, struct strbuf *out)
{
    const uint8_t *mac = at;
    const char *text;
    if (is_default_number(p, at)) {
        strbuf_puts(out, p->initial);
        return;
    }
    switch (p->type) {
    case PROP_BOOL:
        strbuf_puts(out, *(const bool *)at ? "on" : "off");
        break;
    case PROP_U8:
        strbuf_printf(out, "%u", *(const uint8_t *)at);
        break;
    case PROP_U16:
        strbuf_printf(out, "%u", *(const uint16_t *)at);
        break;
    case PROP_U32:
        strbuf_printf(out, "%" PRIu32, *(const uint32_t *)at);
        break;
    case PROP_U64:
    case PROP_SIZE:
        strbuf_printf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case PROP_ENUM:
        strbuf_puts(out, p->choices[*(const int *)at]);
        break;
    case PROP_MAC:
        strbuf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                      mac[5]);
        break;
    case PROP_PCI_ADDR:
        strbuf_printf(out, "%02x.%x", *(const uint32_t *)at >> 3, *(const uint32_t *)at & 7);
        break;
    case PROP_BOOTINDEX:
        strbuf_printf(out, "%" PRId32, *(const int32_t *)at);
        break;
    case PROP_STRING:
    case PROP_DRIVE:
    case PROP_NETDEV:
    case PROP_CHARDEV:
    case PROP_OBJECT:
        text = *(char *const *)at;
        strbuf_printf(out, "\"%s\"", text ? text : "");
        break;
    }
}

void props_describe(const struct prop *props, const void *base, int indent, struct strbuf *out)
{
    for (const struct prop *p = props; p && p->name; p++) {
        strbuf_printf(out, "%*s%s = ", indent, "", p->name);
        describe(p, (const char *)base + p->offset, out);
        strbuf_puts(out, "\n");
    }
}

static const char *type_name(enum prop_type type)
{
    switch (type) {
    case PROP_BOOL:
        return "bool";
    case PROP_U8:
        return "uint8";
    case PROP_U16:
        return "uint16";
    case PROP_U32:
        return "uint32";
    case PROP_U64:
        return "uint64";
    case PROP_SIZE:
        return "size";
    case PROP_ENUM:
        return "choice";
    case PROP_MAC:
        return "mac";
    case PROP_PCI_ADDR:
        return "slot.function";
    case PROP_BOOTINDEX:
        return "int32";
    case PROP_STRING:
        return "str";
    case PROP_DRIVE:
        return "drive id";
    case PROP_NETDEV:
        return "netdev id";
    case PROP_CHARDEV:
        return "chardev id";
    case PROP_OBJECT:
        return "object id";
    }
    return "";
}

char *props_help(const struct prop *props, const char *what)
{
    struct strbuf out = {0};
    strbuf_printf(&out, "%s options:\n", what);
    for (const struct prop *p = props; p && p->name; p++) {
        struct strbuf line = {0};
        strbuf_printf(&line, "  %s=<%s>", p->name, type_name(p->type));
        strbuf_printf(&out, "%-26s - %s", strbuf_text(&line), p->desc ? p->desc : "");
        strbuf_free(&line);
        for (int i = 0; p->type == PROP_ENUM && p->choices[i]; i++) {
            strbuf_printf(&out, "%s%s", i ? ", " : ": ", p->choices[i]);
        }
        if (p->initial) {
            strbuf_printf(&out, " (default: %s)", p->initial);
        }
        strbuf_putc(&out, '\n');
    }
    return strbuf_take(&out);
}
