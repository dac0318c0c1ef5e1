/* SPDX-License-Identifier: MIT */
/* -action, -no-reboot, -semihosting, -d, -seed, -echr. */
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "system/options.h"

static const char *const reboot_choices[] = {"reset", "shutdown", NULL};
static const char *const shutdown_choices[] = {"poweroff", "pause", NULL};
static const char *const panic_choices[] = {"shutdown", "pause", "exit-failure", "none", NULL};

static const char *const watchdog_choices[] = {"reset", "shutdown", "poweroff", "inject-nmi",
                                               "pause", "debug",    "none",     NULL};

static const struct key_row action_rows[] = {
    {"reboot", KEY_CHOICE, offsetof(struct config, reboot), "the guest reboots (reset)",
     reboot_choices},
    {"shutdown", KEY_CHOICE, offsetof(struct config, shutdown), "the guest powers off (poweroff)",
     shutdown_choices},
    {"panic", KEY_CHOICE, offsetof(struct config, panic), "the guest has crashed (shutdown)",
     panic_choices},
    {"watchdog", KEY_CHOICE, offsetof(struct config, watchdog), "a watchdog was not fed (reset)",
     watchdog_choices},
    {0}};

struct semihosting_group {
    bool enable, user;
    int where;
    const char *chardev, *arg;
};

static const char *const answer_choices[] = {"native", "gdb", "auto", NULL};

static const struct key_row semihosting_rows[] = {
    {"enable", KEY_BOOL, offsetof(struct semihosting_group, enable),
     "answer the guest's calls (on)", NULL},
    {"target", KEY_CHOICE, offsetof(struct semihosting_group, where),
     "who does what concerns files and consoles: this program, gdb, or gdb if it is there (auto)",
     answer_choices},
    {"chardev", KEY_TEXT, offsetof(struct semihosting_group, chardev),
     "back end of console output (standard error)", NULL},
    {"userspace", KEY_BOOL, offsetof(struct semihosting_group, user),
     "answer user programs too (off)", NULL},
    {"arg", KEY_TEXT, offsetof(struct semihosting_group, arg),
     "a word of the guest's command line; may be given more than once", NULL},
    {0}};

/* Reads group k by rows; false too if it asks for help, which is then the rows. */
static bool read_group(struct config *c, const struct keyvals *k, const struct key_row *rows,
                       void *group, struct error *e)
{
    if (options_want_help(k)) {
        struct strbuf s = {0};
        keyval_rows_help(rows, &s);
        return options_give_help(c, strbuf_take(&s));
    }
    return keyvals_apply(k, rows, NULL, group, e);
}

/* All words of arg=, with a blank between. */
static const char *arguments_of(struct config *c, const struct keyvals *k)
{
    struct strbuf s = {0};
    for (size_t i = 0; i < k->count; i++) {
        if (strcmp(k->items[i].key, "arg") == 0 && k->items[i].value) {
            strbuf_printf(&s, "%s%s", s.len ? " " : "", k->items[i].value);
        }
    }
    return config_own(c, strbuf_take(&s));
}

static bool check_semihosting(struct config *c, struct error *e)
{
    c->semihosting_where = 2; /* auto */
    if (c->semihosting_group) {
        struct semihosting_group g = {.enable = true, .where = 2};
        if (!read_group(c, c->semihosting_group, semihosting_rows, &g, e)) {
            return false;
        }
        c->semihosting |= g.enable;
        c->semihosting_user = g.user;
        c->semihosting_where = g.where;
        c->semihosting_chardev = g.chardev;
        c->semihosting_arguments = g.arg ? arguments_of(c, c->semihosting_group) : NULL;
    }
    return true;
}

static char *log_help(void)
{
    struct strbuf s = {0};
    const char *name, *help;
    strbuf_puts(&s, "Log items (-d):\n");
    for (size_t i = 0; log_category_at(i, &name, &help); i++) {
        strbuf_printf(&s, "  %-14s %s\n", name, help);
    }
    return strbuf_take(&s);
}

static bool check_log(struct config *c, struct error *e)
{
    unsigned mask = 0;
    struct log_filter filter;
    if (c->log_items && options_is_help(c->log_items)) {
        return options_give_help(c, log_help());
    }
    if (c->log_items && !log_parse(c->log_items, &mask, e)) {
        error_prefix(e, "-d %s: ", c->log_items);
        return false;
    }
    if (c->log_filter && !log_filter_parse(c->log_filter, &filter, e)) {
        error_prefix(e, "-dfilter %s: ", c->log_filter);
        return false;
    }
    return true;
}

static bool check_numbers(struct config *c, struct error *e)
{
    uint64_t escape = 1;
    if (c->seed) {
        c->machine.seed_given = true;
        if (!keyval_parse_u64(c->seed, &c->machine.seed, e)) {
            error_prefix(e, "-seed: ");
            return false;
        }
    }
    if (c->escape_char &&
        (!keyval_parse_u64(c->escape_char, &escape, e) || escape < 1 || escape > 26)) {
        return error_set(e, "-echr %s: accepted: 1 (ctrl-a) to 26 (ctrl-z)", c->escape_char);
    }
    c->escape = (uint8_t)escape;
    return true;
}

bool options_check_run(struct config *c, struct error *e)
{
    c->reboot = c->no_reboot ? REBOOT_SHUTDOWN : REBOOT_RESET;
    c->shutdown = c->no_shutdown ? SHUTDOWN_PAUSE : SHUTDOWN_POWEROFF;
    if (c->action_group && !read_group(c, c->action_group, action_rows, c, e)) {
        return false;
    }
    return options_check_screen(c, e) && check_numbers(c, e) && check_log(c, e) &&
           check_semihosting(c, e);
}

bool options_take_watchdog(struct config *c, const char *arg, struct error *e)
{
    if (options_is_help(arg)) {
        struct strbuf s = {0};
        keyval_rows_help(action_rows, &s);
        return options_give_help(c, strbuf_take(&s));
    }
    if (!keyval_parse_choice(arg, watchdog_choices, &c->watchdog, e)) {
        error_prefix(e, "-watchdog-action ");
        return false;
    }
    return true;
}

bool options_take_gdb_default(struct config *c, const char *arg, struct error *e)
{
    (void)arg;
    (void)e;
    c->gdb = "tcp::1234";
    return true;
}
