/* SPDX-License-Identifier: MIT */
/* Monitor commands for devices that come and go. */
#include "monitor/commands.h"

static void device_add(struct call *c)
{
    struct control *k = call_control(c);
    struct error e;
    call_report(c, k->device_add(k, c->words[0], &e), &e);
}

static void device_del(struct call *c)
{
    struct control *k = call_control(c);
    struct error e;
    call_report(c, k->device_del(k, c->words[0], &e), &e);
}

const struct command commands_device[] = {{"device_add", NULL, "DRIVER,id=ID,bus=BUS,...", 1, 1,
                                           "plug a device in, as -device has it", device_add},
                                          {"device_del", NULL, "ID", 1, 1,
                                           "ask the guest to let go of a device, which goes then",
                                           device_del},
                                          {0}};
