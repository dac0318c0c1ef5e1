/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller of a PC (Intel 8042 as IBM programmed it: Personal System/2 Hardware
 * Interface Technical Reference, keyboard and auxiliary device controller), with a keyboard and a
 * mouse at its ports; and port 0x92, by which Intel's bridges gate address line 20 and reset faster
 * (82371SB, 2.5.3.1). Commands take no time. Not modelled: passwords, tests that fail, its memory
 * but for the command byte.
 *
 * There is one output buffer. What fills it is an answer of the controller, else a byte of the
 * keyboard, else one of the mouse, as far as they may send; reading it makes place for the next.
 */
#include "hw/input/i8042.h"

#include "base/bits.h"
#include "base/log.h"
#include "hw/classes.h"
#include "hw/input/ps2.h"

enum { /* of the status */
    STATUS_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_MOUSE = 0x20
};

enum { /* of the command byte */
    MODE_KEYBOARD_INT = 0x01,
    MODE_MOUSE_INT = 0x02,
    MODE_SYSTEM = 0x04,
    MODE_KEYBOARD_OFF = 0x10,
    MODE_MOUSE_OFF = 0x20,
    MODE_TRANSLATE = 0x40,
    MODE_INITIAL = MODE_KEYBOARD_INT | MODE_MOUSE_INT
};

enum { /* of the output port */
    OUT_NO_RESET = 0x01,
    OUT_A20 = 0x02,
    OUT_KEYBOARD = 0x10,
    OUT_MOUSE = 0x20
};

enum { /* commands */
    READ_MODE = 0x20,
    WRITE_MODE = 0x60,
    TEST_PASSWORD = 0xa4,
    MOUSE_DISABLE = 0xa7,
    MOUSE_ENABLE = 0xa8,
    TEST_MOUSE = 0xa9,
    SELF_TEST = 0xaa,
    TEST_KEYBOARD = 0xab,
    KEYBOARD_DISABLE = 0xad,
    KEYBOARD_ENABLE = 0xae,
    READ_INPUT = 0xc0,
    READ_OUTPUT = 0xd0,
    WRITE_OUTPUT = 0xd1,
    WRITE_KEYBOARD_BUFFER = 0xd2,
    WRITE_MOUSE_BUFFER = 0xd3,
    WRITE_MOUSE = 0xd4,
    DISABLE_A20 = 0xdd,
    ENABLE_A20 = 0xdf,
    READ_TEST = 0xe0,
    PULSE_OUTPUT = 0xf0 /* and up: bits that are low for a moment are 0 */
};

enum { /* of port 0x92 */
    FAST_RESET = 0x01,
    FAST_A20 = 0x02
};

#define INPUT_PORT 0x80 /* the keyboard is not locked */
#define TEST_GOOD 0x55
#define NO_PASSWORD 0xf1

struct i8042 {
    struct device dev;
    struct input_sink sink;

    /* State. */
    struct ps2_mouse mouse;
    uint8_t status, mode;
    uint8_t command; /* that waits for its parameter, or 0 */
    uint8_t output;  /* the buffer */
    bool released;   /* translation: the next code is that of a key that goes up */
    bool a20;
    uint8_t fast; /* bits of port 0x92 that store */
    uint8_t pad;
    struct ps2_keyboard keyboard;
    uint8_t pad2[8 - (sizeof(struct ps2_mouse) + sizeof(struct ps2_keyboard)) % 8];
};

/* ---- the output buffer */

static void drive(const struct i8042 *c)
{
    const bool full = c->status & STATUS_FULL, mouse = c->status & STATUS_MOUSE;
    irq_set(&c->dev.irq[I8042_KEYBOARD], full && !mouse && (c->mode & MODE_KEYBOARD_INT));
    irq_set(&c->dev.irq[I8042_MOUSE], full && mouse && (c->mode & MODE_MOUSE_INT));
}

static void fill(struct i8042 *c, uint8_t byte, bool mouse)
{
    c->output = byte;
    c->status = (uint8_t)((c->status & ~STATUS_MOUSE) | STATUS_FULL | (mouse ? STATUS_MOUSE : 0));
    drive(c);
}

static bool take_key(struct i8042 *c, uint8_t *byte)
{
    const bool translates = c->mode & MODE_TRANSLATE;
    while (!(c->mode & MODE_KEYBOARD_OFF) && ps2_queue_take(&c->keyboard.queue, byte)) {
        if (!translates || ps2_translate(*byte, &c->released, byte)) {
            return true;
        }
    }
    return false;
}

static bool take_mouse(struct i8042 *c, uint8_t *byte)
{
    const bool any = !(c->mode & MODE_MOUSE_OFF) && ps2_queue_take(&c->mouse.queue, byte);
    ps2_mouse_continue(&c->mouse);
    return any;
}

/* If the buffer is empty, the next byte comes into it. */
static void refill(struct i8042 *c)
{
    uint8_t byte;
    if (c->status & STATUS_FULL) {
        return;
    }
    if (take_key(c, &byte)) {
        fill(c, byte, false);
    } else if (take_mouse(c, &byte)) {
        fill(c, byte, true);
    }
}

