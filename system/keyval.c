/* SPDX-License-Identifier: MIT */
/* Option groups and their tables: see keyval.h. */
#include "system/keyval.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- splitting */

/* Copies up to a single comma, each double one as one; *text moves behind it, or becomes NULL at
 * the end. */
static char *take_item(const char **text)
{
    struct strbuf s = {0};
    const char *p = *text;
    while (*p && !(p[0] == ',' && p[1] != ',')) {
        strbuf_putc(&s, *p);
        p += p[0] == ',' ? 2 : 1;
    }
    *text = *p ? p + 1 : NULL;
    return strbuf_take(&s);
}

static void add(struct keyvals *k, char *key, char *value)
{
    k->items = mem_resize_array(k->items, k->count + 1, sizeof(*k->items));
    k->items[k->count++] = (struct keyval){key, value};
}

/* A "=" that belongs to the item's key: before the first comma, which a value may contain. */
static bool add_item(struct keyvals *k, char *item, const char *implied)
{
    size_t n = strcspn(item, "=,");
    bool has_value = item[n] == '=';
    if (!has_value && implied && k->count == 0) {
        add(k, mem_strdup(implied), item);
        return true;
    }
    if (n == 0) {
        mem_free(item);
        return false;
    }
    char *value = has_value ? mem_strdup(item + n + 1) : NULL;
    if (has_value) {
        item[n] = '\0';
    }
    add(k, item, value);
    return true;
}

struct keyvals *keyvals_parse(const char *option, const char *text, const char *implied,
                              struct error *e)
{
    struct keyvals *k = mem_alloc(sizeof(*k));
    k->where = mem_printf("%s %s", option, text);
    const char *rest = *text ? text : NULL;
    if (text[0] == '{') {
        if (keyvals_add_json(k, text, e)) {
            return k;
        }
        keyvals_free(k);
        return NULL;
    }
    while (rest) {
        if (!add_item(k, take_item(&rest), implied)) {
            error_set(e, "%s: an item without a key; items are key=value", k->where);
            keyvals_free(k);
            return NULL;
        }
    }
    return k;
}

void keyvals_free(struct keyvals *k)
{
    if (!k) {
        return;
    }
    for (size_t i = 0; i < k->count; i++) {
        mem_free(k->items[i].key);
        mem_free(k->items[i].value);
    }
    mem_free(k->items);
    mem_free(k->where);
    mem_free(k);
}

const char *keyvals_get(const struct keyvals *k, const char *key)
{
    for (size_t i = k->count; i-- > 0;) {
        if (strcmp(k->items[i].key, key) == 0) {
            return k->items[i].value ? k->items[i].value : "on";
        }
    }
    return NULL;
}

char *keyvals_take(struct keyvals *k, const char *key)
{
    char *value = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < k->count; i++) {
        struct keyval *item = &k->items[i];
        if (strcmp(item->key, key) != 0) {
            k->items[kept++] = *item;
            continue;
        }
        mem_free(value);
        value = item->value ? item->value : mem_strdup("on");
        mem_free(item->key);
    }
    k->count = kept;
    return value;
}

void keyvals_set(struct keyvals *k, const char *key, const char *value)
{
    mem_free(keyvals_take(k, key));
    add(k, mem_strdup(key), mem_strdup(value));
}

void keyvals_add(struct keyvals *k, const char *key, const char *value)
{
    add(k, mem_strdup(key), mem_strdup(value));
}

void keyvals_append(struct keyvals **list, struct keyvals *k)
{
    while (*list) {
        list = &(*list)->next;
    }
    *list = k;
}

/* ---- values */

bool keyval_parse_u64(const char *text, uint64_t *value, struct error *e)
{
    char *end;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    errno = 0;
    unsigned long long v = strtoull(text, &end, hex ? 16 : 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno) {
        return error_set(e, "'%s' is not a number from 0 to 2^64-1", text);
    }
    *value = v;
    return true;
}

