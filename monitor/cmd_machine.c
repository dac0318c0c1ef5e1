/* SPDX-License-Identifier: MIT */
/* Commands about the machine as a whole: nmi, watchdog_action; info numa, hotpluggable-cpus, irq,
 * pic, lapic, vm-generation-id. */
#include <inttypes.h>
#include <string.h>

#include "base/control.h"
#include "hw/machine.h"
#include "hw/numa.h"
#include "monitor/commands.h"

static const struct machine *machine(struct call *c)
{
    return c->session->context->machine;
}

/* ---- info */

static void describe_node(struct call *c, const struct numa *n, unsigned node)
{
    strbuf_printf(c->out, "node %u cpus:", node);
    for (unsigned i = 0; i < machine(c)->vcpu_count; i++) {
        if (n->cpu_node[i] == node) {
            strbuf_printf(c->out, " %u", i);
        }
    }
    strbuf_printf(c->out, "\nnode %u size: %" PRIu64 " MB\nnode %u plugged: 0 MB\n", node,
                  n->node[node].bytes >> 20, node);
}

void info_numa(struct call *c)
{
    const struct numa *n = machine(c)->config.numa;
    strbuf_printf(c->out, "%u nodes\n", n ? n->count : 0);
    for (unsigned i = 0; n && i < n->count; i++) {
        describe_node(c, n, i);
    }
}

void info_hotpluggable_cpus(struct call *c)
{
    strbuf_puts(c->out, "Error: machine does not support hot-plugging CPUs\n");
}

void info_irq(struct call *c)
{
    strbuf_puts(c->out, "the machine's interrupt controllers keep no counts\n");
}

static struct device *find_device(struct call *c, const char *class_name)
{
    struct device *d = machine(c)->devices;
    while (d && strcmp(d->cls->name, class_name) != 0) {
        d = d->next;
    }
    return d;
}

void info_lapic(struct call *c)
{
    struct device *d = find_device(c, "apic");
    if (d && d->cls->info) {
        d->cls->info(d, c->out);
    } else {
        strbuf_puts(c->out, "the machine's CPUs have no local APIC\n");
    }
}

void info_generation(struct call *c)
{
    const struct device *d = find_device(c, "vmgenid");
    const char *text = d ? props_text(d->cls->props, d, "guid") : NULL;
    strbuf_printf(c->out, "%s\n", text ? text : "Error: VM Generation ID device not found");
}

void info_pic(struct call *c)
{
    bool any = false;
    for (struct device *d = machine(c)->devices; d; d = d->next) {
        if (d->cls->info) {
            d->cls->info(d, c->out);
            any = true;
        }
    }
    if (!any) {
        strbuf_puts(c->out, "the machine's interrupt controllers have registers in memory; xp "
                            "reads them, info qtree says where they are\n");
    }
}

void info_memdev(struct call *c)
{
    call_control(c)->describe(call_control(c), "memdev", c->out);
}

/* ---- commands */

static void nmi(struct call *c)
{
    strbuf_puts(c->out, "Error: machine does not provide NMIs\n");
}

static void watchdog_action(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->watchdog_action(call_control(c), c->words[0], &e), &e);
}

const struct command commands_machine[] = {
    {"nmi", NULL, "", 0, 0, "a non-maskable interrupt, on machines that have one", nmi},
    {"watchdog_action", NULL, "reset|shutdown|poweroff|pause|debug|none", 1, 1,
     "what a watchdog does from now on, as -watchdog-action says it", watchdog_action},
    {0},
};
