/* SPDX-License-Identifier: MIT */
/*
 * -display curses. The screen is read as text, twenty times a second, and curses finds out what of
 * it is new. A terminal that is smaller shows the part with the cursor. In graphics modes it says
 * so, with their size.
 */
#include "ui/curses.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/mem.h"
#include "base/surface.h"
#include "ui/curses_internal.h"
#include "ui/curses_library.h"

enum {
    PERIOD_NS = 50000000,
    LOOK_AT_GRAPHICS = 20, /* each so many periods */
    HOLD_MS = 5,           /* a key, in the machine's time */
    HELP_PERIODS = 80,
    PAIRS = 64,
};

struct curses {
    struct curses_config config;
    struct curses_library lib;
    SCREEN *terminal;
    WINDOW *window;
    struct loop_watch *keys, *ticks;
    int timer;
    struct screen_text text;
    bool bright_backs;  /* the terminal has 16 colours */
    bool escaped;       /* the escape key was hit */
    unsigned help_left; /* periods that help is still shown */
    unsigned periods;
    char *farewell;
};

/* ---- drawing */

/* VGA's colours have blue in the lowest bit, terminals red. */
static short colour_of(unsigned i)
{
    static const uint8_t of[8] = {0, 4, 2, 6, 1, 5, 3, 7};
    return (short)(of[i & 7] | (i & 8));
}

static void make_pairs(struct curses *c)
{
    c->bright_backs = *c->lib.colours >= 16;
    for (unsigned i = 0; i < (c->bright_backs ? 256 : PAIRS); i++) {
        const unsigned bits = c->bright_backs ? 4 : 3, mask = (1u << bits) - 1;
        c->lib.init_pair((short)(i + 1), colour_of(i & mask), colour_of(i >> bits & mask));
    }
}

static short pair_of(const struct curses *c, unsigned attr)
{
    const unsigned i = c->bright_backs ? attr : (attr & 7) | (attr >> 1 & 0x38);
    return (short)(i + 1);
}

static void draw_cell(struct curses *c, unsigned cell)
{
    const unsigned attr = cell >> 8 & 0xff;
    const wchar_t text[2] = {curses_glyph(cell), 0};
    const attr_t look = !c->bright_backs && (attr & 8) ? A_BOLD : A_NORMAL;
    cchar_t out;
    c->lib.setcchar(&out, text, look, pair_of(c, attr), NULL);
    c->lib.wadd_wch(c->window, &out);
}

/* Where to begin, such that the cursor is in so many. */
static unsigned first_of(unsigned all, unsigned room, unsigned cursor)
{
    if (all <= room) {
        return 0;
    }
    const unsigned first = cursor < room ? 0 : cursor - room + 1;
    return first > all - room ? all - room : first;
}

static void draw_text(struct curses *c)
{
    const struct screen_text *t = &c->text;
    const unsigned width = (unsigned)c->lib.getmaxx(c->window);
    const unsigned height = (unsigned)c->lib.getmaxy(c->window);
    const unsigned x0 = first_of(t->columns, width, t->cursor ? t->cursor_x : 0);
    const unsigned y0 = first_of(t->rows, height, t->cursor ? t->cursor_y : 0);
    c->lib.werase(c->window);
    for (unsigned y = 0; y < height && y0 + y < t->rows; y++) {
        c->lib.wmove(c->window, (int)y, 0);
        for (unsigned x = 0; x < width && x0 + x < t->columns; x++) {
            draw_cell(c, t->cells[(size_t)(y0 + y) * t->columns + x0 + x]);
        }
    }
    c->lib.curs_set(t->cursor ? 1 : 0);
    if (t->cursor) {
        c->lib.wmove(c->window, (int)(t->cursor_y - y0), (int)(t->cursor_x - x0));
    }
}

/* A line in the middle, instead of the screen. */
static void draw_word(struct curses *c, const char *word)
{
    const int n = (int)strlen(word), x = c->lib.getmaxx(c->window) - n;
    c->lib.werase(c->window);
    c->lib.wmove(c->window, c->lib.getmaxy(c->window) / 2, x > 0 ? x / 2 : 0);
    c->lib.waddnstr(c->window, word, n);
    c->lib.curs_set(0);
}

static void draw_graphics(struct curses *c, struct screen *s)
{
    char word[64];
    if (c->periods % LOOK_AT_GRAPHICS == 0) {
        screen_refresh(s);
    }
    snprintf(word, sizeof(word), "%u x %u, graphics", s->surface ? s->surface->width : 0,
             s->surface ? s->surface->height : 0);
    draw_word(c, word);
}

