#include <string.h>

#include "core/config/config.h"
#include "docs/reference.h"
#include "tui/action.h"

// Backslashes, hyphens that are typed, and dots and quotes at the start of a line mean something to roff.
static void write_text(const char *text, FILE *out) {
    if (*text == '.' || *text == '\'')
        fprintf(out, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            fprintf(out, "\\e");
        else if (*text == '-')
            fprintf(out, "\\-");
        else if ((unsigned char)text[0] == 0xe2 && (unsigned char)text[1] == 0x80 &&
                 (unsigned char)text[2] == 0xa6) {
            fprintf(out, "...");
            text += 2;
        } else
            fputc(*text, out);
    }
}

static void write_option(const char *written, const char *help, FILE *out) {
    fprintf(out, ".RS\n.TP\n.B ");
    write_text(written, out);
    fprintf(out, "\n");
    write_text(help, out);
    fprintf(out, "\n.RE\n");
}

static void write_command(const action *self, FILE *out) {
    fprintf(out, ".TP\n.BR \"holm %s %.*s\"", action_noun_name(self->noun), (int)strcspn(self->words, " "),
            self->words);
    if (self->shortcuts)
        fprintf(out, " \", \" \"holm %.*s\"", (int)strcspn(self->shortcuts, " "), self->shortcuts);
    if (self->phrase)
        fprintf(out, " \", \" \"holm %s\"", self->phrase);
    fprintf(out, "\n");
    if (self->arguments) {
        fprintf(out, ".I ");
        write_text(self->arguments, out);
        fprintf(out, "\n.br\n");
    }
    write_text(self->help, out);
    fprintf(out, ".\n");
    reference_each_option(self->argp, write_option, out);
}

static const char before_commands[] =
    ".TH HOLM 1 \"\" \"holm " HOLM_VERSION "\" \"User Commands\"\n"
    ".SH NAME\n"
    "holm \\- containers, each in a virtual machine of its own, and a dashboard for them\n"
    ".SH SYNOPSIS\n"
    ".B holm\n.br\n"
    ".B holm\n[\\fB\\-\\-debug\\fR] \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
    ".SH DESCRIPTION\n"
    ".B holm\n"
    "runs OCI containers, each in a small Linux virtual machine of its own, as an ordinary user. Without "
    "arguments it\n"
    "opens the dashboard, which shows containers and images with their logs, statistics and consoles; "
    "\\fB?\\fR shows\n"
    "its keys. With a command it does that one thing. There is no daemon: one process for each running "
    "container and\n"
    "each network holds them, and any \\fBholm\\fR of the user finds them.\n"
    ".PP\n"
    "A command is a noun and a verb (\\fBholm container ls\\fR); the usual ones have a short form (\\fBholm "
    "ls\\fR).\n"
    "\\fBholm\\fR \\fICOMMAND\\fR \\fB\\-\\-help\\fR lists its options.\n"
    ".SH COMMANDS\n";

static const char after_commands[] =
    ".SH EXIT STATUS\n"
    "The exit status of the process for \\fBrun\\fR, \\fBexec\\fR, \\fBattach\\fR and \\fBstart \\-a\\fR; "
    "else 0, or\n"
    ".TP\n.B 125\nholm failed; standard error says in one sentence what, on what, and what to do\n"
    ".TP\n.B 126\nthe command was found in the image and cannot be invoked\n"
    ".TP\n.B 127\nthe command is not in the image\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B HOLM_CONFIG\nthe configuration file, in place of config.toml in the configuration folder\n"
    ".TP\n.B HOLM_KERNEL\nthe guest kernel, in place of the one that kernel/build.sh has built\n"
    ".TP\n.B HOLM_INITRAMFS\nthe guest image, in place of the one that came with holm\n"
    ".TP\n.BR XDG_DATA_HOME \", \" XDG_CACHE_HOME \", \" XDG_CONFIG_HOME \", \" XDG_RUNTIME_DIR\nwhere the "
    "folders below are\n"
    ".SH FILES\n"
    ".TP\n.I ~/.config/holm/config.toml\nthe configuration, see\n.BR holm\\-config (5)\n"
    ".TP\n.I ~/.local/share/holm\nimages, containers with their logs, state.db\n"
    ".TP\n.I ~/.cache/holm\nthe guest kernel\n"
    ".TP\n.I $XDG_RUNTIME_DIR/holm\nthe sockets of what is running; where the variable is not set "
    "/run/user/UID/holm, else /tmp/holm\\-UID\n"
    ".SH SEE ALSO\n"
    ".BR holm\\-config (5)\n";

void reference_holm_man(FILE *out) {
    fputs(before_commands, out);
    for (size_t i = 0; i < action_count(); i++)
        if (action_at(i)->words)
            write_command(action_at(i), out);
    fputs(after_commands, out);
}

void reference_config_man(FILE *out) {
    fputs(".TH HOLM\\-CONFIG 5 \"\" \"holm " HOLM_VERSION "\" \"File Formats\"\n"
          ".SH NAME\n"
          "holm\\-config \\- the configuration of holm\n"
          ".SH DESCRIPTION\n"
          "The file is TOML. An unknown key and a value of the wrong kind are errors that name file and "
          "line. The part\n"
          "before the dot is the section: \\fBcontainer.cpus\\fR is \\fBcpus\\fR under \\fB[container]\\fR.\n"
          ".SH KEYS\n",
          out);
    for (size_t i = 0; i < config_key_count; i++) {
        const config_key *key = &config_keys[i];
        fprintf(out, ".TP\n.B ");
        write_text(key->name, out);
        fprintf(out, "\n");
        write_text(key->help, out);
        fprintf(out, ".\n");
        if (key->choices) {
            fprintf(out, "One of: ");
            write_text(key->choices, out);
            fprintf(out, ".\n");
        }
        if (key->standard) {
            fprintf(out, "Default: ");
            write_text(key->standard, out);
            fprintf(out, ".\n");
        }
    }
    fputs(".SH FILES\n.I ~/.config/holm/config.toml\n.SH SEE ALSO\n.BR holm (1)\n", out);
}
