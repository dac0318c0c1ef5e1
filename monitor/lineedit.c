/* SPDX-License-Identifier: MIT */
/*
 * Line editing: see lineedit.h. Every change redraws the whole line: carriage return, prompt, text,
 * clear to the end, and the cursor back to its column. A line is taken to fit the terminal's width.
 */
#include "monitor/lineedit.h"

#include <string.h>

#include "base/mem.h"

enum {
    CTRL = 0x1f,
    ESCAPE = 0x1b,
    DELETE = 0x7f
};

void lineedit_init(struct lineedit *e, const char *prompt,
                   void (*complete)(const char *line, struct strbuf *out))
{
    memset(e, 0, sizeof(*e));
    e->prompt = prompt;
    e->complete = complete;
}

void lineedit_free(struct lineedit *e)
{
    for (unsigned i = 0; i < e->count; i++) {
        mem_free(e->history[i]);
    }
}

static void redraw(struct lineedit *e, struct strbuf *out)
{
    strbuf_printf(out, "\r%s%s\x1b[K", e->prompt, e->line);
    if (e->cursor < e->length) {
        strbuf_printf(out, "\x1b[%zuD", e->length - e->cursor);
    }
}

void lineedit_start(struct lineedit *e, struct strbuf *out)
{
    e->line[0] = '\0';
    e->length = e->cursor = 0;
    e->back = 0;
    strbuf_puts(out, e->prompt);
}

static void insert(struct lineedit *e, char c, struct strbuf *out)
{
    if (e->length == LINEEDIT_MAX) {
        return;
    }
    memmove(e->line + e->cursor + 1, e->line + e->cursor, e->length - e->cursor + 1);
    e->line[e->cursor++] = c;
    e->length++;
    if (e->cursor == e->length) {
        strbuf_putc(out, c);
    } else {
        redraw(e, out);
    }
}

/* Removes [from, to); the cursor goes to from. */
static void cut(struct lineedit *e, size_t from, size_t to)
{
    memmove(e->line + from, e->line + to, e->length - to + 1);
    e->length -= to - from;
    e->cursor = from;
}

