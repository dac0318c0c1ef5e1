/* SPDX-License-Identifier: MIT */
/*
 * The option table: one row an option. The parser, -help and the manual page derive from it. The
 * key=value groups have their own tables, in the file of their topic.
 */
#include <stddef.h>

#include "system/options.h"

#define AT(member) offsetof(struct config, member)

const char *const option_sections[SECTION_COUNT] = {
    [SECTION_MACHINE] = "Machine",
    [SECTION_BOOT] = "Boot",
    [SECTION_DISK] = "Disks",
    [SECTION_NETWORK] = "Network",
    [SECTION_CONSOLE] = "Serial lines and monitor",
    [SECTION_DEVICE] = "Devices",
    [SECTION_RUN] = "Life of the machine",
    [SECTION_DEBUG] = "Debugging and determinism",
    [SECTION_OTHER] = "Other",
};

#define M SECTION_MACHINE
#define B SECTION_BOOT
#define D SECTION_DISK
#define N SECTION_NETWORK
#define C SECTION_CONSOLE
#define V SECTION_DEVICE
#define R SECTION_RUN
#define G SECTION_DEBUG
#define O SECTION_OTHER

#define TEXT(name_, arg_, section_, member_, help_)                                                \
    {                                                                                              \
        name_, NULL, arg_, section_, OPTION_TEXT, AT(member_), help_, NULL, NULL, NULL             \
    }
#define TEXTS(name_, arg_, section_, member_, help_)                                               \
    {                                                                                              \
        name_, NULL, arg_, section_, OPTION_TEXTS, AT(member_), help_, NULL, NULL, NULL            \
    }
#define FLAG(name_, section_, member_, help_)                                                      \
    {                                                                                              \
        name_, NULL, NULL, section_, OPTION_FLAG, AT(member_), help_, NULL, NULL, NULL             \
    }
#define GROUP(name_, also_, arg_, section_, member_, implied_, help_)                              \
    {                                                                                              \
        name_, also_, arg_, section_, OPTION_GROUP, AT(member_), help_, implied_, NULL, NULL       \
    }
#define GROUPS(name_, arg_, section_, member_, implied_, help_)                                    \
    {                                                                                              \
        name_, NULL, arg_, section_, OPTION_GROUPS, AT(member_), help_, implied_, NULL, NULL       \
    }
#define DRIVE(name_, items_, help_)                                                                \
    {                                                                                              \
        name_, NULL, "FILE", D, OPTION_DRIVE, AT(drives), help_, items_, NULL, NULL                \
    }
#define CALL(name_, also_, arg_, section_, take_, help_)                                           \
    {                                                                                              \
        name_, also_, arg_, section_, OPTION_CALL, 0, help_, NULL, take_, NULL                     \
    }
#define HARMLESS(name_, arg_, section_, implied_, rows_, help_)                                    \
    {                                                                                              \
        name_, NULL, arg_, section_, OPTION_HARMLESS, 0, help_, implied_, NULL, rows_              \
    }
#define REFUSED(name_, arg_, help_)                                                                \
    {                                                                                              \
        name_, NULL, arg_, O, OPTION_REFUSED, 0, help_, NULL, NULL, NULL                           \
    }

