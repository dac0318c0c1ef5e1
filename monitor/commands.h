/* SPDX-License-Identifier: MIT */
/*
 * The monitor's commands as rows: the parser, `help`, completion and messages derive from them.
 * Each topic's rows stand beside their functions in monitor/cmd_<topic>.c.
 */
#ifndef MONITOR_COMMANDS_H
#define MONITOR_COMMANDS_H

#include "monitor/monitor.h"

enum {
    COMMAND_WORDS = 16
};

/* One call: the words after the command's name, and where its text goes. */
struct call {
    struct monitor_session *session;
    struct strbuf *out;
    const char *format; /* "/8xw" of x/8xw, behind the slash; else "" */
    unsigned count;
    const char *words[COMMAND_WORDS];
};

struct command {
    const char *name;
    const char *also;     /* another name, or NULL */
    const char *args;     /* for help: "[-a]" */
    unsigned least, most; /* words it takes */
    const char *help;
    void (*run)(struct call *c);
};

/* Tables end with .name NULL. */
extern const struct command commands_run[], commands_info[], commands_memory[], commands_log[],
    commands_help[], commands_balloon[], commands_state[], commands_dump[], commands_net[],
    commands_chardev[], commands_device[], commands_block[], commands_object[], commands_machine[],
    commands_input[], commands_screen[];
extern const struct command *const command_tables[]; /* of the commands; ends with NULL */
extern const struct command info_topics[];           /* behind `info` */

/* For info_topics: cmd_balloon.c, cmd_mappings.c. */
void info_balloon(struct call *c);
void info_mem(struct call *c);
void info_tlb(struct call *c);
/* cmd_input.c */
void info_mice(struct call *c);
/* cmd_machine.c */
void info_numa(struct call *c);
void info_hotpluggable_cpus(struct call *c);
void info_irq(struct call *c);
void info_pic(struct call *c);
void info_generation(struct call *c);
void info_lapic(struct call *c);
void info_memdev(struct call *c);

/* The row of that name in a table, or NULL. */
const struct command *command_find(const struct command *table, const char *name);

/* Runs row with the words of c, having checked their number. */
void command_run(const struct command *row, struct call *c);

/* "  name args   help" of each row. */
void commands_describe(const struct command *table, struct strbuf *out);

/* Words that may follow line: see lineedit.h. */
void commands_complete(const char *line, struct strbuf *out);

/* Who steers the machine. */
struct control *call_control(struct call *c);

/* What a command of control's has come to: nothing is said if it is good, else what is wrong. */
void call_report(struct call *c, bool good, const struct error *e);

/* The vCPU that the session is about. */
struct vcpu *call_vcpu(struct call *c);

/* Registers and the like are only in memory while the machine stands: stops it for the moment. What
 * it returns is what call_resume wants to know. */
bool call_pause(struct call *c);
void call_resume(struct call *c, bool running);

/* An address or number: decimal, 0x..., $REGISTER, and expressions of those, see expression.c. Says
 * what is wrong on c->out. */
bool expression_value(struct call *c, const char *text, uint64_t *value);
/* The same of the words from first on, as one text. */
bool expression_of_rest(struct call *c, unsigned first, uint64_t *value);

#endif