static uint8_t read_output(struct i8042 *c)
{
    const uint8_t byte = c->output;
    c->status &= (uint8_t) ~(STATUS_FULL | STATUS_MOUSE);
    drive(c);
    refill(c);
    return byte;
}

/* ---- the output port, and port 0x92 */

static void reset_machine(const struct i8042 *c)
{
    struct power *p = c->dev.machine->power;
    p->request(p, POWER_RESET);
}

static void set_a20(struct i8042 *c, bool on)
{
    c->a20 = on;
    irq_set(&c->dev.irq[I8042_A20], on);
}

static uint8_t output_port(const struct i8042 *c)
{
    const bool full = c->status & STATUS_FULL, mouse = c->status & STATUS_MOUSE;
    return (uint8_t)(OUT_NO_RESET | (c->a20 ? OUT_A20 : 0) |
                     (full ? mouse ? OUT_MOUSE : OUT_KEYBOARD : 0));
}

static void write_output_port(struct i8042 *c, uint8_t value)
{
    set_a20(c, value & OUT_A20);
    if (!(value & OUT_NO_RESET)) {
        reset_machine(c);
    }
}

static uint64_t fast_read(void *opaque, uint64_t offset, unsigned size)
{
    const struct i8042 *c = opaque;
    (void)offset, (void)size;
    return c->fast | (c->a20 ? FAST_A20 : 0u);
}

/* The reset comes as the bit becomes 1. */
static void fast_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8042 *c = opaque;
    const bool resets = (value & FAST_RESET) && !(c->fast & FAST_RESET);
    (void)offset, (void)size;
    c->fast = value & (uint8_t)~FAST_A20;
    set_a20(c, value & FAST_A20);
    if (resets) {
        reset_machine(c);
    }
}

static const struct mmio_ops fast_ops = {.read = fast_read, .write = fast_write, .sizes = 1};

/* ---- commands */

static void answer(struct i8042 *c, uint8_t byte)
{
    fill(c, byte, false);
}

static void set_mode(struct i8042 *c, uint8_t mode)
{
    c->mode = mode;
    c->status = (uint8_t)((c->status & ~STATUS_SYSTEM) | (mode & MODE_SYSTEM ? STATUS_SYSTEM : 0));
    drive(c);
    refill(c);
}

static void self_test(struct i8042 *c)
{
    c->status |= STATUS_SYSTEM;
    c->mode |= MODE_SYSTEM;
    answer(c, TEST_GOOD);
}

/* Those that neither answer nor have a parameter. */
static void act(struct i8042 *c, uint8_t command)
{
    switch (command) {
    case MOUSE_DISABLE:
        set_mode(c, c->mode | MODE_MOUSE_OFF);
        break;
    case MOUSE_ENABLE:
        set_mode(c, c->mode & (uint8_t)~MODE_MOUSE_OFF);
        break;
    case KEYBOARD_DISABLE:
        set_mode(c, c->mode | MODE_KEYBOARD_OFF);
        break;
    case KEYBOARD_ENABLE:
        set_mode(c, c->mode & (uint8_t)~MODE_KEYBOARD_OFF);
        break;
    case DISABLE_A20:
    case ENABLE_A20:
        set_a20(c, command == ENABLE_A20);
        break;
    default:
        if (command >= PULSE_OUTPUT && !(command & OUT_NO_RESET)) {
            reset_machine(c);
        } else if (command < PULSE_OUTPUT) {
            log_guest("i8042", "there is no command 0x%02x", command);
        }
        break;
    }
}

static void command(struct i8042 *c, uint8_t value)
{
    c->command = 0;
    switch (value) {
    case READ_MODE:
        answer(c, c->mode);
        break;
    case TEST_PASSWORD:
        answer(c, NO_PASSWORD);
        break;
    case TEST_MOUSE:
    case TEST_KEYBOARD:
    case READ_TEST:
        answer(c, 0);
        break;
    case SELF_TEST:
        self_test(c);
        break;
    case READ_INPUT:
        answer(c, INPUT_PORT);
        break;
    case READ_OUTPUT:
        answer(c, output_port(c));
        break;
    case WRITE_MODE:
    case WRITE_OUTPUT:
    case WRITE_KEYBOARD_BUFFER:
    case WRITE_MOUSE_BUFFER:
    case WRITE_MOUSE:
        c->command = value;
        break;
    default:
        act(c, value);
        break;
    }
}

/* A byte for the port of data: of a command that waits for it, else for the keyboard, which may
 * send from then on. */
