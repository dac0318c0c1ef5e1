/* SPDX-License-Identifier: MIT */
/*
 * Option groups in JSON, as programs write them: -device '{"driver":"edu","id":"e"}'. Members are
 * items; a member of an object within has both names with a dot between; elements of a list have
 * their number as a name, and texts in objects {"str": TEXT} are items of the list's own name.
 */
#include "system/keyval.h"

#include <jansson.h>

#include "base/mem.h"

static void put(struct keyvals *k, const char *key, json_t *v);

static void put_scalar(struct keyvals *k, const char *key, const json_t *v)
{
    char *text = json_is_string(v)    ? mem_strdup(json_string_value(v))
                 : json_is_boolean(v) ? mem_strdup(json_is_true(v) ? "on" : "off")
                 : json_is_integer(v) ? mem_printf("%" JSON_INTEGER_FORMAT, json_integer_value(v))
                 : json_is_real(v)    ? mem_printf("%.17g", json_real_value(v))
                                      : mem_strdup("");
    keyvals_add(k, key, text);
    mem_free(text);
}

static void put_list(struct keyvals *k, const char *key, json_t *list)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        json_t *text = json_object_size(v) == 1 ? json_object_get(v, "str") : NULL;
        char *name = text ? mem_strdup(key) : mem_printf("%s.%zu", key, i);
        put(k, name, text ? text : v);
        mem_free(name);
    }
}

static void put(struct keyvals *k, const char *key, json_t *v)
{
    const char *member;
    json_t *in;
    if (json_is_array(v)) {
        put_list(k, key, v);
    } else if (json_is_object(v)) {
        json_object_foreach(v, member, in)
        {
            char *name = *key ? mem_printf("%s.%s", key, member) : mem_strdup(member);
            put(k, name, in);
            mem_free(name);
        }
    } else {
        put_scalar(k, key, v);
    }
}

bool keyvals_add_json(struct keyvals *k, const char *text, struct error *e)
{
    json_error_t why;
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (!o) {
        return error_set(e, "%s: no JSON: %s at character %d", k->where, why.text, why.position);
    }
    put(k, "", o);
    json_decref(o);
    return true;
}
