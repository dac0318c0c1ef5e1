/* SPDX-License-Identifier: MIT */
/* Monitor commands that steer the machine's life. */
#include <string.h>

#include "cpu/cpu.h"
#include "monitor/commands.h"

static void quit(struct call *c)
{
    call_control(c)->quit(call_control(c), 0);
}

static void stop(struct call *c)
{
    call_control(c)->stop(call_control(c), RUN_PAUSED);
}

static void cont(struct call *c)
{
    struct error e;
    call_report(c, call_control(c)->cont(call_control(c), &e), &e);
}

static void system_reset(struct call *c)
{
    call_control(c)->reset(call_control(c));
}

static void system_powerdown(struct call *c)
{
    if (!call_control(c)->power_button(call_control(c))) {
        strbuf_puts(c->out, "the machine has no power button\n");
    }
}

static void cpu(struct call *c)
{
    uint64_t n;
    if (!expression_value(c, c->words[0], &n)) {
        return;
    }
    if (n >= c->session->context->machine->vcpu_count) {
        strbuf_printf(c->out, "the machine has CPUs 0 to %u\n",
                      c->session->context->machine->vcpu_count - 1);
        return;
    }
    c->session->cpu = (unsigned)n;
}

static void gdbserver(struct call *c)
{
    struct error e;
    const char *where = c->count ? c->words[0] : "tcp::1234";
    if (c->session->of_gdb) {
        strbuf_puts(c->out, "gdb cannot end its own connection this way\n");
    } else if (!call_control(c)->gdbserver(call_control(c), where, &e)) {
        strbuf_printf(c->out, "%s\n", e.text);
    } else if (strcmp(where, "none") == 0) {
        strbuf_puts(c->out, "Disabled gdbserver\n");
    } else {
        strbuf_printf(c->out, "Waiting for gdb connection on device '%s'\n", where);
    }
}

const struct command commands_run[] = {
    {"cont", "c", "", 0, 0, "let the machine run", cont},
    {"cpu", NULL, "N", 1, 1, "the CPU that registers and memory are shown of", cpu},
    {"gdbserver", NULL, "[BACK-END|none]", 0, 1, "wait for gdb there (tcp::1234), as -gdb",
     gdbserver},
    {"quit", "q", "", 0, 0, "end the emulator", quit},
    {"stop", "s", "", 0, 0, "stop the machine", stop},
    {"system_powerdown", NULL, "", 0, 0, "press the power button", system_powerdown},
    {"system_reset", NULL, "", 0, 0, "press the reset button", system_reset},
    {0}};
