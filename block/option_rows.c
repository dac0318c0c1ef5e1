/* SPDX-License-Identifier: MIT */
/*
 * Options of nodes: from keys with dots to trees, and from trees by tables into structs. A value
 * may be a text, as the command line gives it, or of JSON's own type.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "block/block_internal.h"
#include "block/driver.h"

/* ---- keys with dots */

bool block_options_put(json_t *options, const char *key, json_t *value, struct error *e)
{
    const char *dot;
    while ((dot = strchr(key, '.'))) {
        char *first = mem_printf("%.*s", (int)(dot - key), key);
        json_t *sub = json_object_get(options, first);
        if (!sub) {
            sub = json_object();
            json_object_set_new(options, first, sub);
        }
        bool good = json_is_object(sub) && dot != key;
        if (!good) {
            error_set(e, "%s: '%s' has a value already and no keys below it", key, first);
            json_decref(value);
        }
        mem_free(first);
        if (!good) {
            return false;
        }
        options = sub;
        key = dot + 1;
    }
    if (!*key || json_is_object(json_object_get(options, key))) {
        json_decref(value);
        return error_set(e, "'%s' is given as a value and as a group of keys", key);
    }
    json_object_set_new(options, key, value);
    return true;
}

/* ---- values */

static bool is_one_of(const char *text, const char *const *words)
{
    while (*words && strcmp(*words, text) != 0) {
        words++;
    }
    return *words != NULL;
}

static bool to_bool(const json_t *v, bool *out)
{
    static const char *const yes[] = {"on", "yes", "true", "y", NULL};
    static const char *const no[] = {"off", "no", "false", "n", NULL};
    const char *text = json_string_value(v);
    *out = json_is_true(v) || (text && is_one_of(text, yes));
    return json_is_boolean(v) || *out || (text && is_one_of(text, no));
}

/* Digits, perhaps a fraction, and a unit; a number alone counts `alone` bytes. */
static bool text_to_size(const char *text, bool units, uint64_t alone, uint64_t *out)
{
    static const char letters[] = "BKMGTPE";
    char *end;
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    errno = 0;
    unsigned long long whole = strtoull(text, &end, 0);
    long double value = whole;
    if (errno || (*end == '.' && units)) {
        value = strtold(text, &end);
    }
    const char *unit = *end && units ? strchr(letters, toupper((unsigned char)*end)) : NULL;
    if (*end && (!unit || end[1])) {
        return false;
    }
    if (!unit && !errno && alone == 1) {
        *out = whole;
        return true;
    }
    value *= unit ? 1 : (long double)alone;
    for (long i = unit ? unit - letters : 0; i > 0; i--) {
        value *= 1024;
    }
    *out = value < 18446744073709551615.0L ? (uint64_t)value : 0;
    return value < 18446744073709551615.0L;
}

bool block_size_parse(const char *text, uint64_t alone, uint64_t *bytes)
{
    return text_to_size(text, true, alone, bytes);
}

static bool to_number(const json_t *v, bool units, uint64_t *out)
{
    if (json_is_integer(v)) {
        *out = (uint64_t)json_integer_value(v);
        return json_integer_value(v) >= 0;
    }
    return json_is_string(v) && text_to_size(json_string_value(v), units, 1, out);
}

