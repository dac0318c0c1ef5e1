/* SPDX-License-Identifier: MIT */
/* What the machine's screens show, and where it is seen: -display, screendump. */
#include <string.h>
#include <unistd.h>

#include "base/surface.h"
#include "system/say.h"
#include "system/terminal.h"
#include "system/vm.h"
#include "ui/curses.h"
#include "ui/screenshot.h"

/* ---- screendump */

static bool is_of(const struct screen *s, const char *device)
{
    return !device || strcmp(s->name, device) == 0 || (s->id && strcmp(s->id, device) == 0);
}

static struct screen *find_screen(const struct machine *m, const char *device, unsigned head,
                                  struct error *e)
{
    struct screen *s = m->screens;
    while (s && !(is_of(s, device) && s->head == head)) {
        s = s->next;
    }
    if (!s && !m->screens) {
        error_set(e, "the machine has no screen; -device VGA would be one");
    } else if (!s) {
        error_set(e, "there is no screen %u of '%s'; there are:", head, device ? device : "any");
        for (s = m->screens; s; s = s->next) {
            error_append(e, " %s %u%s", s->id ? s->id : s->name, s->head, s->next ? "," : "");
        }
    }
    return s;
}

bool vm_screendump(struct control *c, const char *path, const char *device, unsigned head,
                   const char *format, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct screen *s = find_screen(vm->machine, device, head, e);
    const bool png = strcmp(format, "png") == 0;
    if (!s) {
        return false;
    }
    if (!png && strcmp(format, "ppm") != 0) {
        return error_set(e, "format '%s': ppm or png is accepted", format);
    }
    screen_refresh(s);
    if (!s->surface) {
        return error_set(e, "the screen has shown nothing yet");
    }
    return screenshot_write(s->surface, path, png ? SCREENSHOT_PNG : SCREENSHOT_PPM, e);
}

/* ---- -display */

static void end_by_key(void *opaque)
{
    struct vm *vm = opaque;
    vm->control.quit(&vm->control, 0);
}

bool vm_reserve_terminal(struct vm *vm, struct error *e)
{
    if (!vm->config->curses) {
        return true;
    }
    if (terminal_is_raw()) {
        return error_set(e, "-display curses: a serial line or monitor has the terminal (stdio)");
    }
    terminal_lend(STDIN_FILENO);
    return true;
}

static bool open_curses(struct vm *vm, struct error *e)
{
    const struct curses_config how = {.machine = vm->machine,
                                      .loop = vm->loop,
                                      .escape = vm->config->escape,
                                      .end = end_by_key,
                                      .opaque = vm};
    vm->curses = curses_open(&how, e);
    if (!vm->curses) {
        terminal_restore();
        error_prefix(e, "-display curses: ");
        return false;
    }
    terminal_set_farewell(curses_farewell(vm->curses));
    return true;
}

bool vm_open_screen(struct vm *vm, struct error *e)
{
    const struct config *c = vm->config;
    if (c->curses) {
        return open_curses(vm, e);
    }
    if (vm->machine->screens && !c->display && !c->nographic && !c->daemonize) {
        say("the machine has a screen: -display curses shows its text modes in the terminal, and "
            "the monitor's screendump FILE makes a picture of it");
    }
    return true;
}

void vm_close_screen(struct vm *vm)
{
    if (vm->curses) {
        terminal_set_farewell(NULL);
        curses_close(vm->curses);
        vm->curses = NULL;
        terminal_restore();
    }
}
