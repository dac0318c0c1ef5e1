/* SPDX-License-Identifier: MIT */
/* What dragoman-img prints: for people, or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/img/img.h"

bool img_output(const struct command_line *l, bool *json, struct error *e)
{
    const char *v = command_value(l, IMG_OUTPUT);
    *json = v && strcmp(v, "json") == 0;
    return !v || *json || strcmp(v, "human") == 0 ||
           error_set(e, "--output=%s: human and json are accepted", v);
}

void img_say_json(json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(4));
    printf("%s\n", text ? text : "null");
    free(text);
    json_decref(value);
}

/* "1.5 MiB": three digits, without zeros behind the point. */
void img_size_text(uint64_t bytes, struct strbuf *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    double value = (double)bytes;
    while (value >= 999.5 && unit < 6) {
        value /= 1024;
        unit++;
    }
    strbuf_printf(out, "%0.3g %s", value, units[unit]);
}
