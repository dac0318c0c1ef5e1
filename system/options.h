/* SPDX-License-Identifier: MIT */
/* The option table's shape, and the pieces of the command line between its files. */
#ifndef SYSTEM_OPTIONS_H
#define SYSTEM_OPTIONS_H

#include "system/cmdline.h"

enum option_section {
    SECTION_MACHINE,
    SECTION_BOOT,
    SECTION_DISK,
    SECTION_NETWORK,
    SECTION_CONSOLE,
    SECTION_DEVICE,
    SECTION_RUN,
    SECTION_DEBUG,
    SECTION_OTHER,
    SECTION_COUNT
};

enum option_kind {
    OPTION_TEXT,     /* const char * at offset: the last one counts */
    OPTION_TEXTS,    /* struct text_list at offset */
    OPTION_FLAG,     /* bool at offset: set */
    OPTION_GROUP,    /* struct keyvals * at offset: merged with earlier ones */
    OPTION_GROUPS,   /* struct keyvals * at offset: a list */
    OPTION_DRIVE,    /* a file name, for a group at offset that starts with the items in implied */
    OPTION_CALL,     /* take() */
    OPTION_HARMLESS, /* asks for nothing that there is: what rows accept is taken, without effect */
    OPTION_REFUSED   /* QEMU has it and this build has not: help says why, or what to use */
};

struct option {
    const char *name;
    const char *also; /* another name, or NULL */
    const char *arg;  /* how help names the argument; NULL: none */
    enum option_section section;
    enum option_kind kind;
    size_t offset; /* in struct config */
    const char *help;
    const char *implied; /* groups: the key of a first item without one */
    bool (*take)(struct config *c, const char *arg, struct error *e);
    const struct key_row *rows; /* OPTION_HARMLESS: the keys of the argument, all at offset 0 of 8
                                   bytes; NULL: any text */
};

extern const struct option options[]; /* ends with .name NULL */
extern const char *const option_sections[SECTION_COUNT];

/* True if text asks for help: "help" or "?". */
bool options_is_help(const char *text);

/* True if the group asks for help on itself: its first value or a later key is "help". */
bool options_want_help(const struct keyvals *k);

/* Stores text (which becomes the config's) as what to print; returns false, as the end of checking.
 */
bool options_give_help(struct config *c, char *text);

/* ---- the groups, each in the file of its topic; false: an error or help */

bool options_check_machine(
    struct config *c, struct error *e); /* options_machine.c: -M -cpu -m -smp -rtc -uuid -name */
bool options_check_accel(struct config *c, struct error *e); /* options_accel.c: -accel -icount */
/* Where packages put the option ROM of that name; the config's. NULL: it is not installed. */
const char *options_find_rom(struct config *c, const char *name);
bool options_check_screen(struct config *c, struct error *e);
bool options_check_run(
    struct config *c, struct error *e); /* options_run.c: -action -semihosting -d -seed -echr ... */
bool options_check_backends(
    struct config *c, struct error *e); /* options_backends.c: -netdev -nic -chardev -object ... */
bool options_check_disks(struct config *c, struct error *e); /* options_disks.c: -drive -blockdev */
bool options_check_devices(struct config *c,
                           struct error *e); /* options_devices.c: -device -global */
/* Lists the network that k ("KIND,id=ID,...") says, unopened, at the end; k outlives it. */
bool options_add_netdev(struct config *c, struct keyvals *k, struct error *e);
/* Takes the closed network at *at off its list. */
void options_drop_network(struct network **at);
char *options_network_cards(void); /* what -nic model= takes; allocated */
bool options_check_boot(struct config *c,
                        struct error *e); /* options_boot.c: -kernel -bios -L ... */

/* options_firmware.c: -boot -fw_cfg -acpitable; options_smbios.c: -smbios */
bool options_check_firmware(struct config *c, struct error *e);
bool options_check_numa(struct config *c, struct error *e); /* options_numa.c: -numa */
bool options_check_smbios(struct config *c, struct error *e);
/* The whole of a file of at most max bytes (mem_free); NULL with an error, which begins with where.
 */
uint8_t *options_read_file(const char *where, const char *path, uint64_t max, size_t *n,
                           struct error *e);

/* The arguments of options without an effect (options_harmless.c). */
extern const struct key_row audio_rows[], compat_rows[], msg_rows[], overcommit_rows[],
    run_with_rows[], sandbox_rows[], vnc_rows[];
bool options_take_harmless(struct config *c, const struct option *o, const char *arg,
                           struct error *e);

/* options_disks.c: an -object throttle-group. */
extern const struct key_row options_throttle_rows[]; /* for help; keys are block_throttle_set's */
bool options_check_throttle_group(const struct keyvals *k, struct error *e);

/* options_objects.c: -object; lists the one that k says, unopened, at the end, and k outlives it;
 * takes the closed one at *at off; bytes of a memory back end. */
bool options_check_objects(struct config *c, struct error *e);
struct object *options_add_object(struct config *c, const struct keyvals *k, struct error *e);
void options_drop_object(struct object **at);
void options_free_objects(struct config *c);
bool options_memory_bytes(const struct config *c, const char *id, uint64_t *bytes, struct error *e);
/* options_shares.c: -fsdev, -virtfs; before -device is checked */
bool options_check_shares(struct config *c, struct error *e);
void options_free_shares(struct config *c);
/* Rows under a title; allocated. */
char *options_rows_help(const char *title, const struct key_row *rows);

/* Free what options_check_backends and options_check_disks made. */
void options_free_backends(struct config *c);
void options_free_disks(struct config *c);

/* -global DRIVER.PROPERTY=VALUE */
bool options_take_global(struct config *c, const char *arg, struct error *e);
/* -watchdog-action ACTION */
bool options_take_watchdog(struct config *c, const char *arg, struct error *e);
bool options_take_help(struct config *c, const char *arg, struct error *e);
bool options_take_man(struct config *c, const char *arg, struct error *e);
bool options_take_set(struct config *c, const char *arg, struct error *e);
bool options_take_gdb_default(struct config *c, const char *arg, struct error *e);

#endif