/* The power of 1024 that a unit stands for, or -1. */
static int unit_power(char c)
{
    static const char units[] = "BKMGTPE";
    const char *p = c ? strchr(units, toupper((unsigned char)c)) : NULL;
    return p ? (int)(p - units) : -1;
}

bool keyval_parse_size(const char *text, uint64_t unit, uint64_t *bytes, struct error *e)
{
    const char *accepted = "a number and perhaps a unit: 512, 4K, 1.5G, 0x1000";
    char *end;
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    errno = 0;
    unsigned long long whole = strtoull(text, &end, hex ? 16 : 10);
    if (!isdigit((unsigned char)text[0]) || errno) {
        return error_set(e, "'%s' is not a size; accepted: %s", text, accepted);
    }
    uint64_t digits = 0, scale = 1;
    if (!hex && *end == '.') {
        for (end++; isdigit((unsigned char)*end) && scale < 100000000; end++) {
            digits = digits * 10 + (uint64_t)(*end - '0');
            scale *= 10;
        }
    }
    int power = unit_power(*end);
    if (*end && (power < 0 || end[1])) {
        return error_set(e, "'%s' is not a size; accepted: %s", text, accepted);
    }
    if (*end) {
        unit = UINT64_C(1) << (10 * power);
    }
    unsigned __int128 total = (unsigned __int128)whole * unit +
                              (unsigned __int128)digits * unit / scale;
    if (total > UINT64_MAX) {
        return error_set(e, "'%s' is more than 2^64 bytes", text);
    }
    *bytes = (uint64_t)total;
    return true;
}

bool keyval_parse_bool(const char *text, bool *value, struct error *e)
{
    static const char *const yes[] = {"on", "yes", "true", "y"};
    static const char *const no[] = {"off", "no", "false", "n"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *value = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return error_set(e, "'%s' is neither on nor off", text);
}

void keyval_choices(struct error *e, const char *word, const char *const *names)
{
    if (!e) {
        return;
    }
    size_t n = 0;
    while (names[n]) {
        n++;
    }
    const char *near = error_nearest_name(word, names, n);
    if (near) {
        error_append(e, "; did you mean '%s'?", near);
    }
    error_append(e, "%s accepted:", near ? "" : ";");
    for (size_t i = 0; i < n; i++) {
        error_append(e, "%s %s", i ? "," : "", names[i]);
    }
}

bool keyval_parse_choice(const char *text, const char *const *choices, int *index, struct error *e)
{
    for (int i = 0; choices[i]; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *index = i;
            return true;
        }
    }
    error_set(e, "'%s' is not known", text);
    keyval_choices(e, text, choices);
    return false;
}

/* ---- tables */

static const struct key_row *find_row(const struct key_row *rows, const char *name)
{
    for (; rows && rows->name; rows++) {
        if (strcmp(rows->name, name) == 0) {
            return rows;
        }
    }
    return NULL;
}

static bool is_switch(const struct key_row *r)
{
    return r && (r->type == KEY_BOOL || r->type == KEY_SWITCH);
}

/* Appends the names of the rows that are not refused. */
static size_t add_names(const struct key_row *rows, const char **names, size_t n, size_t max)
{
    for (const struct key_row *r = rows; r && r->name && n < max; r++) {
        if (r->type != KEY_REFUSED) {
            names[n++] = r->name;
        }
    }
    return n;
}

static bool unknown_key(const struct keyvals *k, const char *key, const struct key_row *rows,
                        const struct key_row *also, struct error *e)
{
    enum {
        MAX = 80
    };
    const char *names[MAX + 1];
    size_t n = add_names(rows, names, 0, MAX);
    names[add_names(also, names, n, MAX)] = NULL;
    error_set(e, "%s: unknown key '%s'", k->where, key);
    keyval_choices(e, key, names);
    return false;
}

