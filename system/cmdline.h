/* SPDX-License-Identifier: MIT */
/*
 * What the command line says. The option table (options_table.c) fills it option by option;
 * options_check() then reads the groups by their key tables, so that everything that can be wrong
 * without opening anything is found before anything is opened.
 */
#ifndef SYSTEM_CMDLINE_H
#define SYSTEM_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "accel/accel.h"
#include "hw/firmware.h"
#include "hw/machine.h"
#include "system/backends.h"
#include "system/keyval.h"

/* A list of option arguments, in their order. The texts are the command line's. */
struct text_list {
    const char **items;
    size_t count;
};

enum reboot_action {
    REBOOT_RESET,
    REBOOT_SHUTDOWN
};
enum shutdown_action {
    SHUTDOWN_POWEROFF,
    SHUTDOWN_PAUSE
};
enum panic_action {
    PANIC_SHUTDOWN,
    PANIC_PAUSE,
    PANIC_EXIT_FAILURE,
    PANIC_NONE
};

enum watchdog_action {
    WATCHDOG_RESET,
    WATCHDOG_SHUTDOWN,
    WATCHDOG_POWEROFF,
    WATCHDOG_INJECT_NMI,
    WATCHDOG_PAUSE,
    WATCHDOG_DEBUG,
    WATCHDOG_NONE
};

struct config {
    const char *program;      /* argv[0] */
    const char *arch;         /* NULL: the program's name did not say, nor did -arch */
    const struct arch *guest; /* that one, after the check */
    struct machine_config
        machine; /* kernel, initrd, append, dtb, bios, cpu, uuid are the command line's texts */
    const struct machine_class *machine_class;
    struct accel_config accel;

    /* Groups as written; next links several of one option. */
    struct keyvals
        *machine_group; /* all -machine, merged; after the check: properties of the board */
    struct keyvals *memory_group, *smp_group, *rtc_group, *icount_group, *semihosting_group,
        *action_group, *name_group, *accel_groups, *boot_group;
    struct keyvals *fsdevs, *virtfs;
    struct keyvals *drives, *devices, *netdevs, *nics, *nets, *chardevs, *objects, *mons, *fw_cfgs,
        *acpi_tables, *smbios, *numas;
    struct keyvals *globals; /* keys driver, property, value */

    /* What the check made of them. */
    struct firmware_config firmware;
    struct numa *numa; /* NULL: no nodes */
    bool hmat;         /* -machine hmat= */
    struct drive *drive_list;
    struct blockdev *blockdev_list;
    struct network *network_list;
    struct card *card_list;
    struct object *object_list;
    struct share *share_list;

    const char *memory_backend; /* -machine memory-backend=; NULL: anonymous memory */
    bool prealloc;              /* -mem-prealloc */

    struct text_list serials, monitors, firmware_dirs, blockdevs;
    const char *gdb; /* NULL: none; else a short back end */
    const char *display, *vga, *parallel, *debugcon;
    bool curses; /* -display curses */
    const char *log_items, *log_file, *log_filter;
    const char *pidfile;
    const char *load_state; /* -loadvm; NULL: the machine begins with a reset */
    const char *semihosting_chardev;
    const char *semihosting_arguments; /* of arg=, with blanks between; NULL: none */
    int semihosting_where;             /* enum semihost_where */
    const char *seed, *escape_char;

    bool nographic, no_defaults, paused, no_reboot, no_shutdown, snapshot, daemonize, semihosting,
        semihosting_user, version;
    bool user_config; /* no effect: there is none */

    int reboot, shutdown, panic; /* enum ..._action */
    int watchdog;                /* enum watchdog_action */
    uint8_t escape;              /* of the multiplexer */
    bool no_network;             /* -nic none, -net none */
    char **owned;                /* strings made while checking */
    size_t owned_count;
    char *help; /* what `help` was asked for: text to print; owned */
};

/*
 * Reads the arguments. The program's name (argv[0], without folders) chooses the architecture.
 * false: an error, or c->help is set: print it and end with status 0.
 */
bool options_parse(struct config *c, int argc, char **argv, struct error *e); /* *c zeroed */

/* Reads the groups. false: an error, or c->help is set. */
bool options_check(struct config *c, struct error *e);

void config_free(struct config *c);

/* Keeps text until config_free. */
const char *config_own(struct config *c, char *text);

/* The text of -help (arch: NULL if not known), and the OPTIONS section of the manual page in man(7)
 * source. Allocated. */
char *options_help(const char *program, const char *arch);
char *options_man(void);

/* "NAME   description" of each machine of the architecture; allocated. */
char *options_machines(const char *arch);

/* Makes the throttle group that an -object names, or sets its limits. */
bool options_throttle_group(struct block_graph *g, const struct keyvals *k, struct error *e);

#endif
