/* SPDX-License-Identifier: MIT */
/* Commands about objects: object_add, object_del. */
#include "base/control.h"
#include "monitor/commands.h"

static void object_add(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->object_add(call_control(c), c->words[0], &e), &e);
}

static void object_del(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->object_del(call_control(c), c->words[0], &e), &e);
}

const struct command commands_object[] = {
    {"object_add", NULL, "KIND,id=ID[,KEY=VALUE...]", 1, 1, "makes an object, as -object does",
     object_add},
    {"object_del", NULL, "ID", 1, 1, "ends one that nothing uses", object_del},
    {0},
};
