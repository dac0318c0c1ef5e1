/* SPDX-License-Identifier: MIT */
/*
 * Interrupts that an accelerator's own controller takes, and such as follow events. Lines behind
 * the controller's pins are routes to messages, given to who binds one to an event.
 */
#include <assert.h>

#include "accel/ops.h"
#include "base/loop.h"
#include "base/mem.h"

struct irq_binding {
    struct accel *accel;
    struct irq_event event;
    unsigned number;          /* of the accelerator's line */
    bool routed;              /* it is one for a message */
    struct irq line;          /* the event's */
    struct loop_watch *watch; /* NULL: the accelerator follows the event */
};

/* ---- the controller */

void accel_irqs_create(struct accel *a)
{
    assert(!a->irq_lines || (a->ops->can & ACCEL_CAN_INTERRUPT));
    a->routes = mem_array(a->irq_lines + 1, sizeof(*a->routes));
    for (unsigned i = 0; i < a->irq_pins; i++) {
        a->routes[i] = (struct irq_route){.to = IRQ_TO_PIN, .pin = i};
    }
    if (a->irq_lines) {
        const bool good = a->ops->irq_routes(a, a->routes, a->irq_lines);
        assert(good);
        (void)good;
    }
}

void accel_irqs_destroy(struct accel *a)
{
    mem_free(a->routes);
}

unsigned accel_irq_lines(const struct accel *a)
{
    return a->irq_lines;
}

static void set_line(void *opaque, int line, int level)
{
    struct accel *a = opaque;

    a->ops->irq_set(a, (unsigned)line, level);
}

struct irq accel_irq(struct accel *a, unsigned line)
{
    assert(line < a->irq_lines);
    return (struct irq){.set = set_line, .opaque = a, .line = (int)line};
}

bool accel_send_msi(struct accel *a, const struct accel_msi *m)
{
    return a->irq_lines && a->ops->irq_send(a, m);
}

void accel_irq_write(struct accel *a, struct strbuf *out)
{
    if (a->irq_lines) {
        a->ops->irq_write(a, out);
    }
}

bool accel_irq_read(struct accel *a, struct cursor *c, bool store, struct error *e)
{
    return !a->irq_lines || a->ops->irq_read(a, c, store, e);
}

/* ---- routes */

/* A line for a message; false: none is left, or the controller takes no such message. */
static bool add_route(struct accel *a, const struct accel_msi *m, unsigned *line)
{
    bool good = false;

    os_mutex_lock(&a->irq_lock);
    for (unsigned i = a->irq_pins; i < a->irq_lines && !good; i++) {
        if (a->routes[i].to == IRQ_TO_NOTHING) {
            a->routes[i] = (struct irq_route){.to = IRQ_TO_MSI, .msi = *m};
            good = a->ops->irq_routes(a, a->routes, a->irq_lines);
            if (!good) {
                a->routes[i].to = IRQ_TO_NOTHING;
                break;
            }
            *line = i;
        }
    }
    os_mutex_unlock(&a->irq_lock);
    return good;
}

static void remove_route(struct accel *a, unsigned line)
{
    os_mutex_lock(&a->irq_lock);
    a->routes[line].to = IRQ_TO_NOTHING;
    a->ops->irq_routes(a, a->routes, a->irq_lines);
    os_mutex_unlock(&a->irq_lock);
}

/* ---- events */

/* The accelerator has a line for it, and follows the event. */
static bool bind_by_accel(struct irq_binding *b)
{
    struct accel *a = b->accel;

    if (!a->irq_lines || !a->ops->irq_event) {
        return false;
    }
    if (b->event.line) {
        b->number = (unsigned)b->line.line;
        if (b->line.set != set_line || b->line.opaque != a) {
            return false;
        }
    } else if (!(b->routed = add_route(a, &b->event.msi, &b->number))) {
        return false;
    }
    if (!a->ops->irq_event(a, b->number, &b->event, true)) {
        if (b->routed) {
            remove_route(a, b->number);
        }
        return false;
    }
    return true;
}

static void send(const struct irq_event *e)
{
    const struct requester by = {.id = e->msi.device, .device = true};

    space_store_by(e->memory, &by, e->msi.address, 4, e->msi.data);
}

static void signalled(void *opaque, unsigned events)
{
    struct irq_binding *b = opaque;

    (void)events;
    if (!os_event_take(b->event.event)) {
        return;
    }
    if (b->event.line) {
        irq_pulse(&b->line);
    } else if (!accel_send_msi(b->accel, &b->event.msi)) {
        send(&b->event);
    }
}

struct irq_binding *accel_bind_irq(struct accel *a, struct loop *l, const struct irq_event *event,
                                   struct error *e)
{
    struct irq_binding *b = mem_alloc(sizeof(*b));

    assert(event->line || event->memory);
    *b = (struct irq_binding){.accel = a, .event = *event};
    if (event->line) {
        b->line = *event->line;
    }
    if (bind_by_accel(b)) {
        return b;
    }
    if (event->resample >= 0) {
        error_set(e, "the interrupt controller does not tell when an interrupt is taken");
        mem_free(b);
        return NULL;
    }
    b->watch = loop_watch(l, event->event, LOOP_READ, signalled, b);
    return b;
}

void accel_unbind_irq(struct irq_binding *b)
{
    struct accel *a = b->accel;

    if (b->watch) {
        loop_unwatch(b->watch);
    } else {
        a->ops->irq_event(a, b->number, &b->event, false);
    }
    if (!b->watch && b->routed) {
        remove_route(a, b->number);
    }
    mem_free(b);
}
