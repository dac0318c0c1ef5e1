/* SPDX-License-Identifier: MIT */
/* The monitor's commands: splitting a line, finding the row, help and completion. See commands.h.
 */
#include "monitor/commands.h"

#include <ctype.h>
#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "cpu/cpu.h"

const struct command *const command_tables[] = {commands_help,
                                                commands_info,
                                                commands_run,
                                                commands_memory,
                                                commands_log,
                                                commands_balloon,
                                                commands_net,
                                                commands_chardev,
                                                commands_device,
                                                commands_block,
                                                commands_object,
                                                commands_machine,
                                                commands_state,
                                                commands_dump,
                                                commands_input,
                                                commands_screen,
                                                NULL};

static bool named(const struct command *row, const char *name)
{
    return strcmp(row->name, name) == 0 || (row->also && strcmp(row->also, name) == 0);
}

const struct command *command_find(const struct command *table, const char *name)
{
    for (; table->name; table++) {
        if (named(table, name)) {
            return table;
        }
    }
    return NULL;
}

static const struct command *find_anywhere(const char *name)
{
    const struct command *row = NULL;
    for (size_t i = 0; command_tables[i] && !row; i++) {
        row = command_find(command_tables[i], name);
    }
    return row;
}

void commands_describe(const struct command *table, struct strbuf *out)
{
    for (; table->name; table++) {
        char *left = mem_printf("%s%s%s %s", table->name, table->also ? "|" : "",
                                table->also ? table->also : "", table->args);
        strbuf_printf(out, "  %-28s %s\n", left, table->help);
        mem_free(left);
    }
}

/* Commands of QEMU's that are not built, and what there is in their place. */
static const struct {
    const char *name, *instead;
} not_built[] = {
    {"block_set_io_throttle", "limits are given with -drive or -object throttle-group"},
    {"boot_set", "-boot order= before the start"},
    {"chardev-add", "-chardev before the start"},
    {"chardev-change", "-chardev before the start"},
    {"chardev-remove", "-chardev before the start"},
    {"chardev-send-break", "sendkey is there for keyboards"},
    {"delvm", "the state is the file that savevm wrote"},
    {"drive_add", "-drive if=none,id=ID before the start, and device_add"},
    {"drive_backup", "block_stream and commit are there"},
    {"drive_del", "device_del takes the device, and its drive stays"},
    {"drive_mirror", "block_stream and commit are there"},
    {"exit_preconfig", "-S and cont are there"},
    {"gpa2hpa", "gpa2hva says where memory is in this process"},
    {"migrate", "savevm FILE, and -loadvm FILE there"},
    {"nbd_server_add", "dragoman-nbd serves images"},
    {"nbd_server_remove", "dragoman-nbd serves images"},
    {"nbd_server_start", "dragoman-nbd serves images"},
    {"nbd_server_stop", "dragoman-nbd serves images"},
    {"one-insn-per-tb", "gdb's stepi steps, log in_asm shows instructions"},
    {"qemu-io", "dragoman-img bench and dd, while the machine is off"},
    {"qom-get", "info qtree shows devices and their properties"},
    {"qom-list", "info qtree shows devices and their properties"},
    {"qom-set", "-global and -device set properties before the start"},
    {"snapshot_blkdev", "dragoman-img create -b, while the machine is off"},
    {"snapshot_blkdev_internal", "savevm FILE keeps the machine, dragoman-img snapshot a disk"},
    {"snapshot_delete_blkdev_internal", "dragoman-img snapshot -d, while the machine is off"},
    {"system_wakeup", "no machine sleeps"},
    {"trace-event", "log ITEM,... is there"},
};

static bool is_not_built(const char *name, struct strbuf *out)
{
    for (size_t i = 0; i < array_len(not_built); i++) {
        if (strcmp(not_built[i].name, name) == 0) {
            strbuf_printf(out, "'%s' is not built; %s\n", name, not_built[i].instead);
            return true;
        }
    }
    return false;
}

static void unknown(const char *name, struct strbuf *out)
{
    if (is_not_built(name, out)) {
        return;
    }
    enum {
        MAX = 64
    };
    const char *names[MAX];
    size_t n = 0;
    for (size_t i = 0; command_tables[i]; i++) {
        for (const struct command *row = command_tables[i]; row->name && n < MAX; row++) {
            names[n++] = row->name;
        }
    }
    const char *near = error_nearest_name(name, names, n);
    strbuf_printf(out, "unknown command '%s'", name);
    if (near) {
        strbuf_printf(out, "; did you mean '%s'?", near);
    }
    strbuf_puts(out, " ('help' lists all)\n");
}

