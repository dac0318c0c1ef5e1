/* SPDX-License-Identifier: MIT */
/* The options of a back end, from the table of what its kind takes. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/net_internal.h"

static bool take_bool(bool *out, const struct net_option *o, struct error *e)
{
    if (strcmp(o->value, "on") == 0 || strcmp(o->value, "yes") == 0) {
        *out = true;
    } else if (strcmp(o->value, "off") == 0 || strcmp(o->value, "no") == 0) {
        *out = false;
    } else {
        return error_set(e, "%s=%s: 'on' or 'off' is accepted", o->key, o->value);
    }
    return true;
}

static bool take_u32(uint32_t *out, const struct net_option *o, struct error *e)
{
    char *end;
    unsigned long long v = strtoull(o->value, &end, 0);
    if (*o->value < '0' || *o->value > '9' || *end || v > UINT32_MAX) {
        return error_set(e, "%s=%s: a number is accepted", o->key, o->value);
    }
    *out = (uint32_t)v;
    return true;
}

static bool take_text(void *member, const struct net_option_row *r, const char *value)
{
    if (r->type == NET_TEXT) {
        char **text = member;
        mem_free(*text);
        *text = mem_strdup(value);
    } else {
        struct net_texts *list = member;
        list->text = mem_resize_array(list->text, list->count + 1, sizeof(*list->text));
        list->text[list->count++] = mem_strdup(value);
    }
    return true;
}

static bool unknown(const struct net_option_row *rows, const char *kind, const char *key,
                    struct error *e)
{
    const char *names[40] = {0};
    size_t n = 0;
    for (; rows[n].name && n < 40; n++) {
        names[n] = rows[n].refused ? NULL : rows[n].name;
    }
    const char *near = error_nearest_name(key, names, n);
    error_set(e, "%s=: a network of kind '%s' has no such option;", key, kind);
    if (near) {
        error_append(e, " did you mean '%s'?", near);
    }
    error_append(e, " accepted are");
    for (size_t i = 0, told = 0; i < n; i++) {
        if (names[i]) {
            error_append(e, "%s %s", told++ ? "," : "", names[i]);
        }
    }
    return false;
}

static bool take_one(const struct net_option_row *rows, void *base, const char *kind,
                     const struct net_option *o, struct error *e)
{
    const struct net_option_row *r = rows;
    while (r->name && strcmp(r->name, o->key) != 0) {
        r++;
    }
    if (!r->name) {
        return unknown(rows, kind, o->key, e);
    }
    if (r->refused) {
        return error_set(e, "%s=%s: %s", o->key, o->value, r->refused);
    }
    void *member = (char *)base + r->offset;
    switch (r->type) {
    case NET_BOOL:
        return take_bool(member, o, e);
    case NET_U32:
        return take_u32(member, o, e);
    default:
        return take_text(member, r, o->value);
    }
}

bool net_options_take(const struct net_option_row *rows, void *base, const char *kind,
                      const struct net_option *o, size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        if (!take_one(rows, base, kind, &o[i], e)) {
            return false;
        }
    }
    return true;
}

void net_options_free(const struct net_option_row *rows, void *base)
{
    for (const struct net_option_row *r = rows; r->name; r++) {
        void *member = (char *)base + r->offset;
        if (r->refused) {
            continue;
        }
        if (r->type == NET_TEXT) {
            mem_free(*(char **)member);
        } else if (r->type == NET_LIST) {
            struct net_texts *list = member;
            for (size_t i = 0; i < list->count; i++) {
                mem_free(list->text[i]);
            }
            mem_free(list->text);
        }
    }
}