const struct option options[] = {
    TEXT("arch", "NAME", M, arch,
         "architecture of the guest, in place of the program's name; -arch help lists them"),
    GROUP("machine", "M", "NAME[,PROPERTY=VALUE...]", M, machine_group, "type",
          "machine; -machine help lists them, -machine NAME,help their properties"),
    TEXT("cpu", "MODEL[,FEATURE=on|off...]", M, machine.cpu, "CPU model; -cpu help lists them"),
    GROUP("m", NULL, "SIZE", M, memory_group, "size", "memory; a number alone counts MiB (128)"),
    FLAG("mem-prealloc", M, prealloc, "take the memory from the host at the start"),
    GROUP("smp", NULL, "N[,sockets=N][,cores=N][,threads=N][,maxcpus=N]", M, smp_group, "cpus",
          "number of CPUs (1)"),
    GROUPS("numa", "node|cpu|dist|hmat-lb|hmat-cache[,KEY=VALUE...]", M, numas, "type",
           "nodes of CPUs and memory, as guests are told; -numa help lists the keys"),
    GROUPS("accel", "tcg[,KEY=VALUE...]", M, accel_groups, "accel",
           "who runs the CPUs; -accel help, -accel tcg,help"),
    GROUP("rtc", NULL, "base=utc|localtime|DATE", M, rtc_group, NULL,
          "what the guest's clock shows at start, DATE as 2026-01-31T12:00:00"),
    TEXT("uuid", "UUID", M, machine.uuid, "the machine's identity"),
    GROUP("name", NULL, "TEXT", M, name_group, "guest", "the machine's name"),
    FLAG("snapshot", D, snapshot, "writes to all disks are dropped at the end"),

    TEXT("kernel", "FILE", B, machine.kernel,
         "kernel: Image (gzip, zstd, zboot), ELF, uImage, raw"),
    TEXT("initrd", "FILE", B, machine.initrd, "initial RAM disk"),
    TEXT("append", "TEXT", B, machine.append, "kernel command line"),
    TEXT("dtb", "FILE", B, machine.dtb, "device tree in place of the generated one"),
    TEXT("bios", "FILE", B, machine.bios,
         "firmware, searched in the folders of -L and those of the distribution"),
    GROUP("boot", NULL, "menu=on|off[,KEY=VALUE...]", B, boot_group, "order",
          "what firmware is to do at start; -boot help lists the keys"),
    GROUPS("fw_cfg", "NAME,file=FILE|string=TEXT", B, fw_cfgs, "name",
           "a file for firmware and guest; those of users begin with opt/"),
    GROUPS("acpitable", "[sig=TEXT,]data=FILE|file=FILE[,KEY=VALUE...]", B, acpi_tables, NULL,
           "an ACPI table more, without its header or with it; -acpitable help lists the keys"),
    GROUPS("smbios", "type=N[,KEY=VALUE...]|file=FILE", B, smbios, NULL,
           "what the SMBIOS tables say; -smbios help lists types and keys"),
    TEXTS("L", "FOLDER", B, firmware_dirs, "folder to search for firmware; several are allowed"),

    GROUPS("drive", "file=FILE[,if=KIND][,KEY=VALUE...]", D, drives, NULL,
           "disk; -drive help lists the keys"),
    TEXTS("blockdev", "DRIVER,node-name=NAME[,KEY=VALUE...]", D, blockdevs,
          "node of images by options or JSON, for -device ...,drive=NAME and other nodes; "
          "-blockdev help lists the drivers"),
    DRIVE("hda", "index=0,media=disk", "disk 0 of the machine's usual kind"),
    DRIVE("hdb", "index=1,media=disk", "disk 1"),
    DRIVE("hdc", "index=2,media=disk", "disk 2"),
    DRIVE("hdd", "index=3,media=disk", "disk 3"),
    DRIVE("cdrom", "index=2,media=cdrom", "disk 2, read-only"),
    DRIVE("fda", "if=floppy,index=0", "floppy in the first drive"),
    DRIVE("fdb", "if=floppy,index=1", "floppy in the second drive"),
    DRIVE("pflash", "if=pflash", "contents of the next flash bank"),

    GROUPS("fsdev", "local,id=ID,path=FOLDER,security_model=MODEL[,KEY=VALUE...]", D, fsdevs,
           "type", "folder of the host for -device virtio-9p-pci,fsdev=ID,mount_tag=TAG"),
    GROUPS("virtfs", "local,path=FOLDER,mount_tag=TAG,security_model=MODEL[,KEY=VALUE...]", D,
           virtfs, "type", "the same with its device"),

    GROUPS("netdev", "KIND,id=ID[,KEY=VALUE...]", N, netdevs, "type",
           "network back end; -netdev help lists the kinds"),
    GROUPS("nic", "KIND[,model=DEVICE][,mac=MAC][,KEY=VALUE...]", N, nics, "type",
           "network card and its back end in one; none: no card"),
    GROUPS("net", "none|nic[,KEY=VALUE...]|KIND[,KEY=VALUE...]", N, nets, "type",
           "the older form of -nic: a card and a back end by an option each, or none"),

    TEXTS("serial", "BACKEND", C, serials,
          "next serial line: stdio, mon:stdio, null, none, pty, file:PATH, pipe:PATH, unix:PATH, "
          "tcp:HOST:PORT, chardev:ID"),
    TEXTS("monitor", "BACKEND", C, monitors, "human monitor, on what -serial takes"),
    GROUPS("mon", "chardev=ID[,mode=readline]", C, mons, "chardev", "human monitor on a -chardev"),
    GROUPS("chardev", "KIND,id=ID[,KEY=VALUE...]", C, chardevs, "backend",
           "byte stream for serial lines, monitors and devices; -chardev help lists the kinds"),
    FLAG("nographic", C, nographic,
         "no window: serial line and monitor share the terminal, ctrl-a h for help"),
    TEXT("display", "none|curses", C, display,
         "where the screen is seen: curses: text modes in the terminal; none: nowhere, and nothing "
         "is on the terminal that was not asked for"),
    TEXT("vga", "std|none", C, vga, "the machine's screen: std: VGA"),
    TEXT("parallel", "BACKEND", C, parallel,
         "a parallel port whose printer is what -serial takes, or none"),
    TEXT("debugcon", "BACKEND", C, debugcon,
         "what is written to port 0xe9 goes to what -serial takes: -device isa-debugcon"),
    TEXT("echr", "N", C, escape_char, "code of the escape character in place of 1, ctrl-a"),

    GROUPS("device", "DRIVER[,PROPERTY=VALUE...]", V, devices, "driver",
           "a device; -device help lists them, -device DRIVER,help its properties"),
    GROUPS("object", "KIND,id=ID[,KEY=VALUE...]", V, objects, "qom-type",
           "a helper object; -object help lists the kinds"),
    CALL("global", NULL, "DRIVER.PROPERTY=VALUE", V, options_take_global,
         "default of a property for all devices of a driver"),
    CALL("set", NULL, "GROUP.ID.KEY=VALUE", V, options_take_set,
         "a further key of a -device, -drive, -netdev, -chardev or -object with that id"),
    FLAG("nodefaults", V, no_defaults,
         "no network card, serial line or monitor that was not asked for"),

    FLAG("S", R, paused, "wait for the monitor's cont before the first instruction"),
    TEXT("loadvm", "FILE", R, load_state,
         "begin with the state that the monitor's savevm has written into that file"),
    FLAG("no-reboot", R, no_reboot, "end where the guest reboots"),
    FLAG("no-shutdown", R, no_shutdown, "stop where the guest powers off"),
    GROUP("action", NULL, "EVENT=ACTION[,...]", R, action_group, NULL,
          "reboot=reset|shutdown, shutdown=poweroff|pause, panic=shutdown|pause|exit-failure|none, "
          "watchdog=reset|shutdown|poweroff|pause|debug|none"),
    CALL("watchdog-action", NULL, "ACTION", R, options_take_watchdog,
         "the same as -action watchdog=ACTION"),
    TEXT("pidfile", "FILE", R, pidfile, "file to hold the process number while the machine runs"),
    FLAG("daemonize", R, daemonize, "go into the background once the machine is built"),

    TEXT("gdb", "BACKEND", G, gdb, "serve gdb there: tcp::1234, unix:PATH, stdio"),
    CALL("s", NULL, NULL, G, options_take_gdb_default, "the same as -gdb tcp::1234"),
    TEXT("d", "ITEM[,ITEM...]", G, log_items, "log; -d help lists the items"),
    TEXT("D", "FILE", G, log_file,
         "log into a file instead of standard error; %d in its name is the process id"),
    TEXT("dfilter", "RANGE[,RANGE...]", G, log_filter,
         "log only for guest addresses FIRST..LAST or FIRST+SIZE"),
    FLAG("perfmap", G, accel.perf_map, "name generated code for perf, in /tmp/perf-PID.map"),
    FLAG("jitdump", G, accel.jit_dump,
         "write generated code and its names for perf inject --jit, to jit-PID.dump"),
    GROUP("icount", NULL, "shift=N|auto[,sleep=on|off][,stop=COUNT]", G, icount_group, "shift",
          "virtual time by instructions, 2^N ns each: the same run every time"),
    TEXT("seed", "N", G, seed, "seed of all randomness that the guest sees"),
    FLAG("semihosting", G, semihosting, "answer the guest's semihosting calls"),
    GROUP("semihosting-config", NULL, "enable=on|off[,chardev=ID][,arg=WORD...][,...]", G,
          semihosting_group, "enable",
          "the same: who has the files, where the console is, the guest's command line"),

    CALL("help", "h", NULL, O, options_take_help, "this text"),
    CALL("man", NULL, NULL, O, options_take_man, "the options as source of a manual page"),
    FLAG("version", O, version, "the version"),
    FLAG("no-user-config", O, user_config, "accepted: there are no configuration files"),

    HARMLESS("audio", "none", O, "driver", audio_rows, "none is accepted: there is no sound"),
    HARMLESS("audiodev", "none,id=ID", O, "driver", audio_rows, "the same"),
    HARMLESS("compat", "GROUP", O, NULL, compat_rows, "accepted"),
    HARMLESS("full-screen", NULL, C, NULL, NULL, "accepted: there is no window yet"),
    HARMLESS("k", "LANGUAGE", C, NULL, NULL, "accepted: there is no window with a keyboard yet"),
    HARMLESS("msg", "GROUP", O, NULL, msg_rows, "accepted: messages are as they are"),
    HARMLESS("only-migratable", NULL, R, NULL, NULL, "accepted: all devices can be saved"),
    HARMLESS("overcommit", "mem-lock=off,cpu-pm=off", M, NULL, overcommit_rows,
             "accepted as far as it asks for nothing"),
    HARMLESS("run-with", "async-teardown=off", R, NULL, run_with_rows,
             "accepted as far as it asks for nothing"),
    HARMLESS("sandbox", "off", O, "enable", sandbox_rows, "off is accepted"),
    HARMLESS("vnc", "none", C, "display", vnc_rows, "none is accepted: there is no window yet"),

    REFUSED("add-fd", "GROUP", "name the file, or /dev/fd/N"),
    REFUSED("dump-vmstate", "FILE", "the monitor's savevm writes a state"),
    REFUSED("enable-kvm", NULL, "this build has -accel tcg only"),
    REFUSED("enable-sync-profile", NULL,
            "-accel tcg,stats=on measures, the monitor's info jit tells"),
    REFUSED("incoming", "URI", "there is no migration yet; -loadvm begins with a saved state"),
    REFUSED("iscsi", "GROUP", "have the host attach the disk, and name its device with -drive"),
    REFUSED(
        "mem-path", "FILE",
        "use -object memory-backend-file,id=m,size=SIZE,mem-path=FILE -machine memory-backend=m"),
    REFUSED("mtdblock", "FILE", "use -drive if=pflash"),
    REFUSED("old-param", NULL, "kernels are given a device tree"),
    REFUSED("option-rom", "FILE", "firmware has its own drivers; leave it out"),
    REFUSED("plugin", "FILE", "use -d, or gdb"),
    REFUSED("preconfig", NULL, "use -S"),
    REFUSED("qmp", "BACKEND", "use -monitor"),
    REFUSED("qmp-pretty", "BACKEND", "use -monitor"),
    REFUSED("readconfig", "FILE", "write the options out"),
    REFUSED("runas", "USER", "start the program as that user"),
    REFUSED("sd", "FILE", "there is no card reader; use -drive"),
    REFUSED("shim", "FILE", "-kernel starts the kernel itself"),
    REFUSED("spice", "GROUP", "there is no window yet; use -nographic"),
    REFUSED("tpmdev", "GROUP", "there is no TPM yet"),
    REFUSED("trace", "GROUP", "use -d; -d help lists what is logged"),
    REFUSED("usb", NULL, "there is no USB yet; use virtio devices"),
    REFUSED("usbdevice", "DEVICE", "there is no USB yet; use virtio devices"),
    REFUSED("xen-attach", NULL, "there is no Xen here; use -accel tcg"),
    REFUSED("xen-domid", "ID", "there is no Xen here; use -accel tcg"),
    REFUSED("xen-domid-restrict", NULL, "there is no Xen here; use -accel tcg"),
    {0}};
