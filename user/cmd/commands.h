/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands; each stands in its own file. To add one: declare it here, list it in main.c. */
#ifndef RSSTRACE_CMD_COMMANDS_H
#define RSSTRACE_CMD_COMMANDS_H

#include "cmd/options.h"

#define EXIT_DIFFERS 1	/* diff --exit-code */
#define EXIT_WRONG 2	/* anything that went wrong */
#define EXIT_TRACER 125 /* the same, where the exit status is the launched command's */

extern const struct command cmd_live, cmd_record, cmd_mark, cmd_report, cmd_diff, cmd_export, cmd_snapshot,
	cmd_doctor;

#endif