static bool set_number(const struct key_row *r, const char *value, void *member, struct error *e)
{
    uint64_t v;
    bool sized = r->type == KEY_SIZE || r->type == KEY_MEGABYTES;
    if (sized ? !keyval_parse_size(value, r->type == KEY_SIZE ? 1 : 1 << 20, &v, e)
              : !keyval_parse_u64(value, &v, e)) {
        return false;
    }
    if (r->type != KEY_U32) {
        memcpy(member, &v, sizeof(v));
        return true;
    }
    uint32_t narrow = (uint32_t)v;
    if (narrow != v) {
        return error_set(e, "%s is more than 2^32-1", value);
    }
    memcpy(member, &narrow, sizeof(narrow));
    return true;
}

static bool set_switch(const struct key_row *r, const char *value, void *member, struct error *e)
{
    bool on;
    if (!keyval_parse_bool(value, &on, e)) {
        return false;
    }
    if (r->type == KEY_BOOL) {
        *(bool *)member = on;
    } else {
        *(int *)member = on;
    }
    return true;
}

static bool set_member(const struct key_row *r, const char *value, void *group, struct error *e)
{
    void *member = (char *)group + r->offset;
    switch (r->type) {
    case KEY_TEXT:
        *(const char **)member = value;
        return true;
    case KEY_BOOL:
    case KEY_SWITCH:
        return set_switch(r, value, member, e);
    case KEY_CHOICE:
        return keyval_parse_choice(value, r->choices, member, e);
    case KEY_REFUSED:
        return error_set(e, "%s", r->help);
    default:
        return set_number(r, value, member, e);
    }
}

static bool apply_item(const struct keyvals *k, const struct keyval *item,
                       const struct key_row *rows, const struct key_row *also, void *group,
                       struct error *e)
{
    const struct key_row *r = find_row(rows, item->key);
    const char *value = item->value;
    if (!r && find_row(also, item->key)) {
        return true;
    }
    if (!r && !value && strncmp(item->key, "no", 2) == 0) {
        r = find_row(rows, item->key + 2);
        value = "off";
        if (!is_switch(r)) {
            r = NULL;
            if (is_switch(find_row(also, item->key + 2))) {
                return true;
            }
        }
    }
    if (!r) {
        return unknown_key(k, item->key, rows, also, e);
    }
    if (!value && !is_switch(r)) {
        return error_set(e, "%s: '%s' needs a value: %s=...", k->where, item->key, item->key);
    }
    if (!set_member(r, value ? value : "on", group, e)) {
        error_prefix(e, "%s: %s: ", k->where, r->name);
        return false;
    }
    return true;
}

bool keyvals_apply(const struct keyvals *k, const struct key_row *rows, const struct key_row *also,
                   void *group, struct error *e)
{
    for (size_t i = 0; i < k->count; i++) {
        if (!apply_item(k, &k->items[i], rows, also, group, e)) {
            return false;
        }
    }
    return true;
}

void keyval_rows_help(const struct key_row *rows, struct strbuf *out)
{
    static const char *const types[] = {
        [KEY_TEXT] = "TEXT", [KEY_BOOL] = "on|off", [KEY_SWITCH] = "on|off", [KEY_U32] = "N",
        [KEY_U64] = "N",     [KEY_SIZE] = "SIZE",   [KEY_MEGABYTES] = "SIZE"};
    for (; rows->name; rows++) {
        if (rows->type == KEY_REFUSED) {
            continue;
        }
        struct strbuf s = {0};
        strbuf_printf(&s, "%s=", rows->name);
        if (rows->type == KEY_CHOICE) {
            for (int i = 0; rows->choices[i]; i++) {
                strbuf_printf(&s, "%s%s", i ? "|" : "", rows->choices[i]);
            }
        } else {
            strbuf_puts(&s, types[rows->type]);
        }
        strbuf_printf(out, "  %-28s %s\n", strbuf_text(&s), rows->help);
        strbuf_free(&s);
    }
}
