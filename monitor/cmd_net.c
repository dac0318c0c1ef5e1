/* SPDX-License-Identifier: MIT */
/* Monitor commands for networks. */
#include <string.h>

#include "monitor/commands.h"
#include "net/net.h"

static void set_link(struct call *c)
{
    struct error e;
    const bool up = strcmp(c->words[1], "on") == 0;
    if (!up && strcmp(c->words[1], "off") != 0) {
        strbuf_puts(c->out, "usage: set_link ID on|off\n");
        return;
    }
    struct netdev *n = call_control(c)->network(call_control(c), c->words[0], &e);
    if (n) {
        netdev_lock(n);
        netdev_set_link(n, up);
        netdev_unlock(n);
    }
    call_report(c, n, &e);
}

/* The network that a hostfwd command is about: its first word, if there are two. */
static struct netdev *forwarding(struct call *c, struct error *e)
{
    return call_control(c)->network(call_control(c), c->count == 2 ? c->words[0] : NULL, e);
}

static void hostfwd_add(struct call *c)
{
    struct error e;
    struct netdev *n = forwarding(c, &e);
    call_report(c, n && netdev_hostfwd_add(n, c->words[c->count - 1], &e), &e);
}

static void hostfwd_remove(struct call *c)
{
    struct error e;
    const char *rule = c->words[c->count - 1];
    struct netdev *n = forwarding(c, &e);
    const bool good = n && netdev_hostfwd_remove(n, rule, &e);
    call_report(c, good, &e);
    if (good) {
        strbuf_printf(c->out, "host forwarding rule for %s removed\n", rule);
    }
}

static void netdev_add(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->netdev_add(call_control(c), c->words[0], &e), &e);
}

static void netdev_del(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->netdev_del(call_control(c), c->words[0], &e), &e);
}

const struct command commands_net[] = {
    {"hostfwd_add", NULL, "[ID] [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT", 1, 2,
     "forward a port of the host to the guest", hostfwd_add},
    {"hostfwd_remove", NULL, "[ID] [tcp|udp]:[HOSTADDR]:HOSTPORT", 1, 2,
     "end the forwarding of a port", hostfwd_remove},
    {"netdev_add", NULL, "KIND,id=ID,...", 1, 1, "a network for a card to come, as -netdev has it",
     netdev_add},
    {"netdev_del", NULL, "ID", 1, 1, "remove a network that no card has", netdev_del},
    {"set_link", NULL, "ID on|off", 2, 2, "plug the cable of a network or card in, or out",
     set_link},
    {0}};
