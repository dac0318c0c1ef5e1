/* SPDX-License-Identifier: MIT */
/* Monitor commands for the machine's state in a file. */
#include "monitor/commands.h"

static void savevm(struct call *c)
{
    struct control *k = call_control(c);
    struct error e;
    if (!k->save(k, c->words[0], &e)) {
        strbuf_printf(c->out, "savevm: %s\n", e.text);
    }
}

static void loadvm(struct call *c)
{
    struct control *k = call_control(c);
    struct error e;
    if (!k->load(k, c->words[0], &e)) {
        strbuf_printf(c->out, "loadvm: %s\n", e.text);
    }
}

const struct command commands_state[] = {
    {"loadvm", NULL, "FILE", 1, 1, "go back to the state in the file; disks are as they are now",
     loadvm},
    {"savevm", NULL, "FILE", 1, 1, "save the machine's state, without disks, into the file",
     savevm},
    {0}};
