/* SPDX-License-Identifier: MIT */
/* Monitor commands about the log. */
#include <string.h>

#include "base/log.h"
#include "monitor/commands.h"

static void list_items(struct strbuf *out)
{
    const char *name, *help;
    for (size_t i = 0; log_category_at(i, &name, &help); i++) {
        strbuf_printf(out, "  %-14s %s\n", name, help);
    }
}

static void log_items(struct call *c)
{
    unsigned mask = 0;
    struct error e;
    if (strcmp(c->words[0], "help") == 0) {
        list_items(c->out);
        return;
    }
    if (strcmp(c->words[0], "none") != 0 && !log_parse(c->words[0], &mask, &e)) {
        strbuf_printf(c->out, "%s\n", e.text);
        return;
    }
    const bool running = call_pause(c);
    log_set_mask(mask);
    if (c->session->context->accel) {
        accel_log_changed(c->session->context->accel);
    }
    call_resume(c, running);
}

static void logfile(struct call *c)
{
    struct error e;
    if (!log_open(c->count ? c->words[0] : NULL, &e)) {
        strbuf_printf(c->out, "%s\n", e.text);
    }
}

const struct command commands_log[] = {
    {"log", NULL, "ITEM,...|none", 1, 1, "what is logged; log help lists the items", log_items},
    {"logfile", NULL, "[FILE]", 0, 1, "log into a file, or to standard error", logfile},
    {0}};
