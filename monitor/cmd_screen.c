/* SPDX-License-Identifier: MIT */
/* screendump. */
#include <stdlib.h>
#include <string.h>

#include "base/control.h"
#include "monitor/commands.h"

/* "-f png" may stand anywhere; the rest is the file, the device and its head. */
static void screendump(struct call *c)
{
    const char *words[3] = {NULL, NULL, "0"}, *format = "ppm";
    unsigned n = 0;
    struct error e;
    for (unsigned i = 0; i < c->count; i++) {
        if (strcmp(c->words[i], "-f") == 0 && i + 1 < c->count) {
            format = c->words[++i];
        } else if (n < 3) {
            words[n++] = c->words[i];
        }
    }
    uint64_t head;
    if (!words[0]) {
        strbuf_puts(c->out, "Error: the name of a file is missing\n");
    } else if (expression_value(c, words[2], &head)) {
        struct control *k = call_control(c);
        const unsigned number = head > 0xffff ? 0xffff : (unsigned)head;
        call_report(c, k->screendump(k, words[0], words[1], number, format, &e), &e);
    }
}

const struct command commands_screen[] = {
    {"screendump", NULL, "FILE [DEVICE [HEAD]] [-f ppm|png]", 1, 5,
     "what a screen shows, as a picture in a file", screendump},
    {0},
};
