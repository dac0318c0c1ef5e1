/* SPDX-License-Identifier: MIT */
/* -display and -vga: what is shown where. What other emulators have and this one has not yet is
 * refused by its name. */
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "system/options.h"

struct choice {
    const char *name, *help; /* help NULL: not in this build */
};

static const struct choice displays[] = {
    {"none", "no window, and nothing on the terminal that was not asked for"},
    {"curses", "the screen in the terminal, while it is in text mode"},
    {"gtk", NULL},
    {"sdl", NULL},
    {"vnc", NULL},
    {"spice-app", NULL},
    {"egl-headless", NULL},
    {"dbus", NULL},
    {"cocoa", NULL},
    {0},
};

static const struct choice cards[] = {
    {"none", "no screen"}, {"std", "VGA with Bochs's display interface (-device VGA)"},
    {"cirrus", NULL},      {"vmware", NULL},
    {"qxl", NULL},         {"virtio", NULL},
    {"xenfb", NULL},       {"tcx", NULL},
    {"cg3", NULL},         {0},
};

static char *help_of(const char *title, const struct choice *rows)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "%s:\n", title);
    for (; rows->name; rows++) {
        if (rows->help) {
            strbuf_printf(&s, "  %-8s %s\n", rows->name, rows->help);
        }
    }
    return strbuf_take(&s);
}

static void list_accepted(const struct choice *rows, struct error *e)
{
    const char *before = "; accepted: ";
    for (; rows->name; rows++) {
        if (rows->help) {
            error_append(e, "%s%s", before, rows->name);
            before = ", ";
        }
    }
}

static bool check(const char *option, const char *given, const struct choice *rows, struct error *e)
{
    const size_t n = strcspn(given, ",=");
    for (const struct choice *r = rows; r->name; r++) {
        if (strncmp(r->name, given, n) != 0 || r->name[n]) {
            continue;
        }
        if (r->help) {
            return !given[n] ||
                   error_set(e, "%s %s: '%s' takes no keys in this build", option, given, r->name);
        }
        error_set(e, "%s %s: not in this build yet", option, given);
        list_accepted(rows, e);
        return false;
    }
    error_set(e, "%s %s: there is no such choice", option, given);
    list_accepted(rows, e);
    return false;
}

bool options_check_screen(struct config *c, struct error *e)
{
    if (c->display && options_is_help(c->display)) {
        return options_give_help(c, help_of("Displays", displays));
    }
    if (c->vga && options_is_help(c->vga)) {
        return options_give_help(c, help_of("Screens", cards));
    }
    if ((c->display && !check("-display", c->display, displays, e)) ||
        (c->vga && !check("-vga", c->vga, cards, e))) {
        return false;
    }
    c->curses = c->display && strcmp(c->display, "curses") == 0;
    if (c->curses && (c->nographic || c->daemonize)) {
        return error_set(e, "-display curses: it needs the terminal, which %s leaves to others",
                         c->nographic ? "-nographic" : "-daemonize");
    }
    return true;
}
