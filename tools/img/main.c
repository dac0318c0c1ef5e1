/* SPDX-License-Identifier: MIT */
/* dragoman-img: disk images from the command line, with qemu-img's commands. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "block/driver.h"
#include "config.h"
#include "tools/img/img.h"

const char command_program[] = "dragoman-img";

static const struct command *const commands[] = {
    &img_amend,   &img_bench,   &img_bitmap, &img_check,  &img_commit,
    &img_compare, &img_convert, &img_create, &img_dd,     &img_info,
    &img_map,     &img_measure, &img_rebase, &img_resize, &img_snapshot,
};

static void help(void)
{
    const struct block_driver *d;
    printf("Disk images: making, converting, looking at them.\n\n"
           "usage: dragoman-img COMMAND [OPTION...] NAME...\n"
           "       dragoman-img COMMAND --help\n"
           "       dragoman-img --version\n\ncommands:\n");
    for (size_t i = 0; i < array_len(commands); i++) {
        printf("  %-10s%s\n", commands[i]->name, commands[i]->summary);
    }
    printf("\nSupported formats:");
    for (size_t i = 0; (d = block_driver_at(i)); i++) {
        printf(" %s", d->name);
    }
    printf("\n");
}

static int run(const struct command *c, int argc, char **argv)
{
    struct command_line l;
    struct error e;
    int status;
    if (!command_line_read(&l, c, argc, argv, &e)) {
        status = command_usage(&l, "%s: %s", c->name, e.text);
    } else if (command_given(&l, COMMAND_HELP)) {
        command_help(c);
        status = 0;
    } else if (!img_objects(&l, &e)) {
        status = command_fail(&e);
    } else {
        status = c->run(&l);
    }
    command_line_free(&l);
    const bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written && status == 0) { /* who has read enough, and gone, wants no message */
        status = errno == EPIPE
                     ? 1
                     : command_failf("standard output cannot be written: %s", strerror(errno));
    }
    img_interrupt_end();
    return status;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    const char *names[array_len(commands)];
    signal(SIGPIPE, SIG_IGN);
    if (!word) {
        return command_failf("a command is missing; 'dragoman-img --help' lists them");
    }
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        help();
        return 0;
    }
    if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0) {
        printf("dragoman-img %s\n", DRAGOMAN_VERSION);
        return 0;
    }
    if (strcmp(word, "-T") == 0 || strncmp(word, "--trace", 7) == 0) {
        return command_failf("%s: there are no trace points", word);
    }
    if (strcmp(word, "-man") == 0) {
        for (size_t i = 0; i < array_len(commands); i++) {
            command_manual(commands[i]);
        }
        return 0;
    }
    for (size_t i = 0; i < array_len(commands); i++) {
        names[i] = commands[i]->name;
        if (strcmp(word, names[i]) == 0) {
            return run(commands[i], argc - 2, argv + 2);
        }
    }
    const char *near = error_nearest_name(word, names, array_len(names));
    return near ? command_failf("there is no command '%s'; did you mean '%s'?", word, near)
                : command_failf("there is no command '%s'; 'dragoman-img --help' lists them", word);
}