void command_run(const struct command *row, struct call *c)
{
    if (c->count < row->least || c->count > row->most) {
        strbuf_printf(c->out, "usage: %s %s\n", row->name, row->args);
        return;
    }
    row->run(c);
}

/* Cuts text into words at blanks; a word may be quoted to hold some. False: too many. */
static bool split(char *text, struct call *c)
{
    for (;;) {
        while (isspace((unsigned char)*text)) {
            text++;
        }
        if (!*text) {
            return true;
        }
        if (c->count == COMMAND_WORDS) {
            return false;
        }
        bool quoted = *text == '"';
        text += quoted;
        c->words[c->count++] = text;
        while (*text && (quoted ? *text != '"' : !isspace((unsigned char)*text))) {
            text++;
        }
        if (*text) {
            *text++ = '\0';
        }
    }
}

static void drop_word(struct call *c)
{
    c->count--;
    memmove(c->words, c->words + 1, c->count * sizeof(c->words[0]));
}

static void run_line(struct monitor_session *s, const char *line, struct strbuf *out)
{
    char *text = mem_strdup(line);
    struct call c = {.session = s, .out = out, .format = ""};
    if (!split(text, &c)) {
        strbuf_printf(out, "more than %d words\n", COMMAND_WORDS);
    } else if (c.count) {
        char *name = (char *)c.words[0];
        char *slash = strchr(name, '/');
        if (slash) {
            *slash = '\0';
            c.format = slash + 1;
        }
        drop_word(&c);
        const struct command *row = find_anywhere(name);
        const bool formats = row && row->args && row->args[0] == '/';
        if (formats && !slash && c.count && c.words[0][0] == '/') { /* as "x /4i $pc" has it */
            c.format = c.words[0] + 1;
            drop_word(&c);
        }
        if (row) {
            command_run(row, &c);
        } else {
            unknown(name, out);
        }
    }
    mem_free(text);
}

/* Names of files and the like come from outside: they must not steer the terminal. */
void monitor_execute(struct monitor_session *s, const char *line, struct strbuf *out)
{
    struct strbuf said = {0};
    run_line(s, line, &said);
    strbuf_make_visible(&said);
    strbuf_bytes(out, strbuf_text(&said), said.len);
    strbuf_free(&said);
}

static void complete_from(const struct command *table, const char *word, struct strbuf *out)
{
    for (; table->name; table++) {
        if (strncmp(table->name, word, strlen(word)) == 0) {
            strbuf_printf(out, "%s ", table->name);
        }
    }
}

void commands_complete(const char *line, struct strbuf *out)
{
    const char *word = strrchr(line, ' ');
    if (!word) {
        for (size_t i = 0; command_tables[i]; i++) {
            complete_from(command_tables[i], line, out);
        }
    } else if (strncmp(line, "info ", 5) == 0 && word == line + 4) {
        complete_from(info_topics, word + 1, out);
    }
}

/* ---- arguments */

struct control *call_control(struct call *c)
{
    return c->session->context->control;
}

void call_report(struct call *c, bool good, const struct error *e)
{
    if (!good) {
        strbuf_printf(c->out, "%s\n", e->text);
    }
}

struct vcpu *call_vcpu(struct call *c)
{
    struct machine *m = c->session->context->machine;
    return m->vcpus[c->session->cpu < m->vcpu_count ? c->session->cpu : 0];
}

bool call_pause(struct call *c)
{
    struct accel *a = c->session->context->accel;
    const bool running = a && accel_running(a);

    if (running) {
        accel_stop(a);
    }
    return running;
}

void call_resume(struct call *c, bool running)
{
    if (running) {
        accel_start(c->session->context->accel);
    }
}

/* ---- help */

static void help(struct call *c)
{
    if (c->count) {
        const struct command *row = find_anywhere(c->words[0]);
        if (!row) {
            unknown(c->words[0], c->out);
            return;
        }
        strbuf_printf(c->out, "%s %s   %s\n", row->name, row->args, row->help);
        if (strcmp(row->name, "info") == 0) {
            commands_describe(info_topics, c->out);
        }
        return;
    }
    for (size_t i = 0; command_tables[i]; i++) {
        commands_describe(command_tables[i], c->out);
    }
}

const struct command commands_help[] = {{"help", "?", "[COMMAND]", 0, 1, "what there is", help},
                                        {0}};