static bool to_choice(const json_t *v, const char *const *choices, int *out)
{
    /* "on" and "off" of JSON are true and false. */
    const char *text = json_is_boolean(v) ? (json_is_true(v) ? "on" : "off") : json_string_value(v);
    for (int i = 0; text && choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static const char *accepted(const struct block_option *o)
{
    switch (o->type) {
    case BLOCK_OPT_BOOL:
        return "'on' or 'off'";
    case BLOCK_OPT_U32:
    case BLOCK_OPT_U64:
        return "a whole number";
    case BLOCK_OPT_SIZE:
        return "a number of bytes, perhaps with K, M, G or T,";
    case BLOCK_OPT_TREE:
        return "a group of keys";
    default:
        return "a text";
    }
}

static bool bad_value(const struct block_option *o, const json_t *v, const char *where,
                      struct error *e)
{
    char *shown = json_is_string(v) ? mem_strdup(json_string_value(v)) : NULL;
    char *dump = shown ? NULL : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    error_set(e, "%s: %s=%s:", where, o->name, shown ? shown : dump ? dump : "?");
    mem_free(shown);
    free(dump);
    if (o->type != BLOCK_OPT_CHOICE) {
        error_append(e, " %s is accepted", accepted(o));
        return false;
    }
    size_t n = 0;
    while (o->choices[n]) {
        n++;
    }
    const char *near = json_is_string(v) ? error_nearest_name(json_string_value(v), o->choices, n)
                                         : NULL;
    if (near) {
        error_append(e, " did you mean '%s'?", near);
    }
    error_append(e, " accepted are");
    for (size_t i = 0; i < n; i++) {
        error_append(e, "%s %s", i ? "," : "", o->choices[i]);
    }
    return false;
}

static bool store(const struct block_option *o, json_t *v, void *into)
{
    void *at = (char *)into + o->offset;
    uint64_t number = 0;
    switch (o->type) {
    case BLOCK_OPT_TEXT:
        if (json_is_integer(v)) {
            *(char **)at = mem_printf("%" JSON_INTEGER_FORMAT, json_integer_value(v));
        } else if (json_is_string(v)) {
            *(char **)at = mem_strdup(json_string_value(v));
        }
        return *(char **)at != NULL;
    case BLOCK_OPT_BOOL:
        return to_bool(v, at);
    case BLOCK_OPT_U32:
        if (to_number(v, true, &number) && number <= UINT32_MAX) {
            *(uint32_t *)at = (uint32_t)number;
            return true;
        }
        return false;
    case BLOCK_OPT_U64:
        return to_number(v, false, at);
    case BLOCK_OPT_SIZE:
        return to_number(v, true, at);
    case BLOCK_OPT_CHOICE:
        return to_choice(v, o->choices, at);
    case BLOCK_OPT_TREE:
        *(json_t **)at = json_is_object(v) || json_is_array(v) ? json_incref(v) : NULL;
        return *(json_t **)at != NULL;
    }
    return false;
}

/* ---- tables */

bool block_options_take(const struct block_option *rows, json_t *options, void *into,
                        const char *where, struct error *e)
{
    for (const struct block_option *o = rows; o && o->name; o++) {
        json_t *v = json_object_get(options, o->name);
        json_t *initial = !v && o->initial ? json_string(o->initial) : NULL;
        bool good = (!v && !initial) || store(o, v ? v : initial, into);
        if (!good) {
            bad_value(o, v ? v : initial, where, e);
        }
        json_decref(initial);
        if (!good) {
            return false;
        }
        json_object_del(options, o->name);
    }
    return true;
}

void block_options_release(const struct block_option *rows, void *from)
{
    for (const struct block_option *o = rows; o && o->name; o++) {
        void *at = (char *)from + o->offset;
        if (o->type == BLOCK_OPT_TEXT) {
            mem_free(*(char **)at);
            *(char **)at = NULL;
        } else if (o->type == BLOCK_OPT_TREE) {
            json_decref(*(json_t **)at);
            *(json_t **)at = NULL;
        }
    }
}

#define NAMES_MAX 128

static size_t add_names(const struct block_option *rows, const char **names, size_t n)
{
    for (; rows && rows->name && n < NAMES_MAX; rows++) {
        names[n++] = rows->name;
    }
    return n;
}

bool block_options_all_taken(const json_t *options, const struct block_option *rows,
                             const struct block_option *more, const char *where, struct error *e)
{
    const char *names[NAMES_MAX];
    void *first = json_object_iter((json_t *)(uintptr_t)options);
    if (!first) {
        return true;
    }
    const char *key = json_object_iter_key(first);
    size_t n = add_names(more, names, add_names(rows, names, 0));
    const char *near = error_nearest_name(key, names, n);
    error_set(e, "%s: '%s' is not an option here", where, key);
    if (near) {
        error_append(e, "; did you mean '%s'?", near);
    }
    n = add_names(rows, names, 0);
    for (size_t i = 0; i < n; i++) {
        error_append(e, "%s%s", i ? ", " : "; accepted: ", names[i]);
    }
    return false;
}
