/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef PROCESS_H
#define PROCESS_H

/* First argument of our own program when the exec check starts it again. */
#define EXEC_CHILD "exec-child"
int exec_child(int argc, char **argv);

#endif
