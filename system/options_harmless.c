/* SPDX-License-Identifier: MIT */
/*
 * Options of QEMU that ask for what this build does not have, where many command lines ask for
 * nothing of it: -vnc none, -msg timestamp=on. What is harmless is taken and has no effect; what
 * would have one is refused, with what is accepted.
 */
#include <string.h>

#include "base/mem.h"
#include "system/options.h"

static const char *const none[] = {"none", NULL};
static const char *const off[] = {"off", NULL};

const struct key_row audio_rows[] = {
    {"driver", KEY_CHOICE, 0, "there is no sound", none},
    {"id", KEY_TEXT, 0, "accepted", NULL},
    {0},
};

const struct key_row compat_rows[] = {
    {"deprecated-input", KEY_TEXT, 0, "accepted", NULL},
    {"deprecated-output", KEY_TEXT, 0, "accepted", NULL},
    {"unstable-input", KEY_TEXT, 0, "accepted", NULL},
    {"unstable-output", KEY_TEXT, 0, "accepted", NULL},
    {0},
};

const struct key_row msg_rows[] = {
    {"timestamp", KEY_BOOL, 0, "accepted: messages are as they are", NULL},
    {"guest-name", KEY_BOOL, 0, "accepted: messages are as they are", NULL},
    {0},
};

const struct key_row overcommit_rows[] = {
    {"mem-lock", KEY_CHOICE, 0, "memory is not locked", off},
    {"cpu-pm", KEY_CHOICE, 0, "a CPU that waits takes no time", off},
    {0},
};

const struct key_row run_with_rows[] = {
    {"async-teardown", KEY_CHOICE, 0, "off is accepted", off},
    {"chroot", KEY_REFUSED, 0, "not in this build; start the program there", NULL},
    {"user", KEY_REFUSED, 0, "not in this build; start the program as that user", NULL},
    {0},
};

const struct key_row sandbox_rows[] = {
    {"enable", KEY_CHOICE, 0, "there are no filters of system calls yet", off},
    {0},
};

const struct key_row vnc_rows[] = {
    {"display", KEY_CHOICE, 0, "there is no window yet", none},
    {0},
};

bool options_take_harmless(struct config *c, const struct option *o, const char *arg,
                           struct error *e)
{
    uint64_t unused[2];
    if (!o->rows) {
        return true;
    }
    char *option = mem_printf("-%s", o->name);
    struct keyvals *k = keyvals_parse(option, arg, o->implied, e);
    mem_free(option);
    bool good = k != NULL;
    if (k && options_want_help(k)) {
        struct strbuf s = {0};
        keyval_rows_help(o->rows, &s);
        good = options_give_help(c, strbuf_take(&s));
    } else if (k) {
        good = keyvals_apply(k, o->rows, NULL, unused, e);
    }
    keyvals_free(k);
    return good;
}
