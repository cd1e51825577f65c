/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KERNEL_H
#define KERNEL_H

/* A check: nothing in the kernel's log tells of an error. */
void check_log(void);
void check_log_for_damage(void);

#endif
