/* SPDX-License-Identifier: MIT */
/* `info`: what the machine is and does. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cpu/cpu.h"
#include "monitor/commands.h"

static const struct monitor_context *context(struct call *c)
{
    return c->session->context;
}

static void registers_of(struct call *c, struct vcpu *v)
{
    v->cls->registers(v, c->out);
}

static void info_registers(struct call *c)
{
    bool all = c->count && strcmp(c->words[0], "-a") == 0;
    if (c->count && !all) {
        strbuf_puts(c->out, "usage: info registers [-a]\n");
        return;
    }
    bool running = call_pause(c);
    for (unsigned i = 0; all && i < context(c)->machine->vcpu_count; i++) {
        registers_of(c, context(c)->machine->vcpus[i]);
    }
    if (!all) {
        registers_of(c, call_vcpu(c));
    }
    call_resume(c, running);
}

static void info_cpus(struct call *c)
{
    bool running = call_pause(c);
    for (unsigned i = 0; i < context(c)->machine->vcpu_count; i++) {
        struct vcpu *v = context(c)->machine->vcpus[i];
        strbuf_printf(c->out, "%c CPU #%u: pc=0x%016llx%s\n", v == call_vcpu(c) ? '*' : ' ', i,
                      (unsigned long long)v->cls->pc(v),
                      v->powered_off ? " (off)"
                      : v->halted    ? " (halted)"
                                     : "");
    }
    call_resume(c, running);
}

static void info_jit(struct call *c)
{
    if (!c->count) {
        accel_info_jit(context(c)->accel, c->out);
        return;
    }
    const bool on = strcmp(c->words[0], "on") == 0;
    if (!on && strcmp(c->words[0], "off") != 0) {
        strbuf_puts(c->out, "usage: info jit [on|off]\n");
        return;
    }
    struct error e;
    const bool running = call_pause(c);
    if (!accel_measure(context(c)->accel, on, &e)) {
        strbuf_printf(c->out, "info jit: %s\n", e.text);
    }
    call_resume(c, running);
}

static void put_owned(struct call *c, char *text)
{
    strbuf_puts(c->out, text);
    mem_free(text);
}

static void info_mtree(struct call *c)
{
    put_owned(c, space_describe(context(c)->machine->memory));
}

static void info_qtree(struct call *c)
{
    put_owned(c, machine_describe_tree(context(c)->machine));
}

static void info_pci(struct call *c)
{
    bool any = false;
    for (const struct bus *b = context(c)->machine->buses; b; b = b->next) {
        if (b->kind == BUS_PCI && b->info) {
            b->info(b, c->out);
            any = true;
        }
    }
    if (!any) {
        strbuf_puts(c->out, "the machine has no PCI\n");
    }
}

static void info_roms(struct call *c)
{
    for (const struct placement *p = context(c)->machine->placements.first; p; p = p->next) {
        strbuf_printf(c->out, "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=ram name=\"%s\"\n",
                      (uint64_t)p->base, p->size + p->zeros, p->what);
    }
}

static void info_status(struct call *c)
{
    strbuf_printf(c->out, "VM status: %s\n", run_state_name(context(c)->control->state));
}

static void info_name(struct call *c)
{
    const char *name = context(c)->machine->config.name;
    strbuf_printf(c->out, "%s\n", name ? name : "");
}

static void info_uuid(struct call *c)
{
    const char *uuid = context(c)->machine->config.uuid;
    strbuf_printf(c->out, "%s\n", uuid ? uuid : "00000000-0000-0000-0000-000000000000");
}

static void describe(struct call *c, const char *topic)
{
    context(c)->control->describe(context(c)->control, topic, c->out);
}

static void info_block(struct call *c)
{
    describe(c, "block");
}

static void info_block_jobs(struct call *c)
{
    describe(c, "block-jobs");
}

static void info_chardev(struct call *c)
{
    describe(c, "chardev");
}

static void info_network(struct call *c)
{
    describe(c, "network");
}

static void info_version(struct call *c)
{
    describe(c, "version");
}

const struct command info_topics[] = {
    {"balloon", NULL, "", 0, 0, "how much memory the guest has", info_balloon},
    {"block", NULL, "", 0, 0, "disks", info_block},
    {"block-jobs", NULL, "", 0, 0, "work on disks that is under way", info_block_jobs},
    {"chardev", NULL, "", 0, 0, "character back ends", info_chardev},
    {"cpus", NULL, "", 0, 0, "CPUs and where they are", info_cpus},
    {"hotpluggable-cpus", NULL, "", 0, 0, "CPUs that could be added", info_hotpluggable_cpus},
    {"irq", NULL, "", 0, 0, "counts of interrupts", info_irq},
    {"jit", NULL, "[on|off]", 0, 1, "the translator's figures; on: measure from now", info_jit},
    {"lapic", NULL, "", 0, 0, "local interrupt controllers of PCs", info_lapic},
    {"mem", NULL, "", 0, 0, "what page tables map, in runs of equal rights", info_mem},
    {"memdev", NULL, "", 0, 0, "back ends of memory", info_memdev},
    {"mice", NULL, "", 0, 0, "mice", info_mice},
    {"mtree", NULL, "", 0, 0, "memory map", info_mtree},
    {"name", NULL, "", 0, 0, "the machine's name", info_name},
    {"network", "usernet", "", 0, 0, "networks, and connections of those by user", info_network},
    {"numa", NULL, "", 0, 0, "nodes, their CPUs and memory", info_numa},
    {"pci", NULL, "", 0, 0, "PCI functions and where they are", info_pci},
    {"pic", NULL, "", 0, 0, "interrupt controllers", info_pic},
    {"qtree", NULL, "", 0, 0, "buses and devices", info_qtree},
    {"registers", NULL, "[-a]", 0, 1, "registers of the CPU, or of all", info_registers},
    {"roms", NULL, "", 0, 0, "what is put into memory at each reset", info_roms},
    {"status", NULL, "", 0, 0, "whether the machine runs", info_status},
    {"tlb", NULL, "", 0, 0, "what page tables map, page by page", info_tlb},
    {"uuid", NULL, "", 0, 0, "the machine's identity", info_uuid},
    {"version", NULL, "", 0, 0, "the emulator's version", info_version},
    {"vm-generation-id", NULL, "", 0, 0, "the identifier of vmgenid", info_generation},
    {0}};

static void info(struct call *c)
{
    if (!c->count) {
        commands_describe(info_topics, c->out);
        return;
    }
    const struct command *topic = command_find(info_topics, c->words[0]);
    if (!topic) {
        strbuf_printf(c->out, "info: there is no topic '%s'; there are:\n", c->words[0]);
        commands_describe(info_topics, c->out);
        return;
    }
    c->count--;
    memmove(c->words, c->words + 1, c->count * sizeof(c->words[0]));
    command_run(topic, c);
}

const struct command commands_info[] = {
    {"info", NULL, "[TOPIC]", 0, 3, "show something; without a topic: what there is", info}, {0}};