static void data_written(struct i8042 *c, uint8_t value)
{
    const uint8_t waiting = c->command;
    c->command = 0;
    switch (waiting) {
    case WRITE_MODE:
        set_mode(c, value);
        break;
    case WRITE_OUTPUT:
        write_output_port(c, value);
        break;
    case WRITE_KEYBOARD_BUFFER:
    case WRITE_MOUSE_BUFFER:
        fill(c, value, waiting == WRITE_MOUSE_BUFFER);
        break;
    case WRITE_MOUSE:
        c->mode &= (uint8_t)~MODE_MOUSE_OFF;
        ps2_mouse_write(&c->mouse, value);
        refill(c);
        break;
    default:
        c->mode &= (uint8_t)~MODE_KEYBOARD_OFF;
        c->released = false;
        ps2_keyboard_write(&c->keyboard, value);
        refill(c);
        break;
    }
}

/* ---- ports */

static uint64_t data_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)offset, (void)size;
    return read_output(opaque);
}

static void data_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8042 *c = opaque;
    (void)offset, (void)size;
    c->status &= (uint8_t)~STATUS_COMMAND;
    data_written(c, (uint8_t)value);
}

static uint64_t status_read(void *opaque, uint64_t offset, unsigned size)
{
    (void)offset, (void)size;
    return ((const struct i8042 *)opaque)->status;
}

static void command_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    struct i8042 *c = opaque;
    (void)offset, (void)size;
    c->status |= STATUS_COMMAND;
    command(c, (uint8_t)value);
}

static const struct mmio_ops data_ops = {.read = data_read, .write = data_write, .sizes = 1};
static const struct mmio_ops command_ops = {
    .read = status_read, .write = command_write, .sizes = 1};

void i8042_map(struct device *d, struct space *ports)
{
    const struct {
        paddr port;
        const char *name;
        const struct mmio_ops *ops;
    } rows[] = {{0x60, "i8042-data", &data_ops},
                {0x64, "i8042-cmd", &command_ops},
                {0x92, "port92", &fast_ops}};
    assert(d->cls == &i8042_class);
    for (unsigned i = 0; i < array_len(rows); i++) {
        space_add(ports, &(struct mem_range){.base = rows[i].port,
                                             .size = 1,
                                             .kind = RANGE_MMIO,
                                             .name = rows[i].name,
                                             .ops = rows[i].ops,
                                             .opaque = d,
                                             .lock = d->lock});
    }
}

/* ---- people */

static void key(void *opaque, enum input_key k, bool down)
{
    struct i8042 *c = opaque;
    os_mutex_lock(c->dev.lock);
    ps2_keyboard_key(&c->keyboard, k, down);
    refill(c);
    os_mutex_unlock(c->dev.lock);
}

static void move(void *opaque, const struct input_motion *motion)
{
    struct i8042 *c = opaque;
    os_mutex_lock(c->dev.lock);
    ps2_mouse_move(&c->mouse, motion);
    refill(c);
    os_mutex_unlock(c->dev.lock);
}

/* ---- life */

static bool i8042_create(struct device *d, struct error *e)
{
    struct i8042 *c = (struct i8042 *)d;
    (void)e;
    c->sink = (struct input_sink){.name = "QEMU PS/2 Mouse", .key = key, .move = move, .opaque = c};
    input_add_sink(d->machine, &c->sink);
    return true;
}

static void i8042_destroy(struct device *d)
{
    input_remove_sink(d->machine, &((struct i8042 *)d)->sink);
}

static void i8042_reset(struct device *d)
{
    struct i8042 *c = (struct i8042 *)d;
    c->status = STATUS_UNLOCKED | STATUS_COMMAND;
    c->mode = MODE_INITIAL;
    ps2_keyboard_reset(&c->keyboard);
    ps2_mouse_reset(&c->mouse);
    set_a20(c, true);
    drive(c);
}

static bool i8042_check(struct device *d, struct error *e)
{
    return ps2_keyboard_check(&((const struct i8042 *)d)->keyboard, e);
}

static void i8042_loaded(struct device *d)
{
    struct i8042 *c = (struct i8042 *)d;
    set_a20(c, c->a20);
    drive(c);
}

static const struct field i8042_fields[] = {
    FIELD_SKIP(i8042, sink),
    FIELD_KEEP_PARTS(i8042, mouse, ps2_mouse_fields, ps2_mouse),
    FIELD(i8042, status),
    FIELD(i8042, mode),
    FIELD(i8042, command),
    FIELD(i8042, output),
    FIELD(i8042, released),
    FIELD(i8042, a20),
    FIELD(i8042, fast),
    FIELD_SKIP(i8042, pad),
    FIELD_KEEP_PARTS(i8042, keyboard, ps2_keyboard_fields, ps2_keyboard),
    FIELD_SKIP(i8042, pad2),
    FIELD_END,
};

const struct device_class i8042_class = {
    .name = "i8042",
    .desc = "keyboard controller with a PS/2 keyboard and mouse",
    .bus = BUS_SYSTEM,
    .size = sizeof(struct i8042),
    .fields = i8042_fields,
    .create = i8042_create,
    .reset = i8042_reset,
    .destroy = i8042_destroy,
    .check = i8042_check,
    .loaded = i8042_loaded,
};