static size_t word_start(const struct lineedit *e)
{
    size_t at = e->cursor;
    while (at > 0 && e->line[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && e->line[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void show(struct lineedit *e, const char *text)
{
    e->length = e->cursor = strlen(text);
    memcpy(e->line, text, e->length + 1);
}

/* Moves by one line of the history: +1 to an older one, -1 to a newer one. */
static void recall(struct lineedit *e, int direction)
{
    unsigned back = e->back + (unsigned)direction;
    if (direction > 0 ? back > e->count : e->back == 0) {
        return;
    }
    if (e->back == 0) {
        memcpy(e->draft, e->line, sizeof(e->draft));
    }
    e->back = back;
    show(e, back ? e->history[e->count - back] : e->draft);
}

static void remember(struct lineedit *e)
{
    if (!e->length || (e->count && strcmp(e->history[e->count - 1], e->line) == 0)) {
        return;
    }
    if (e->count == LINEEDIT_HISTORY) {
        mem_free(e->history[0]);
        memmove(e->history, e->history + 1, (LINEEDIT_HISTORY - 1) * sizeof(e->history[0]));
        e->count--;
    }
    e->history[e->count++] = mem_strdup(e->line);
}

/* How many characters all words of the list, each followed by a space, begin with together. */
static size_t common_prefix(const char *words)
{
    size_t n = strcspn(words, " ");
    for (const char *w = words; *w; w += strcspn(w, " ") + 1) {
        size_t same = 0;
        while (same < n && w[same] == words[same]) {
            same++;
        }
        n = same;
    }
    return n;
}

static void complete(struct lineedit *e, struct strbuf *out)
{
    struct strbuf words = {0};
    char kept = e->line[e->cursor];
    e->line[e->cursor] = '\0';
    e->complete(e->line, &words);
    e->line[e->cursor] = kept;
    const char *list = strbuf_text(&words);
    size_t typed = 0;
    while (typed < e->cursor && e->line[e->cursor - typed - 1] != ' ') {
        typed++;
    }
    size_t common = common_prefix(list);
    bool only = *list && strcspn(list, " ") + 1 == words.len;
    if (common > typed || only) {
        for (size_t i = typed; i < common; i++) {
            insert(e, list[i], out);
        }
        if (only) {
            insert(e, ' ', out);
        }
    } else if (*list) {
        strbuf_printf(out, "\r\n%s\r\n", list);
        redraw(e, out);
    }
    strbuf_free(&words);
}

static void cursor_key(struct lineedit *e, char key)
{
    switch (key) {
    case 'A':
        recall(e, +1);
        break;
    case 'B':
        recall(e, -1);
        break;
    case 'C':
        e->cursor += e->cursor < e->length;
        break;
    case 'D':
        e->cursor -= e->cursor > 0;
        break;
    case 'H':
        e->cursor = 0;
        break;
    case 'F':
        e->cursor = e->length;
        break;
    default:
        break;
    }
}

/* One more byte of "ESC [ n ~", "ESC [ letter" or "ESC O letter". */
static void escape_byte(struct lineedit *e, uint8_t byte, struct strbuf *out)
{
    if (e->escape_length < sizeof(e->escape)) { /* of a longer one only the end matters */
        e->escape[e->escape_length++] = (char)byte;
    }
    if (e->escape_length == 2) {
        if (byte != '[' && byte != 'O') {
            e->escape_length = 0;
        }
        return;
    }
    if ((byte >= '0' && byte <= '9') || byte == ';') {
        return;
    }
    if (byte == '~') {
        char n = e->escape[2];
        if (n == '3' && e->cursor < e->length) {
            cut(e, e->cursor, e->cursor + 1);
        }
        byte = n == '1' || n == '7' ? 'H' : n == '4' || n == '8' ? 'F' : 0;
    }
    cursor_key(e, (char)byte);
    e->escape_length = 0;
    redraw(e, out);
}

static void control_key(struct lineedit *e, uint8_t byte)
{
    switch (byte) {
    case 'A' & CTRL:
        e->cursor = 0;
        break;
    case 'B' & CTRL:
        cursor_key(e, 'D');
        break;
    case 'C' & CTRL:
        cut(e, 0, e->length);
        break;
    case 'D' & CTRL:
        if (e->cursor < e->length) {
            cut(e, e->cursor, e->cursor + 1);
        }
        break;
    case 'E' & CTRL:
        e->cursor = e->length;
        break;
    case 'F' & CTRL:
        cursor_key(e, 'C');
        break;
    case 'H' & CTRL:
    case DELETE:
        if (e->cursor) {
            cut(e, e->cursor - 1, e->cursor);
        }
        break;
    case 'K' & CTRL:
        e->length = e->cursor;
        e->line[e->length] = '\0';
        break;
    case 'N' & CTRL:
        recall(e, -1);
        break;
    case 'P' & CTRL:
        recall(e, +1);
        break;
    case 'U' & CTRL:
        cut(e, 0, e->cursor);
        break;
    case 'W' & CTRL:
        cut(e, word_start(e), e->cursor);
        break;
    default:
        break;
    }
}

bool lineedit_byte(struct lineedit *e, uint8_t byte, struct strbuf *out)
{
    if (e->escape_length) {
        escape_byte(e, byte, out);
    } else if (byte == ESCAPE) {
        e->escape[0] = (char)byte;
        e->escape_length = 1;
    } else if (byte == '\r' || byte == '\n') {
        strbuf_puts(out, "\r\n");
        remember(e);
        return true;
    } else if (byte == '\t') {
        complete(e, out);
    } else if (byte < ' ' || byte == DELETE) {
        control_key(e, byte);
        redraw(e, out);
    } else {
        insert(e, (char)byte, out);
    }
    return false;
}