static void draw(struct curses *c)
{
    struct screen *s = c->config.machine->screens;
    char help[128];
    if (c->help_left) {
        c->help_left--;
        snprintf(help, sizeof(help), "ctrl-%c x ends, ctrl-%c ctrl-%c is the guest's",
                 c->config.escape + 'a' - 1, c->config.escape + 'a' - 1,
                 c->config.escape + 'a' - 1);
        draw_word(c, help);
    } else if (!s) {
        draw_word(c, "the machine has no screen");
    } else {
        screen_read_text(s, &c->text);
        if (c->text.columns) {
            draw_text(c);
        } else {
            draw_graphics(c, s);
        }
    }
    c->periods++;
    c->lib.wrefresh(c->window);
}

/* ---- keys */

static void send(struct curses *c, wint_t code, bool is_key, bool alt)
{
    enum input_key keys[CURSES_KEYS_MOST + 1] = {INPUT_KEY_ALT};
    const size_t n = curses_keys_of(code, is_key, keys + 1);
    if (n) {
        input_send(c->config.machine, alt ? keys : keys + 1, alt ? n + 1 : n, HOLD_MS);
    }
}

/* Behind the escape key. */
static void command(struct curses *c, wint_t code)
{
    if (code == c->config.escape) {
        send(c, code, false, false);
    } else if (code == 'x') {
        c->config.end(c->config.opaque);
    } else {
        c->help_left = HELP_PERIODS;
    }
}

/* A character directly behind ESC is one with alt. */
static void take_key(struct curses *c, wint_t code, bool is_key)
{
    wint_t next;
    if (is_key && code == KEY_RESIZE) {
        c->lib.wresize(c->window, c->lib.getmaxy(*c->lib.screen), c->lib.getmaxx(*c->lib.screen));
        c->lib.clearok(c->window, TRUE);
    } else if (c->escaped) {
        c->escaped = false;
        command(c, code);
    } else if (!is_key && code == c->config.escape) {
        c->escaped = true;
    } else if (!is_key && code == 0x1b && c->lib.wget_wch(c->window, &next) == OK) {
        send(c, next, false, true);
    } else {
        send(c, code, is_key, false);
    }
}

static void read_keys(struct curses *c)
{
    wint_t code;
    int got;
    while ((got = c->lib.wget_wch(c->window, &code)) != ERR) {
        take_key(c, code, got == KEY_CODE_YES);
    }
}

static void on_keys(void *opaque, unsigned events)
{
    struct curses *c = opaque;
    if (events & LOOP_HANGUP) {
        loop_watch_events(c->keys, 0);
    } else {
        read_keys(c);
    }
}

static void on_tick(void *opaque, unsigned events)
{
    struct curses *c = opaque;
    uint64_t times;
    (void)events;
    if (read(c->timer, &times, sizeof(times)) > 0) {
        read_keys(c); /* the terminal may have another size */
        draw(c);
    }
}

/* ---- life */

static void take_terminal(struct curses *c)
{
    c->window = c->lib.newwin(0, 0, 0, 0);
    c->lib.raw();
    c->lib.noecho();
    c->lib.nonl();
    c->lib.keypad(c->window, TRUE);
    c->lib.nodelay(c->window, TRUE);
    c->lib.set_escdelay(25);
    if (c->lib.has_colors()) {
        c->lib.start_color();
        make_pairs(c);
    }
}

static const char *text_of(const char *capability)
{
    return capability && capability != (const char *)-1 ? capability : "";
}

struct curses *curses_open(const struct curses_config *config, struct error *e)
{
    const char *kind = getenv("TERM");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        error_set(e, "standard input and output are no terminal");
        return NULL;
    }
    struct curses *c = mem_alloc(sizeof(*c));
    c->config = *config;
    setlocale(LC_CTYPE, "");
    if (!curses_library_load(&c->lib, e)) {
        mem_free(c);
        return NULL;
    }
    c->terminal = c->lib.newterm(NULL, stdout, stdin);
    if (!c->terminal) {
        error_set(e, "curses knows no terminal '%s' (TERM)", kind ? kind : "");
        mem_free(c);
        return NULL;
    }
    take_terminal(c);
    c->farewell = mem_printf("%s%s%s", text_of(c->lib.tigetstr("sgr0")),
                             text_of(c->lib.tigetstr("cnorm")), text_of(c->lib.tigetstr("rmcup")));
    c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    const struct timespec period = {0, PERIOD_NS};
    timerfd_settime(c->timer, 0, &(struct itimerspec){period, period}, NULL);
    c->keys = loop_watch(config->loop, STDIN_FILENO, LOOP_READ, on_keys, c);
    c->ticks = loop_watch(config->loop, c->timer, LOOP_READ, on_tick, c);
    return c;
}

void curses_close(struct curses *c)
{
    loop_unwatch(c->keys);
    loop_unwatch(c->ticks);
    close(c->timer);
    c->lib.delwin(c->window);
    c->lib.endwin();
    c->lib.delscreen(c->terminal);
    mem_free(c->text.cells);
    mem_free(c->farewell);
    mem_free(c);
}

const char *curses_farewell(const struct curses *c)
{
    return c->farewell;
}
