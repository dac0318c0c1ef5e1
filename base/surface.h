/* SPDX-License-Identifier: MIT */
/*
 * Pictures and screens: what a display device shows, and who looks at it. Implemented by ui/.
 *
 * A device has a struct screen, which it lists in its machine. Nothing is drawn until somebody
 * looks: screen_refresh() has the device bring its picture up to date, and all viewers are told
 * what has changed in it. So each viewer may ask at a rate of its own, and any number of them see
 * the same picture. Everything here is for the loop's thread, but what says otherwise.
 */
#ifndef BASE_SURFACE_H
#define BASE_SURFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SURFACE_MOST 16384 /* pixels of a side */

/* A picture; each pixel is 0x00rrggbb. */
struct surface {
    unsigned width, height;
    unsigned stride; /* pixels from a line to the next */
    uint32_t *pixels;
};

/* Black, with sides from 1 to SURFACE_MOST. NULL: there is no memory for it. Any thread. */
struct surface *surface_create(unsigned width, unsigned height);
void surface_free(struct surface *s); /* NULL is allowed */

/* How guests have pixels in memory, little-endian; from the highest bits down. */
enum surface_format {
    SURFACE_X1R5G5B5,
    SURFACE_R5G6B5,
    SURFACE_R8G8B8,
    SURFACE_X8R8G8B8,
};
unsigned surface_pixel_bytes(enum surface_format f);

/* Line y becomes that at bytes, which is as wide as the surface; true: it was another. Any thread.
 */
bool surface_put(struct surface *s, unsigned y, enum surface_format f, const uint8_t *bytes);

/* ---- screens */

/* A screen in text mode. */
struct screen_text {
    unsigned columns, rows; /* 0: it is not in text mode */
    bool cursor;            /* is shown, at: */
    unsigned cursor_x, cursor_y;
    uint16_t *cells; /* of row after row: code, of code page 437; attribute << 8 */
    size_t room;     /* cells that there is memory for */
};

struct screen;

/* What the device does, for the loop's thread; NULL is allowed but for refresh. */
struct screen_ops {
    /* Brings the picture up to date, by screen_resize and screen_changed. */
    void (*refresh)(void *opaque);
    /* The first viewer has come, or the last one has gone: changes are worth noting. */
    void (*watched)(void *opaque, bool on);
    /* What it shows as text, in *t: by screen_text_size. */
    void (*text)(void *opaque, struct screen_text *t);
};

/* Who looks: NULL functions are not called. */
struct screen_viewer {
    /* The picture is another one, all of which is to be drawn. */
    void (*resized)(void *opaque, const struct surface *s);
    /* A part of it has changed. */
    void (*changed)(void *opaque, unsigned x, unsigned y, unsigned width, unsigned height);
    /* The screen dies, and the viewer is none of it any more. */
    void (*gone)(void *opaque);
    void *opaque;
    struct screen_viewer *next;
};

struct screen {
    const char *name; /* of the device */
    const char *id;   /* or NULL */
    unsigned head;    /* of several of one device */
    const struct screen_ops *ops;
    void *opaque;
    struct surface *surface; /* NULL: nothing has been shown yet */
    struct screen_viewer *viewers;
    struct screen *next; /* in the machine's list */
};

/* For devices. Whoever makes a screen known fills name, id, head, ops and opaque. */
void screen_fini(struct screen *s);
/* The picture has that size from now on, and is black if it had another; false: no memory for it,
 * and it is as before. */
bool screen_resize(struct screen *s, unsigned width, unsigned height);
/* A part of the picture is new; what lies beyond it is left out. */
void screen_changed(struct screen *s, unsigned x, unsigned y, unsigned width, unsigned height);
/* Room for that many cells, which are for the caller to fill; false: there is no memory. */
bool screen_text_size(struct screen_text *t, unsigned columns, unsigned rows);

/* For viewers. */
void screen_watch(struct screen *s, struct screen_viewer *v);
void screen_unwatch(struct screen *s, struct screen_viewer *v);
void screen_refresh(struct screen *s);
void screen_read_text(struct screen *s, struct screen_text *t);

#endif
